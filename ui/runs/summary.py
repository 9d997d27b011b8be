"""What a run is doing, and the newest runs of a workspace, from a few small files each."""

import math
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from ltx_module.run_directory import RunDirectory
from ui.jobs.job import JobView
from ui.runs.bounded_json import read_bounded_json
from ui.runs.failures import Failure, from_status
from ui.runs.places import run_directory
from ui.workspace import Workspace

WORKING = ("starting", "checking", "encoding", "training", "sampling", "saving")
"""States in which a process of the run is alive."""

_REPORTED = ("checking", "encoding", "training", "sampling", "saving", "stopped", "finished", "failed")
_MAX_STATUS_BYTES = 64 * 1024
_RECIPE_HEAD_BYTES = 16 * 1024
_SECONDS_OF_TRUST = 20.0
"""A process that cannot be seen from here, as on another machine, is believed for so long after its last word."""
_INTERRUPTED = (
    "The process ended in the middle of its work and could not say why: it was killed, or the machine went down."
)


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """A run at a moment; None for what it has not told."""

    name: str
    state: str
    """queued, one of WORKING, or stopped, finished, failed, interrupted."""
    step: int = 0
    max_steps: int = 0
    eta_s: float | None = None
    loss: float | None = None
    seconds_per_step: float | None = None
    peak_gib: float | None = None
    heartbeat: float | None = None
    """When it last wrote its status, seconds since the epoch."""
    error: Failure | None = None
    suggestion: str = ""
    """Advice of `SuggestStop`."""
    started: float | None = None
    """When it began, or last began again with changes; seconds since the epoch."""
    begun: bool = False
    """Whether it has got as far as training, so that it can go on."""
    base_model: str = ""
    data: str = ""
    """Dataset as its recipe writes it."""
    job_id: str = ""
    """Its newest job here, empty where it was started elsewhere."""
    stopping: bool = False

    @property
    def working(self) -> bool:
        """Whether a process of it is alive."""
        return self.state in WORKING

    @property
    def progress(self) -> float:
        """Share of the steps that are done."""
        return min(1.0, self.step / self.max_steps) if self.max_steps else 0.0


def newest_fits(views: Iterable[JobView]) -> dict[str, JobView]:
    """The newest fit of each run.

    Args:
        views: Newest first.
    """
    found: dict[str, JobView] = {}
    for view in views:
        if view.job.kind == "fit" and view.job.run:
            found.setdefault(view.job.run, view)
    return found


def newest_runs(
    workspace: Workspace, fits: Mapping[str, JobView], *, limit: int, offset: int = 0
) -> tuple[list[RunSummary], int]:
    """A page of the runs, and how many there are: those at work first, then by their beginning, newest first.

    Of the others nothing is opened; they are looked at from outside, two stat calls each.

    Args:
        workspace: Whose runs.
        fits: The newest fit of each run.
        limit: Runs on the page.
        offset: Runs before it.
    """
    begun = _begun(workspace.runs)
    shown = ("queued", "running", "failed")
    unborn = {name for name, view in fits.items() if name not in begun and view.state in shown}
    active = {name: (view.state == "running", view.job.id) for name, view in fits.items() if view.active}

    def place(name: str) -> tuple[tuple[bool, str], float, str]:
        return active.get(name, (False, "")), begun[name] if name in begun else fits[name].job.created, name

    names = sorted({*begun, *unborn}, key=place, reverse=True)
    page = names[offset : offset + limit]
    return [_summary(RunDirectory(workspace.runs / name), fits.get(name)) for name in page], len(names)


def run_summary(workspace: Workspace, name: str, fits: Mapping[str, JobView]) -> RunSummary:
    """One run.

    Raises:
        ValueError: If there is no such run, nor a job that will make it.
    """
    if name in fits and not (workspace.runs / name).exists():
        return _summary(RunDirectory(workspace.runs / name), fits[name])
    return _summary(run_directory(workspace, name), fits.get(name))


def _begun(runs: Path) -> dict[str, float]:
    """Names of the directories that are runs, with the time of their beginning; no file is opened."""
    found: dict[str, float] = {}
    try:
        entries = list(os.scandir(runs))
    except OSError:
        return found
    for entry in (one for one in entries if one.is_dir(follow_symlinks=False)):  # a link may lead anywhere
        for name in ("recipe.yaml", "status.json"):
            try:
                found[entry.name] = (Path(entry.path) / name).stat().st_mtime
                break
            except OSError:
                continue
    return found


def _summary(run: RunDirectory, fit: JobView | None) -> RunSummary:
    content = read_bounded_json(run.status, _MAX_STATUS_BYTES)
    status = content if isinstance(content, dict) else {}
    state = _state(status, fit)
    error = _error(run, status, state, fit)
    suggestion = status.get("suggestion")
    recipe = _recipe_facts(run.recipe)
    working = state in WORKING
    return RunSummary(
        name=run.name,
        state=state,
        step=int(_number(status, "step") or 0),
        max_steps=int(_number(status, "max_steps") or 0),
        eta_s=_number(status, "eta_s") if working else None,
        loss=_number(status, "loss"),
        seconds_per_step=_number(status, "seconds_per_step"),
        peak_gib=_number(status, "peak_gib"),
        heartbeat=_number(status, "heartbeat"),
        error=error,
        suggestion=str(suggestion.get("text", "")) if isinstance(suggestion, dict) else "",
        started=_mtime(run.recipe) or (None if fit is None else fit.job.created),
        begun=run.started,
        base_model=recipe.get("base_model", ""),
        data=recipe.get("path", ""),
        job_id="" if fit is None else fit.job.id,
        stopping=working and (run.control / "stop").exists() if fit is None or not fit.active else fit.stopping,
    )


def _error(run: RunDirectory, status: Mapping[str, object], state: str, fit: JobView | None) -> Failure | None:
    """What went wrong, also where a run that had ended well could not go on."""
    if fit is not None and fit.error is not None and (fit.ended or 0.0) >= (_number(status, "heartbeat") or 0.0):
        own = from_status(status) if state == "failed" else None
        return own or fit.error
    if state == "interrupted":
        return Failure(text=_INTERRUPTED, fix=_way_on(run))
    return from_status(status) if state == "failed" else None


def _way_on(run: RunDirectory) -> str:
    """What resuming a run that was interrupted would do."""
    if run.states():
        return "Resume goes on from the last saved state."
    if run.started:
        return "Resume starts it at step 0, since nothing had been saved yet."
    return "Start it again: what had been encoded is kept."


def _state(status: Mapping[str, object], fit: JobView | None) -> str:
    """The run's state from what it wrote, what is known of its job, and whether its process lives."""
    told = str(status.get("state") or "")
    told = told if told in _REPORTED else ""
    beat = _number(status, "heartbeat") or 0.0
    if fit is not None and fit.state == "queued":
        return "queued"
    if fit is not None and fit.state == "running":
        return told if told and beat >= (fit.started or 0.0) else "starting"
    if fit is not None and (fit.ended or 0.0) >= beat - 1.0 and (told in WORKING or not told):
        return "failed" if fit.state == "failed" else "interrupted" if told else "stopped"
    if told in WORKING:
        return told if _lives(status, beat) else "interrupted"
    return told or "interrupted"


def _lives(status: Mapping[str, object], beat: float) -> bool:
    """Whether the process that wrote a status is alive; a younger one has only got its pid."""
    pid = _number(status, "pid")
    try:
        if pid and psutil.Process(int(pid)).create_time() <= beat + 1.0:
            return True
    except (psutil.Error, ValueError, OverflowError):
        pass
    return time.time() - beat < _SECONDS_OF_TRUST


def _recipe_facts(path: Path) -> dict[str, str]:
    """A few values of a resolved recipe, found without reading YAML."""
    try:
        with path.open("rb") as file:
            text = file.read(_RECIPE_HEAD_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return {}
    model = re.search(r"^model:\n(?:[ #].*\n|\n)*?  base_model: *(\S.*)$", text, re.MULTILINE)
    data = re.search(r"^data:\n(?:[ #].*\n|\n)*?  path: *(\S.*)$", text, re.MULTILINE)
    found = {"base_model": model, "path": data}
    return {key: match[1].strip().strip("'\"") for key, match in found.items() if match and match[1] != "null"}


def _number(status: Mapping[str, object], key: str) -> float | None:
    """A finite number of a status."""
    value = status.get(key)
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _mtime(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
