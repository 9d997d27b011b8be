"""Optimizers that a recipe names: which kernel they use, and that their own state outlives a resume."""

import copy

import pytest
import torch
from prodigyopt import Prodigy
from torch import nn
from torch.optim import AdamW

from ltx_module.optimizers import prepared
from ltx_module.schedules import group_options, restore_options

ON_GPU = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


def weights(device: str = "cpu") -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator).to(device)) for shape in ((8, 64), (64, 8))]


def step(optimizer: torch.optim.Optimizer, number: int) -> None:
    generator = torch.Generator().manual_seed(number)
    for parameter in optimizer.param_groups[0]["params"]:
        parameter.grad = torch.randn(parameter.shape, generator=generator).to(parameter.device)
    optimizer.step()


def test_a_resume_keeps_the_rate_that_prodigy_has_found():
    first, second = (Prodigy(weights(), lr=1.0) for _ in range(2))
    recipe = group_options(second)
    for _ in range(20):
        step(first, 0)  # always the same way, so that it dares more and more
    found = first.param_groups[0]["d"]
    assert found > 2 * first.param_groups[0]["d0"]
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    restore_options(second, None, recipe)
    assert (second.param_groups[0]["d"], second.param_groups[0]["k"]) == (found, 20)


def test_what_the_recipe_says_wins_over_the_state():
    optimizer = AdamW(weights(), lr=1e-3, weight_decay=0.1)
    recipe = group_options(AdamW(weights(), lr=2e-3, weight_decay=0.3))
    restore_options(optimizer, None, recipe)
    assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["weight_decay"]) == (2e-3, 0.3)


def test_an_optimizer_on_the_cpu_and_one_with_a_kernel_of_its_own_stay_as_they_are():
    assert prepared(AdamW(weights())).param_groups[0]["fused"] is None
    assert prepared(AdamW(weights(), foreach=True)).param_groups[0]["foreach"] is True
    assert "fused" not in prepared(Prodigy(weights())).param_groups[0]


def test_an_optimizer_that_trains_other_weights_than_it_delivers_is_refused():
    optimizer = AdamW(weights())
    optimizer.train = optimizer.eval = lambda: None
    with pytest.raises(ValueError, match=r"model\.optimizer.*AdamW.*schedule-free"):
        prepared(optimizer)


def test_gradients_of_a_fused_optimizer_can_be_clipped():
    from lightning.pytorch.plugins.precision import MixedPrecision

    optimizer = prepared(AdamW(weights(), fused=True))
    MixedPrecision("bf16-mixed", "cpu").clip_gradients(optimizer, 1.0)  # refuses what would unscale gradients itself


@pytest.mark.parametrize("start", ["cpu", pytest.param("cuda", marks=ON_GPU)])
@pytest.mark.parametrize("device", [pytest.param("cuda", marks=ON_GPU)])
def test_the_fused_kernel_goes_on_from_any_state_and_gives_the_same_weights(start, device):
    plain, resumed = AdamW(weights(start), lr=1e-2, foreach=False), prepared(AdamW(weights(device), lr=1e-2))
    for number in range(3):
        step(plain, number)
    recipe = group_options(resumed)
    resumed.load_state_dict(copy.deepcopy(plain.state_dict()))
    restore_options(resumed, None, recipe)
    assert resumed.param_groups[0]["fused"]
    pairs = list(zip(plain.param_groups[0]["params"], resumed.param_groups[0]["params"], strict=True))
    for ours, theirs in pairs:
        theirs.data.copy_(ours.data)
    for number in range(3, 6):
        step(plain, number)
        step(resumed, number)
    for ours, theirs in pairs:
        torch.testing.assert_close(ours.cpu(), theirs.cpu(), rtol=1e-5, atol=1e-6)
