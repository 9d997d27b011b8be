"""Where a run lies, from the name that a browser gave."""

from pathlib import Path

from ltx_module.run_directory import RunDirectory
from ui.workspace import OutsideError, Workspace


def run_directory(workspace: Workspace, name: str) -> RunDirectory:
    """The directory of a run.

    Args:
        workspace: Whose runs.
        name: Of the run, as the page has it.

    Raises:
        ValueError: If no run is named, the name is no name, or there is no such run.
    """
    if not name:
        raise ValueError("No run is chosen: choose one from the list of runs.")
    if name in (".", "..") or Path(name).name != name:
        raise OutsideError(f"{name[:80]!r} is not the name of a run: choose one from the list of runs.")
    path = workspace.inside(workspace.runs / name, "runs")
    if not path.is_dir():
        raise ValueError(f"There is no run {name!r} in {workspace.shown(workspace.runs)}: choose another one.")
    return RunDirectory(path)


def file_of_run(workspace: Workspace, run: RunDirectory, path: Path) -> Path:
    """A file of a run with its links followed.

    Raises:
        OutsideError: If a link leads out of the run.
    """
    found = workspace.inside(path, "runs")
    if not found.is_relative_to(run.path):
        raise OutsideError(f"{path.name!r} leads out of the run {run.name!r}: it is not shown.")
    return found
