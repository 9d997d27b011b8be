"""What is said of a full GPU: the part that filled it, and settings that fit."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from callbacks import MemoryGuard, SaveResumeState
from ltx_module.failures import GPUMemoryError, is_users, way_out
from ltx_module.out_of_memory import answering
from ltx_module.precision.card import Card
from ltx_module.precision.choose import Wanted, needed_bytes, usable
from ltx_module.precision.execution import Execution
from ltx_module.precision.smaller import smaller
from tests.precision.test_memory import JOB

GIB = 2**30
CARD = Card(name="a card", free=23 * GIB, total=24 * GIB, capability=(8, 9), host_free=32 * GIB)


def module(**values) -> SimpleNamespace:
    return SimpleNamespace(
        **{"transformer": None, "execution": None, "sample_config": SimpleNamespace(size="64x64x9")} | values
    )


@pytest.mark.parametrize(
    ("state", "values", "part"),
    [
        ("encoding", {}, "encoding the dataset"),
        ("encoding", {"execution": "settled"}, "loading the model"),
        ("sampling", {"execution": "settled", "transformer": "there"}, "sampling 64x64x9"),
        ("training", {"execution": "settled", "transformer": "there"}, "the step of bucket 96x64x9"),
    ],
)
def test_the_part_is_the_one_that_was_at_work(state, values, part):
    guard = MemoryGuard()
    guard.on_train_batch_start(None, None, SimpleNamespace(bucket="96x64x9"), 0)
    assert guard.part(SimpleNamespace(state=state), module(**values)) == part


def test_encoding_that_fills_the_gpu_is_told_with_what_takes_less():
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 512.00 MiB.")
    says = pytest.raises(GPUMemoryError, match=r"full in encoding the dataset: 512.00 MiB more were needed\.")
    with says as told, answering(SimpleNamespace(), module(), None, "encoding the dataset"):
        raise error
    assert is_users(told.value)
    assert "--data.text_encoder_precision nf4" in way_out(told.value)


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("CUDA error: an illegal memory access")])
def test_other_errors_pass_unchanged(error):
    with pytest.raises(type(error), match=str(error)), answering(SimpleNamespace(), module(), None, "saving"):
        raise error


@pytest.mark.parametrize("text", ["CUDA error: out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"])
def test_a_gpu_that_is_full_beside_the_allocator_is_told_alike(text):
    with pytest.raises(GPUMemoryError), answering(SimpleNamespace(), module(), None, "encoding the dataset"):
        raise RuntimeError(text)


@pytest.mark.parametrize(
    ("present", "settings"),
    [
        (Execution(dtype="bf16", checkpointed_blocks=0), "--model.dtype fp8 --model.gradient_checkpointing"),
        (Execution(dtype="fp8", checkpointed_blocks=12), "--model.gradient_checkpointing"),
        (Execution(dtype="fp8", checkpointed_blocks=48), "--model.swap_blocks"),
    ],
)
def test_the_settings_are_those_of_the_fastest_way_that_fits(present, settings):
    found = smaller(Wanted(), present, JOB, CARD)
    assert found.startswith(settings)
    given = dict(zip(*[iter(found.split())] * 2, strict=True))
    recomputed = given.get("--model.gradient_checkpointing", str(present.checkpointed_blocks))
    way = replace(
        present,
        dtype=given.get("--model.dtype", present.dtype),
        checkpointed_blocks=48 if recomputed == "true" else int(recomputed),
        swap_blocks=int(given.get("--model.swap_blocks", present.swap_blocks)),
    )
    assert needed_bytes(JOB, way) <= min(usable(CARD), needed_bytes(JOB, present))


def test_what_did_not_fit_is_not_proposed_again_whatever_the_estimate_says():
    large = replace(CARD, free=139 * GIB)
    present = Execution(dtype="fp8", checkpointed_blocks=0)
    assert smaller(Wanted(), present, JOB, large) not in (None, "")


def test_nothing_is_proposed_where_nothing_is_smaller():
    present = Execution(dtype="nf4", checkpointed_blocks=48, swap_blocks=48)
    assert smaller(Wanted(), present, JOB, replace(CARD, free=GIB)) is None


@pytest.mark.parametrize(("world_size", "saved"), [(1, True), (2, False)])
def test_the_last_step_is_saved_where_no_other_rank_waits(trainer, world_size, saved, monkeypatch):
    steps = []
    monkeypatch.setattr(SaveResumeState, "save", lambda self, trainer, module: steps.append(trainer.global_step))
    guard = MemoryGuard()
    trainer.callbacks, trainer.world_size, trainer.global_step = [guard, SaveResumeState()], world_size, 7
    guard.on_train_batch_start(trainer, None, SimpleNamespace(bucket="64x64x9"), 0)
    guard.on_exception(trainer, module(), torch.OutOfMemoryError("CUDA out of memory."))
    guard.on_exception(trainer, module(), ValueError("x"))
    assert steps == ([7] if saved else [])


@pytest.fixture
def trainer(tmp_path) -> SimpleNamespace:
    return SimpleNamespace(default_root_dir=str(tmp_path), optimizers=[])
