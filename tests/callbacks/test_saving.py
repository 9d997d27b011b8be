"""The callbacks that save: whole files, old ones kept until the new one is there, nothing that is not a number."""

from pathlib import Path

import pytest
import torch

from callbacks import SaveLoRA, SaveResumeState, StopOnNaN
from callbacks.stop_on_nan import NotFiniteError
from tests.callbacks.conftest import make_batch


@pytest.fixture
def states(trainer) -> Path:
    """The directory of the run's resume states; saving writes the step into the file."""
    directory = Path(trainer.default_root_dir) / "checkpoints"
    directory.mkdir(parents=True)
    trainer.save_checkpoint = lambda path: Path(path).write_text(str(trainer.global_step))
    return directory


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_the_newest_states_are_kept(trainer, module, states):
    callback = SaveResumeState(every_n_steps=2, keep_last=2)
    for step in range(1, 9):
        trainer.global_step = step
        callback.on_train_batch_end(trainer, module, {}, None, step - 1)
    assert names(states) == ["step_000006.ckpt", "step_000008.ckpt"]


def test_a_save_that_fails_midway_leaves_the_old_states(trainer, module, states):
    callback = SaveResumeState(keep_last=2)
    for trainer.global_step in (1, 2):
        callback.save(trainer, module)

    def fail(path: Path) -> None:
        Path(path).write_text("half")
        raise OSError("No space left on device")

    trainer.save_checkpoint, trainer.global_step = fail, 3
    with pytest.raises(OSError, match="No space left"):
        callback.save(trainer, module)
    assert [name for name in names(states) if name.endswith(".ckpt")] == ["step_000001.ckpt", "step_000002.ckpt"]
    assert (states / "step_000002.ckpt").read_text() == "2"


def test_the_last_step_and_an_early_stop_are_saved_whatever_the_period(trainer, module, states):
    callback = SaveResumeState(every_n_steps=7)
    for step, stop in ((3, False), (4, True), (10, False)):
        trainer.global_step, trainer.should_stop = step, stop
        callback.on_train_batch_end(trainer, module, {}, None, step - 1)
    assert names(states) == ["step_000004.ckpt", "step_000010.ckpt"]


def test_a_stop_inside_an_accumulation_waits_for_the_step(trainer, module, states):
    trainer.accumulate_grad_batches, trainer.should_stop = 2, True
    SaveResumeState().on_train_batch_end(trainer, module, {}, None, 0)
    assert names(states) == []
    SaveResumeState().on_train_batch_end(trainer, module, {}, None, 1)
    assert names(states) == ["step_000001.ckpt"]


@pytest.mark.parametrize("callback", [SaveLoRA(), SaveResumeState()])
def test_adapters_that_are_no_numbers_are_not_saved(callback, trainer, module, states):
    module.adapter[1] = torch.inf
    trainer.global_step = 10
    with pytest.raises(NotFiniteError, match="after step 10"):
        callback.on_train_batch_end(trainer, module, {}, None, 9)
    assert names(states) == []


def test_a_loss_that_is_still_to_be_read_is_read_before_saving(trainer, module, states):
    guard = StopOnNaN()
    guard._pending = (torch.tensor(torch.nan), ("walk.mp4@0.00s",), 7)
    trainer.callbacks = [guard]
    with pytest.raises(NotFiniteError, match=r"step 7 is nan, with walk\.mp4@0\.00s"):
        SaveResumeState().save(trainer, module)
    assert names(states) == []


def test_a_finite_loss_passes(trainer, module):
    StopOnNaN().on_train_batch_end(trainer, module, {"loss": torch.tensor(2.0)}, make_batch(), 0)


def test_lora_files_are_dropped_oldest_first_and_never_the_new_one(trainer, module):
    callback = SaveLoRA(every_n_steps=1, keep_last=2)
    for trainer.global_step in (2, 100, 30):  # a run resumed from step 29 meets a file of step 100
        callback.save(trainer, module)
    assert names(Path(trainer.default_root_dir) / "lora") == [
        "step_000002.safetensors",
        "step_000030.safetensors",
        "step_000100.safetensors",
    ]
    trainer.global_step = 31
    callback.save(trainer, module)
    assert "step_000031.safetensors" in names(Path(trainer.default_root_dir) / "lora")
