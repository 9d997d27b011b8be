"""Learning-rate schedules are closed forms of the step."""

import pytest
import torch
from torch.optim import SGD

from ltx_module.schedules import WarmupDecay


def rates(steps: int, **options) -> list[float]:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = WarmupDecay(optimizer, **options)
    schedule.stretch(steps)
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


def test_warmup_rises_in_equal_parts_to_the_full_rate():
    assert rates(8, warmup_steps=3) == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 1])


def test_linear_decay_ends_at_the_final_fraction():
    seen = rates(11, decay="linear", final_fraction=0.1)
    assert seen[0] == pytest.approx(1.0)
    assert seen[5] == pytest.approx(0.55)  # half way between 1 and 0.1
    assert seen[-1] == pytest.approx(0.1)


def test_cosine_decay_is_half_way_down_in_the_middle():
    seen = rates(11, decay="cosine", final_fraction=0.0)
    assert seen[5] == pytest.approx(0.5)
    assert seen[-1] == pytest.approx(0.0, abs=1e-12)


def test_a_resumed_schedule_continues_and_stretches_to_more_steps():
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = WarmupDecay(optimizer, decay="linear", final_fraction=0.0)
    schedule.stretch(21)
    schedule.load_state_dict({"last_epoch": 10})
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1.0)


def test_a_warmup_as_long_as_the_run_is_cut_to_a_tenth():
    assert rates(20, warmup_steps=50)[:4] == pytest.approx([1 / 3, 2 / 3, 1, 1])
