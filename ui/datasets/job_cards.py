"""The jobs of a dataset as the page shows them."""

from typing import Any

from datamodules.manifest.clip import media_kind
from ui.datasets.dataset import Dataset
from ui.datasets.library import chosen
from ui.datasets.listing import list_clips
from ui.jobs.job import JobView, Kind
from ui.jobs.runner import Runner

KINDS: tuple[Kind, ...] = ("doctor", "references", "caption", "scenes", "draw")
"""Jobs that are about a dataset."""

_SHOWN = 4
_LOG_BYTES = 6000
_LINES = 6


def job_cards(runner: Runner, subject: str) -> list[dict[str, Any]]:
    """The last jobs of a dataset, those that run first.

    Args:
        runner: Knows them.
        subject: The dataset as a recipe writes it.
    """
    if not subject:
        return []
    views = sorted(runner.views(kinds=KINDS, subject=subject, limit=_SHOWN * 3), key=lambda view: not view.active)
    dataset = chosen(runner.workspace, subject)
    return [_card(runner, view, dataset) for view in views[:_SHOWN]]


def _card(runner: Runner, view: JobView, dataset: Dataset | None) -> dict[str, Any]:
    job = view.job
    done, total = _progress(view, dataset) if view.active and dataset is not None else (0, 0)
    lines = [line for line in runner.log(job.id, _LOG_BYTES).splitlines() if line.strip()]
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "state": view.state,
        "position": view.position or 0,
        "stopping": view.stopping,
        "done": done,
        "total": total,
        "lines": lines[-_LINES:],
        "error": view.error.text if view.error else "",
        "fix": view.error.fix if view.error else "",
        "command": view.command,
        "active": view.active,
        "findings": job.kind == "doctor" and view.exit_code == 1,
    }


def _progress(view: JobView, dataset: Dataset) -> tuple[int, int]:
    """Clips that have what the job makes, and all clips; zeros where it cannot be told from names."""
    if dataset.is_manifest or view.job.kind not in ("references", "caption"):
        return 0, 0
    try:
        entries = list_clips(dataset).entries
    except (ValueError, OSError):
        return 0, 0
    if view.job.kind == "caption":
        return sum(bool(entry.caption_files) for entry in entries), len(entries)
    words = view.job.words
    signal = words[words.index("--signal") + 1] if "--signal" in words else ""
    pictured = [entry for entry in entries if entry.media is None or media_kind(entry.media) != "sound"]
    return sum(signal in entry.references for entry in pictured), len(pictured)
