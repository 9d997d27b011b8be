"""Makes what is missing of a dataset's references, one after the other; a kill loses the one in hand only."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datamodules.manifest.clip import STILL_SUFFIXES, VIDEO_SUFFIXES, MediaError
from datamodules.references.jobs import Job
from datamodules.references.make import make_reference
from datamodules.references.signal import Signal
from datamodules.references.stamp import Recipe, read_stamp

logger = logging.getLogger(__name__)

State = Literal["made", "up to date", "kept", "failed"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a reference."""

    name: str
    """The clip's."""
    target: Path
    """Where the reference lies."""
    state: State
    """`kept` is one that this tool did not make: it is never written over."""
    reason: str = ""
    """Why it was made anew, kept, or could not be made."""

    def __str__(self) -> str:
        return f"{self.name}: {self.state}" + (f" ({self.reason})" if self.reason else "")


def run_jobs(jobs: Sequence[Job], signal: Signal, recipe: Recipe, *, force: bool = False) -> Iterator[Outcome]:
    """Makes each reference that is missing or out of date.

    Args:
        jobs: The references.
        signal: What makes the pictures.
        recipe: Of `recipe_of`.
        force: Whether to make those anew that are up to date.

    Yields:
        One outcome for each job, in order.
    """
    for job in jobs:
        try:
            state, reason = _due(job, recipe, force=force)
            if state == "made":
                make_reference(job.source, job.target, signal, recipe)
        except MediaError as error:
            state, reason = "failed", error.reason
        except OSError as error:
            state, reason = "failed", str(error)
        yield Outcome(name=job.name, target=job.target, state=state, reason=reason)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Such as `12 made, 3 up to date`."""
    counts = Counter(outcome.state for outcome in outcomes)
    order: tuple[State, ...] = ("made", "up to date", "kept", "failed")
    return ", ".join(f"{counts[state]} {state}" for state in order if counts[state])


def _due(job: Job, recipe: Recipe, *, force: bool) -> tuple[State, str]:
    """Whether the reference is to be made, and why."""
    others = [file for file in _of_stem(job.target) if file != job.target]
    if others:
        return "kept", f"{others[0].name} is there; delete it to have one made"
    if not job.target.exists():
        return "made", ""
    stamp = read_stamp(job.target)
    if stamp is None:
        return "kept", "it was not made by this tool; delete it to have it made"
    if force:
        return "made", "forced"
    if stamp.recipe != recipe:
        return "made", "the settings have changed"
    if not stamp.is_of(job.source):
        return "made", "the clip has changed"
    return "up to date", ""


def _of_stem(target: Path) -> list[Path]:
    """Videos and stills that would be paired with the same clip."""
    if not target.parent.is_dir():
        return []
    suffixes = VIDEO_SUFFIXES + STILL_SUFFIXES
    return [path for suffix in suffixes if (path := target.with_suffix(suffix)).exists()]
