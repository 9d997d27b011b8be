"""What is said of each group of adapters, and which are said to learn nothing."""

import logging

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from callbacks import AdapterHealth
from ltx_module.adapters import LoRAConfig, adapter_groups, inject_lora
from ltx_module.checkpoint import Checkpoint
from tests.adapters.conftest import GOLDEN


@pytest.fixture
def groups(module) -> dict[str, list[torch.nn.Parameter]]:
    """Adapters of both streams' text attention, in a module that trains them."""
    module.transformer = Checkpoint(GOLDEN / "tiny-ltx-2.3.safetensors").load_transformer("av", torch.float32)
    inject_lora(module.transformer, LoRAConfig(rank=2, alpha=2.0, targets=["attn2.to_q", "audio_attn2.to_q"]), seed=0)
    return adapter_groups(module.transformer)


@pytest.fixture
def step(trainer, module, groups):
    """Ends a step whose gradients have these values in the parameters of these groups."""

    def run(callback: AdapterHealth, **gradients: float) -> None:
        for group, parameters in groups.items():
            for parameter in parameters:
                parameter.grad = torch.full_like(parameter, gradients[group]) if group in gradients else None
        callback.on_before_optimizer_step(trainer, module, None)
        callback.on_train_batch_end(trainer, module, {}, None, trainer.global_step - 1)
        trainer.global_step += 1

    return run


def started(trainer, module, **options) -> AdapterHealth:
    callback = AdapterHealth(**options)
    callback.on_train_start(trainer, module)
    return callback


def size(parameters) -> int:
    return sum(parameter.numel() for parameter in parameters)


def test_the_gradient_is_the_root_mean_square_over_the_steps_since_the_last_row(trainer, module, groups, step):
    callback = started(trainer, module, every_n_steps=2)
    for gradient in (3.0, 4.0, 1.0, 1.0):
        step(callback, attn2=gradient, audio_attn2=1.0)
    norms = [row["adapter/gradient_attn2"] for row in module.rows]
    root = size(groups["attn2"]) ** 0.5  # the norm of that many ones
    assert norms == pytest.approx([root * (25 / 2) ** 0.5, root])


def test_the_update_is_logged_as_norm_as_root_mean_square_and_beside_the_weights(trainer, module, groups, step):
    callback = started(trainer, module, every_n_steps=1)
    step(callback, attn2=1.0, audio_attn2=1.0)
    with torch.no_grad():
        for down, up in zip(groups["attn2"][::2], groups["attn2"][1::2], strict=True):
            down.fill_(0.5)
            up.fill_(0.25)
    step(callback, attn2=1.0, audio_attn2=1.0)
    fresh, moved = module.rows
    assert (fresh["adapter/update_attn2"], fresh["adapter/relative_attn2"]) == (0, 0)
    assert moved["adapter/rms_attn2"] == pytest.approx(2 * 0.5 * 0.25)  # rank 2: each entry is a sum of two products
    entries = sum(up.shape[0] * down.shape[1] for down, up in zip(*[iter(groups["attn2"])] * 2, strict=True))
    assert moved["adapter/update_attn2"] == pytest.approx(0.25 * entries**0.5)
    weights = [block.attn2.to_q.base_layer.weight.norm() for block in module.transformer.transformer_blocks]
    relative = moved["adapter/update_attn2"] / torch.stack(weights).norm().item()
    assert moved["adapter/relative_attn2"] == pytest.approx(relative)


def test_a_group_without_gradients_is_named_once_with_what_to_do(trainer, module, step, caplog):
    callback = started(trainer, module, every_n_steps=2)
    with caplog.at_level(logging.WARNING, "callbacks"):
        for _ in range(4):
            step(callback, attn2=1.0)
    (record,) = caplog.records
    message = record.getMessage()
    assert "no gradient in the last 2 steps" in message
    assert "audio text attention (audio_attn2)" in message
    assert "video" not in message.partition(". ")[0]
    assert "`model.audio_loss_weight`" in message
    assert [row["adapter/gradient_audio_attn2"] for row in module.rows] == [0, 0]


def test_a_gradient_of_zeros_is_no_gradient_and_the_video_has_its_own_advice(trainer, module, step, caplog):
    with caplog.at_level(logging.WARNING, "callbacks"):
        step(started(trainer, module, every_n_steps=1), attn2=0.0, audio_attn2=1.0)
    assert ["video text attention (attn2)" in record.getMessage() for record in caplog.records] == [True]
    assert "`model.video_loss_weight`" in caplog.text


def test_one_step_with_sound_in_a_row_is_enough(trainer, module, step, caplog):
    callback = started(trainer, module, every_n_steps=3)
    with caplog.at_level(logging.WARNING, "callbacks"):
        step(callback, attn2=1.0)
        step(callback, attn2=1.0, audio_attn2=1.0)
        step(callback, attn2=1.0)
    assert caplog.records == []


def test_a_half_filled_row_and_the_named_groups_survive_a_resume(trainer, module, groups, step, caplog):
    first = started(trainer, module, every_n_steps=2)
    for _ in range(3):
        step(first, attn2=2.0)
    second = AdapterHealth(every_n_steps=2)
    second.load_state_dict(first.state_dict())
    second.on_train_start(trainer, module)
    caplog.clear()
    step(second, attn2=4.0)
    assert module.rows[-1]["adapter/gradient_attn2"] == pytest.approx((size(groups["attn2"]) * (4 + 16) / 2) ** 0.5)
    assert caplog.records == []


class _NoReads(TorchDispatchMode):
    """Refuses to hand a number from the device to the host, which a GPU would have to be waited for."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert "_local_scalar_dense" not in str(function)
        return function(*args, **(kwargs or {}))


def test_a_step_without_a_row_reads_nothing_from_the_device(trainer, module, step):
    callback = started(trainer, module, every_n_steps=100)
    with _NoReads():
        step(callback, attn2=1.0)
    trainer.global_step = 100
    with _NoReads(), pytest.raises(AssertionError, match="_local_scalar_dense"):
        step(callback, attn2=1.0)
