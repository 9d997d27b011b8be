"""The held-out loss over a run, and what it says about going on."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ltx_module.run_directory import RunDirectory

HELD_OUT, TRAINING = "val/loss", "train/loss_since_validation"
"""Columns of `metrics.csv`."""

_RISES = 2


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What one validation said."""

    step: int
    held_out: float
    """Loss on the held-out clips at fixed noise levels."""
    training: float
    """Mean training loss since the validation before."""


def read_history(run: RunDirectory, last_step: int) -> list[Validation]:
    """The run's validations up to a step, oldest first, from `metrics.csv`."""
    if last_step == 0 or not run.metrics.is_file():
        return []
    with run.metrics.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row.get(HELD_OUT) and row.get(TRAINING)]
    return [
        Validation(step=int(row["step"]), held_out=float(row[HELD_OUT]), training=float(row[TRAINING]))
        for row in rows
        if int(row["step"]) <= last_step
    ]


def best_of(history: Sequence[Validation]) -> Validation:
    """The validation with the lowest held-out loss; the earliest of equals."""
    return min(history, key=lambda validation: validation.held_out)


def reason_to_stop(history: Sequence[Validation], patience: int, tolerance: float) -> str | None:
    """Why training should end, in words, or None while it should go on.

    Args:
        history: Validations, oldest first.
        patience: Validations in a row without improvement that are enough.
        tolerance: Change of the held-out loss that counts, as a share of it.
    """
    if (waited := _without_improvement(history, tolerance)) >= patience:
        return f"the held-out loss has not improved for {waited} validations"
    if _diverges(history, tolerance):
        return f"the training loss falls while the held-out loss has risen {_RISES} times in a row"
    return None


def _without_improvement(history: Sequence[Validation], tolerance: float) -> int:
    """Validations since the last one that was better than all before by more than the tolerance."""
    waited, reference = 0, float("inf")
    for validation in history:
        waited += 1
        if validation.held_out < reference * (1 - tolerance):
            waited, reference = 0, validation.held_out
    return waited


def _diverges(history: Sequence[Validation], tolerance: float) -> bool:
    """Whether the held-out loss rises from its best while training goes on to learn.

    The training loss is compared over as many validations up to the best as come after it, where there are so many: its
    noise levels are drawn, so a single mean says little.
    """
    if not history:
        return False
    number = history.index(best_of(history))
    since = history[number + 1 :]
    until = history[max(0, number + 1 - len(since)) : number + 1]
    if len(since) < _RISES:
        return False
    levels = [validation.held_out for validation in (history[number], *since[-_RISES:])]
    rises = all(after > before for before, after in pairwise(levels)) and levels[-1] > levels[0] * (1 + tolerance)
    return rises and _mean_training(since) < _mean_training(until)


def _mean_training(validations: Sequence[Validation]) -> float:
    return sum(validation.training for validation in validations) / len(validations)
