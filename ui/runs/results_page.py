"""What the results page does, without its components: plain values in, plain values out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from ui.jobs.job import JobView, Kind
from ui.jobs.runner import Runner
from ui.runs.evaluations import evaluation
from ui.runs.favourite import Choice, clear_favourite, favourite, mark_favourite
from ui.runs.grid_value import grid_value, stamp
from ui.runs.places import run_directory
from ui.runs.run_rows import run_names, run_rows
from ui.runs.sample_folders import Source
from ui.runs.sample_record import number, text
from ui.runs.samples import GridRequest, View
from ui.runs.summary import newest_fits
from ui.runs.verdict_html import verdict_html
from ui.workspace import Workspace

CHOOSE = ["No run is chosen", "Choose a run from the list above to see its samples."]

_FITS: tuple[Kind, ...] = ("fit",)
_MAKERS: tuple[Kind, ...] = ("evaluate", "sample")
_MOST_JOBS = 6
_MOST_COMPARED = 500
_STATES = {"queued": "waits in the queue", "running": "running", "lost": "ended without a word"}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the page's controls say; values of a browser, so that anything may stand in them."""

    run: str
    source: Any = "samples"
    view: Any = None
    checkpoint: Any = ""
    seed: Any = None
    other: Any = ""
    windows: Any = None
    """Numbers of the windows, `{"columns": 2, "rows": 0}`."""

    @property
    def request(self) -> GridRequest:
        """The request, with what is none of the choices left open."""
        windows = self.windows if isinstance(self.windows, Mapping) else {}
        columns, rows, seed = (number(one) for one in (windows.get("columns"), windows.get("rows"), self.seed))
        return GridRequest(
            run=self.run,
            source=self.source if self.source in get_args(Source) else "samples",
            view=self.view if self.view in get_args(View) else None,
            checkpoint=text(self.checkpoint),
            seed=None if seed is None else int(seed),
            column_window=None if columns is None else int(columns),
            row_window=int(rows or 0),
        )


def shown_grid(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    """The grid's value; without a run it says what to do.

    Raises:
        ValueError: If there is no such run.
    """
    if not asked.run:
        return {"rows": [], "columns": [], "empty": CHOOSE, "stamp": ""}
    return grid_value(workspace, asked.request, text(asked.other))


def listed_runs(
    workspace: Workspace, runner: Runner, search: Any, state: Any, page: int, chosen: str
) -> dict[str, Any]:
    """The list of runs, the chosen one marked."""
    fits = newest_fits(runner.views(kinds=_FITS, limit=500))
    return {**run_rows(workspace, fits, text(search), text(state), page), "chosen": chosen}


def comparable(workspace: Workspace, run: str) -> list[str]:
    """Names of the runs that one can be compared with, newest first."""
    return [name for name in run_names(workspace) if name != run][:_MOST_COMPARED]


def headline(workspace: Workspace, run: str) -> tuple[str, bool]:
    """The favourite of a run in words, and whether there is one."""
    found = favourite(workspace, run) if run else None
    if found is None:
        hint = "No favourite yet: press the star of a checkpoint, or F on a sample. Try it and Export begin with it."
        if run and not run_directory(workspace, run).loras():
            hint = "It has saved no checkpoint yet: there is nothing to evaluate, to sample, to try or to export."
        return (f"{run}. {hint}" if run else ""), False
    return f"{run}. The favourite is {found.checkpoint} at strength {found.strength:g}.", True


def verdict(workspace: Workspace, run: str) -> str:
    """The evaluation of a run as HTML; empty without a run."""
    return verdict_html(evaluation(workspace, run)) if run else ""


def mark(workspace: Workspace, event: Mapping[str, Any]) -> None:
    """Do what the grid asked for with the favourite.

    Args:
        workspace: Whose run.
        event: `run`, `checkpoint`, `strength`, `sample`, `on` (or take the mark off) and `seen`, its version.

    Raises:
        ValueError: If the run or file is none, or another page chose in the meantime.
    """
    run, seen = text(event.get("run")), text(event.get("seen"))
    if not event.get("on"):
        return clear_favourite(workspace, run, seen)
    strength = number(event.get("strength"))
    choice = Choice(
        checkpoint=text(event.get("checkpoint")),
        strength=1.0 if strength is None else strength,
        sample=text(event.get("sample")),
    )
    mark_favourite(workspace, run, choice, seen)
    return None


def jobs_of(runner: Runner, run: str) -> dict[str, Any]:
    """The evaluations and samples that were started here for a run, newest first."""
    views = runner.views(kinds=_MAKERS, run=run, limit=_MOST_JOBS) if run else []
    return {"jobs": [_job(runner, view) for view in views]}


def _job(runner: Runner, view: JobView) -> dict[str, Any]:
    told = _STATES.get(view.state, view.state)
    lines = []
    if view.state == "queued" and view.position:
        told = f"waits in the queue, place {view.position}"
    elif view.state == "running":
        lines = runner.log(view.job.id, 4_000).strip().splitlines()[-1:]
    elif view.error:
        lines = [view.error.text, *([f"What to do: {view.error.fix}"] if view.error.fix else [])]
    return {
        "id": view.job.id,
        "title": view.job.title,
        "state": view.state,
        "told": told,
        "active": view.active,
        "stopping": view.stopping,
        "command": view.command,
        "lines": [line[:600] for line in lines],
    }


def state_of(workspace: Workspace, runner: Runner, run: str, other: str) -> tuple[str, dict[str, Any]]:
    """What the page compares to know whether something has changed: a stamp of the files, and the jobs."""
    runs = [name for name in (run, other) if name]
    return stamp(workspace, runs), jobs_of(runner, run)
