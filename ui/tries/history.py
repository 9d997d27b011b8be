"""The tries of a run, newest first, a page at a time: what was asked for, what came of it, and why if nothing did."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datamodules.atomic import read_json
from ui.jobs.job import JobView
from ui.jobs.runner import Runner
from ui.tries.settings import PRESETS, TrySettings
from ui.tries.start import RECIPE, RECORD, settings_of
from ui.workspace import Workspace, safe_name

PAGE = 5
_WITHOUT = "-without-lora"
_SUFFIXES = (".mp4", ".wav")
_LOG_BYTES = 4000


def history(workspace: Workspace, runner: Runner, run: str, page: int = 0) -> dict[str, Any]:
    """A page of the tries, as the page's JavaScript takes it.

    Args:
        workspace: Has the run.
        runner: Knows what runs.
        run: Name of the run; empty for none.
        page: From 0; one that is not there gives the last.
    """
    folders = _folders(workspace, run) if run else []
    pages = max(1, -(-len(folders) // PAGE))
    number = min(max(page, 0), pages - 1)
    shown = folders[number * PAGE : (number + 1) * PAGE]
    tries = [_shown(workspace, runner, folder) for folder in shown]
    return {"run": run, "page": number, "pages": pages, "total": len(folders), "tries": tries}


def used_again(workspace: Workspace, run: str, identity: str) -> TrySettings:
    """The settings of a try, to begin another with.

    Raises:
        ValueError: If there is no such try, or it cannot be read.
    """
    record = read_json(_folder(workspace, run, identity) / RECORD)
    if not isinstance(record, dict):
        raise ValueError(f"There is no try {identity} of {run} any more: reload the page.")
    return settings_of(workspace, record)


def remove(workspace: Workspace, runner: Runner, run: str, identity: str) -> None:
    """Delete a try with its videos.

    Raises:
        ValueError: If there is none, or it still runs.
    """
    folder = _folder(workspace, run, identity)
    if folder.is_symlink() or not (folder / RECORD).is_file():
        raise ValueError(f"There is no try {identity} of {run} any more: reload the page.")
    view = job_view(runner, identity)
    if view is not None and view.active:
        raise ValueError("This try is still waiting or running: stop it first.")
    shutil.rmtree(folder)


def stop(workspace: Workspace, runner: Runner, run: str, identity: str) -> None:
    """Stop a try that waits or runs.

    Raises:
        ValueError: If there is no such try.
    """
    _folder(workspace, run, identity)
    runner.stop(identity)


def job_view(runner: Runner, identity: str) -> JobView | None:
    """What the runner knows of a job; None of one that it has forgotten."""
    try:
        return runner.view(identity)
    except (KeyError, ValueError, FileNotFoundError):
        return None


def _folder(workspace: Workspace, run: str, identity: str) -> Path:
    path = workspace.runs / safe_name(run, "run") / "tries" / safe_name(identity, "try")
    workspace.inside(path, "runs")
    return path


def _folders(workspace: Workspace, run: str) -> list[Path]:
    """Directories of tries, newest first; their names sort by time."""
    directory = workspace.inside(workspace.runs / safe_name(run, "run") / "tries", "runs")
    if not directory.is_dir():
        return []
    return sorted((path for path in directory.iterdir() if (path / RECORD).is_file()), reverse=True)


def _shown(workspace: Workspace, runner: Runner, folder: Path) -> dict[str, Any]:
    """One try."""
    record = read_json(folder / RECORD)
    asked: Mapping[str, Any] = record if isinstance(record, dict) else {}
    media = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES and not path.name.startswith("."))
    ours = [_medium(workspace, path) for path in media if not path.stem.endswith(_WITHOUT)]
    base = [_medium(workspace, path) for path in media if path.stem.endswith(_WITHOUT)]
    view = job_view(runner, folder.name)
    complete = bool(ours) and (bool(base) or not asked.get("without_lora"))
    state = view.state if view is not None else "finished" if complete else "lost"
    return {
        "id": folder.name,
        "prompt": str(asked.get("prompt", "")),
        "created": asked.get("created"),
        "lines": describe(asked),
        "loras": [f"{_lora_name(workspace, folder, one['file'])} at {one['strength']:g}" for one in _loras(asked)],
        "state": state,
        "news": "" if complete else _news(view, runner),
        "error": _error(view, runner, complete=complete),
        "with": ours[0] if ours else None,
        "without": base[0] if base else None,
        "silent": asked.get("streams") == "video",
        "fps": asked.get("fps") or 24.0,
        "size": str(asked.get("size", "")),
        "wide": bool(asked.get("show_reference")) and "reference_video" in dict(asked.get("media") or {}),
        "command": view.command if view is not None else "",
        "recipe": workspace.shown(folder / RECIPE),
    }


def describe(asked: Mapping[str, Any]) -> list[str]:
    """The settings of a try in short words."""
    steps = asked.get("steps")
    preset = str(asked.get("preset", ""))
    lines = [
        str(asked.get("size", "")),
        f"seed {asked.get('seed', '')}",
        f"{PRESETS.get(preset, preset).partition(':')[0].lower()}{f', {steps} steps' if steps else ''}",
    ]
    media = asked.get("media")
    lines += [f"{key.replace('_', ' ')} {Path(str(file)).name}" for key, file in dict(media or {}).items()]
    return lines


def _loras(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    try:
        return [{"file": str(one["file"]), "strength": float(one["strength"])} for one in asked.get("loras", ())]
    except (TypeError, KeyError, ValueError):
        return []


def _lora_name(workspace: Workspace, folder: Path, file: str) -> str:
    """A LoRA file in short: its step, with the run where it is of another one, or its name."""
    path = workspace.root / file
    if path.parent.name != "lora":
        return path.stem
    run = path.parents[1]
    return path.stem if run == folder.parents[1] else f"{run.name} {path.stem}"


def _medium(workspace: Workspace, path: Path) -> dict[str, Any]:
    is_sound = path.suffix == ".wav"
    return {
        "url": workspace.url(path),
        "poster": None if is_sound else workspace.poster_url(path),
        "sound": is_sound,
        "name": path.name,
    }


def _news(view: JobView | None, runner: Runner) -> str:
    """What an unfinished try is doing, in words."""
    if view is None:
        return "The page has lost sight of this try, and it left no video: start it again."
    if view.state == "queued":
        return f"Waits in the queue, place {view.position}."
    if view.state == "running":
        lines = [line for line in runner.log(view.job.id, _LOG_BYTES).splitlines() if line.strip()]
        return lines[-1] if lines else "Loads the model."
    return {"stopped": "It was stopped.", "lost": "It ended without a word, as when the machine restarts."}.get(
        view.state, ""
    )


def _error(view: JobView | None, runner: Runner, *, complete: bool) -> dict[str, str] | None:
    """Why a try failed, with the way out and the end of its log."""
    if view is None or view.state != "failed" or complete:
        return None
    failure = view.error
    return {
        "text": failure.text if failure else "It failed without saying why.",
        "fix": (failure.fix or "") if failure else "",
        "log": runner.log(view.job.id, _LOG_BYTES),
    }
