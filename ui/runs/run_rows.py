"""The list of runs on the results page: newest first, in pages, searched by name and state.

The names and the age of each run's status are looked at; a status is read of the runs on the page alone, or of all that
the search leaves where a state is asked for.
"""

import os
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from ui.jobs.job import JobView
from ui.runs.summary import WORKING, RunSummary, run_summary
from ui.runs.window import windowed
from ui.workspace import Workspace

PAGE = 8
"""Runs of a page."""

MAX_RUNS = 5_000
"""Runs that are looked at."""

STATES = ("any state", "finished", "stopped", "failed", "in progress")
"""Choices of the filter."""

_MEANT = {
    "finished": ("finished",),
    "stopped": ("stopped", "interrupted"),
    "failed": ("failed",),
    "in progress": ("queued", *WORKING),
}


def run_rows(workspace: Workspace, fits: Mapping[str, JobView], search: str, state: str, page: int) -> dict[str, Any]:
    """What the list of runs draws.

    Args:
        workspace: Whose runs.
        fits: The newest fit of each run.
        search: Words that the name must hold, all of them.
        state: One of `STATES`.
        page: From 0; moved to the nearest there is.
    """
    everything = _names(workspace)
    words = search.lower().split()
    names = [name for name in everything if all(word in name.lower() for word in words)]
    if state in _MEANT:
        names = [name for name in names if run_summary(workspace, name, fits).state in _MEANT[state]]
    window, shown = windowed(names, page, PAGE)
    return {
        "rows": [_row(workspace, run_summary(workspace, name, fits)) for name in shown],
        "page": window.number,
        "pages": window.windows,
        "text": f"{window.first} to {window.last} of {window.total} runs" if names else "",
        "empty": "" if names else _empty(everything),
    }


def run_names(workspace: Workspace) -> list[str]:
    """Names of the runs, newest first."""
    return _names(workspace)


def _names(workspace: Workspace) -> list[str]:
    try:
        with os.scandir(workspace.runs) as entries:
            folders = [entry.name for entry in islice(entries, MAX_RUNS) if entry.is_dir() and entry.name[:1] != "."]
    except OSError:
        return []
    return sorted(folders, key=lambda name: (-_changed(workspace.runs / name), name))


def _changed(run: Path) -> float:
    """When the run wrote its status last, else when its folder changed."""
    for path in (run / "status.json", run):
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return 0.0


def _row(workspace: Workspace, summary: RunSummary) -> dict[str, Any]:
    run = workspace.runs / summary.name
    changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(_changed(run)))
    marks = [
        word
        for word, file in (("evaluated", "evaluation/evaluation.json"), ("favourite", "favourite.json"))
        if (run / file).is_file()
    ]
    return {
        "name": summary.name,
        "state": summary.state,
        "step": f"{summary.step:,} steps" if summary.step else "",
        "changed": changed,
        "marks": ", ".join(marks),
    }


def _empty(everything: list[str]) -> str:
    if everything:
        return "No run matches: change the search or the state."
    return "There are no runs yet. Choose a recipe on the Recipe page and start it: its samples appear here."
