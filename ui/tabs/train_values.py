"""What the parts of the train page show: data for their JavaScript, made of plain values."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ui.jobs.gpus import Machine
from ui.jobs.job import JobView
from ui.runs.curves import Curve, averaged, groups, label, smooth, thin
from ui.runs.failures import Failure
from ui.runs.places import file_of_run, run_directory
from ui.runs.summary import RunSummary
from ui.workspace import OutsideError, Workspace

RUNS_A_PAGE = 8
ENDED_JOBS = 4
"""Jobs that have ended and are still listed."""
MAX_SAMPLES = 8

_STATES = {
    "queued": "waiting",
    "starting": "starting",
    "checking": "checking the data",
    "encoding": "encoding the clips",
    "training": "training",
    "sampling": "making samples",
    "saving": "saving",
    "stopped": "stopped",
    "finished": "finished",
    "failed": "failed",
    "interrupted": "interrupted",
    "running": "running",
    "lost": "lost",
}
_TONES = {"finished": "good", "failed": "bad", "lost": "bad", "interrupted": "bad", "stopped": "warn", "queued": "idle"}
_SECONDS_OF_SILENCE = 120.0
_VIDEOS, _STILLS, _SOUNDS = {".mp4", ".webm", ".mov"}, {".png", ".jpg", ".webp"}, {".wav", ".flac", ".mp3", ".m4a"}


def machine_value(machine: Machine, active: Sequence[JobView], elsewhere: str = "") -> dict[str, Any]:
    """GPUs with their load and who holds them; without GPU, the CPU.

    Args:
        machine: What it has.
        active: Jobs that run or wait.
        elsewhere: A run at work that was started in a terminal; which GPU it uses cannot be told.
    """
    holders = {gpu: view.job.title for view in active if view.state == "running" for gpu in view.gpus}
    free = f"{elsewhere}, from a terminal" if elsewhere else "free"
    gpus = [
        {
            "name": f"GPU {gpu.index} {gpu.name}",
            "job": holders.get(gpu.index, "free"),
            "bars": [_bar("busy", gpu.utilisation, 100.0, "%"), _bar("memory", gpu.used_gib, gpu.total_gib, "GiB")],
            "more": ", ".join(
                text
                for value, text in (
                    (gpu.temperature, f"{gpu.temperature or 0:.0f} °C"),
                    (gpu.power, f"{gpu.power or 0:.0f} W"),
                )
                if value is not None
            ),
        }
        for gpu in machine.gpus
    ]
    cpu = {
        "name": f"CPU, {machine.cores} cores",
        "job": "" if gpus else holders.get(0, free),
        "bars": [_bar("busy", machine.load, 100.0, "%"), _bar("memory", machine.used_gib, machine.total_gib, "GiB")],
        "more": "" if gpus else "no NVIDIA GPU was found: trainings run here, one after another",
    }
    return {"devices": [*gpus, cpu]}


def _bar(name: str, used: float | None, total: float | None, unit: str) -> dict[str, Any]:
    if used is None or not total:
        return {"name": name, "share": 0, "text": "not told"}
    text = f"{used:.0f} %" if unit == "%" else f"{used:.0f} of {total:.0f} {unit}"
    return {"name": name, "share": round(min(1.0, used / total), 2), "text": text}


def jobs_value(views: Sequence[JobView], now: float, *, has_gpu: bool) -> dict[str, Any]:
    """The queue: what runs, what waits in its order, what has ended lately."""
    running = [view for view in reversed(views) if view.state == "running"]
    waiting = sorted((view for view in views if view.state == "queued"), key=lambda view: view.position or 0)
    ended = [view for view in views if not view.active][:ENDED_JOBS]
    return {"jobs": [_job(view, now, has_gpu=has_gpu) for view in (*running, *waiting, *ended)]}


def _job(view: JobView, now: float, *, has_gpu: bool) -> dict[str, Any]:
    state = (
        "ending"
        if view.stopping
        else f"{ordinal(view.position)} in the queue"
        if view.position
        else _STATES[view.state]
    )
    if view.state == "running" and view.started is not None:
        when = f"for {duration(now - view.started)}"
    else:
        when = f"{duration(now - view.ended)} ago" if view.ended is not None else ""
    device = (
        ("GPU " if len(view.gpus) == 1 else "GPUs ") + ", ".join(map(str, view.gpus)) if view.gpus and has_gpu else ""
    )
    return {
        "id": view.job.id,
        "title": view.job.title,
        "run": view.job.run or "",
        "state": state,
        "tone": _TONES.get(view.state, "busy"),
        "detail": ", ".join(filter(None, [when, device if view.state == "running" else ""])),
        "error": "" if view.error is None else view.error.text.splitlines()[0][:200],
        "stop": "" if not view.active else "Remove" if view.state == "queued" else "" if view.stopping else "Stop",
    }


def runs_value(page: Sequence[RunSummary], total: int, number: int, chosen: str) -> dict[str, Any]:
    """A page of the list of runs."""
    return {
        "rows": [
            {
                "name": run.name,
                "state": _STATES[run.state],
                "tone": _TONES.get(run.state, "busy"),
                "share": round(run.progress, 3),
                "steps": f"{run.step:,} / {run.max_steps:,}" if run.max_steps else "",
                "chosen": run.name == chosen,
            }
            for run in page
        ],
        "page": number,
        "pages": max(1, -(-total // RUNS_A_PAGE)),
        "total": total,
    }


def run_value(run: RunSummary | None, now: float) -> dict[str, Any]:
    """Head of the chosen run: state, progress, figures, what went wrong, advice."""
    if run is None:
        return {"name": ""}
    figures = [
        ("step", f"{run.step:,} of {run.max_steps:,}" if run.max_steps else ""),
        ("time left", _time_left(run)),
        ("loss", "" if run.loss is None else f"{run.loss:.4f}"),
        ("a step", "" if run.seconds_per_step is None else f"{run.seconds_per_step:.2f} s"),
        ("peak memory", "" if run.peak_gib is None else f"{run.peak_gib:.1f} GiB"),
        (
            "waiting since" if run.state == "queued" else "begun",
            "" if run.started is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started)),
        ),
        ("dataset", run.data),
        ("model", Path(run.base_model).stem),
    ]
    return {
        "name": run.name,
        "state": "ending" if run.stopping else _STATES[run.state],
        "tone": _TONES.get(run.state, "busy"),
        "working": run.working,
        "share": round(run.progress, 4),
        "figures": [{"name": name, "value": value} for name, value in figures if value],
        "failure": _failure(run.error),
        "advice": run.suggestion,
        "note": _note(run, now),
    }


def _time_left(run: RunSummary) -> str:
    return "" if run.eta_s is None or run.state not in ("training", "sampling", "saving") else duration(run.eta_s)


def _note(run: RunSummary, now: float) -> str:
    """What somebody who watches should know now."""
    silence = 0.0 if run.heartbeat is None else now - run.heartbeat
    if run.stopping:
        return "It finishes the running step, saves and ends."
    if run.state == "queued":
        return "It starts by itself as soon as the jobs before it have ended."
    if run.state == "encoding":
        return "Clips and captions are encoded once; later runs on them skip this. The log shows how far it is."
    if run.working and run.state != "starting" and silence > _SECONDS_OF_SILENCE:
        return f"No news for {duration(silence)}; a large step, samples or a save take long. The log may say more."
    if run.state == "finished":
        return "Look at its samples on the Results page, or give more steps to go on."
    return ""


def _failure(error: Failure | None) -> dict[str, str] | None:
    return None if error is None else {"text": error.text, "fix": error.fix}


def chart_value(curves: Mapping[str, Curve], title: str, smoothing: float, log: bool) -> dict[str, Any]:
    """The curves of one chart, raw and smoothed, thinned."""
    names = groups(curves).get(title, [])
    lines = []
    for name in names:
        curve = curves[name]
        raw = thin(curve.steps, curve.values)
        means = averaged(curve.steps, curve.values)
        even = (means[0], smooth(means[1], smoothing)) if smoothing else raw
        lines.append({"name": label(name), "raw": _points(*raw) if smoothing else [], "points": _points(*even)})
    if lines or not curves:
        return {"title": title, "lines": lines, "log": log, "empty": ""}
    there = ", ".join(groups(curves))
    return {
        "title": title,
        "lines": [],
        "log": log,
        "empty": f"The run has logged nothing of this kind. It has: {there}.",
    }


def _points(steps: Sequence[int], values: Sequence[float]) -> list[list[float]]:
    return [[step, float(f"{value:.5g}")] for step, value in zip(steps, values, strict=True)]


def samples_value(workspace: Workspace, name: str) -> dict[str, Any]:
    """The newest samples of a run, played in place."""
    try:
        run = run_directory(workspace, name)
    except ValueError:
        return {"step": "", "items": []}
    for folder in reversed(run.all_samples()):
        items: list[dict[str, str]] = []
        for path in sorted(folder.iterdir()):
            kind = _kind(path)
            if kind and len(items) < MAX_SAMPLES:
                try:
                    file = file_of_run(workspace, run, path)
                    poster = workspace.poster_url(file) if kind != "sound" else ""
                    items.append({"url": workspace.url(file), "poster": poster, "kind": kind, "name": _words(path)})
                except (OutsideError, FileNotFoundError):
                    continue
        if items:
            return {"step": str(int(folder.name.removeprefix("step_"))), "items": items}
    return {"step": "", "items": []}


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if path.name.startswith("."):
        return ""
    return "video" if suffix in _VIDEOS else "still" if suffix in _STILLS else "sound" if suffix in _SOUNDS else ""


def _words(path: Path) -> str:
    """The prompt's beginning, as the file's name has it."""
    return path.stem.rpartition("-seed")[0].partition("-")[2].replace("-", " ") or path.stem


def duration(seconds: float) -> str:
    """A time in words that change seldom: `12 min`, `3 h 05 min`."""
    seconds = max(0.0, seconds)
    if seconds < 60:
        return f"{max(1, round(seconds / 10) * 10)} s" if seconds >= 5 else "a few seconds"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    days, rest = divmod(hours, 24)
    if days:
        return f"{days} d {rest} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def ordinal(number: int | None) -> str:
    """`1st`, `2nd`, `11th`."""
    value = number or 0
    ending = "th" if value % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{ending}"
