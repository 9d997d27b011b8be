"""What `check` found, as the page shows it: clips by bucket, what was dropped and why, time, memory, disk."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeGuard

from datamodules.atomic import read_json

_MOST_DROPPED = 100
_GIB = 2**30
_PARTS = {"weights": "frozen weights", "kept": "kept for backward", "working": "at work", "tables": "texts and tables"}


def read_plan(path: Path) -> dict[str, Any] | None:
    """A report as data for the page, or None where there is none.

    Args:
        path: What `check --json` wrote.
    """
    report = read_json(path)
    return plan_of(report) if isinstance(report, dict) else None


def plan_of(report: dict[str, Any]) -> dict[str, Any]:
    """A report as data for the page.

    Args:
        report: As `CheckReport.write` writes it; what is missing is left out.
    """
    data, work = _mapping(report.get("data")), _mapping(report.get("work"))
    rows = [row for row in data.get("rows") or [] if isinstance(row, dict)]
    return {
        "facts": list(_facts(report, data, work)),
        "buckets": _buckets(rows),
        "dropped": [
            {"name": str(row.get("name", "")), "reason": str(row.get("reason", ""))}
            for row in rows
            if row.get("status") == "dropped"
        ][:_MOST_DROPPED],
        "num_dropped": sum(row.get("status") == "dropped" for row in rows),
        "problems": [str(text) for text in data.get("problems") or []],
        "findings": _findings(data.get("findings"), report.get("health")),
        "given": [str(text) for text in (*(data.get("given") or []), *(report.get("given") or []))],
    }


def _facts(report: dict[str, Any], data: dict[str, Any], work: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Short figures: name and value."""
    clips = _mapping(data.get("clips"))
    if clips:
        held = f", {clips.get('validation')} held out" if clips.get("validation") else ""
        yield "Clips", f"{clips.get('train', 0)} to train{held}, {clips.get('dropped', 0)} dropped"
    steps, seconds = report.get("max_steps"), work.get("seconds_per_step")
    if _is_number(steps) and _is_number(seconds):
        yield "Time", f"about {_duration(steps * seconds)} for {steps} steps, without samples"
        yield "Step", f"{seconds:.2f} s on {report.get('device', 'this machine')}"
    if _is_number(work.get("memory_gib")):
        yield "Memory", f"about {_size(work['memory_gib'] * _GIB)}, largest bucket {work.get('bucket', '')}"
    parts = _mapping(_mapping(_mapping(work.get("memory")).get("estimate")).get("parts"))
    if sizes := {_PARTS.get(name, name): size for name, size in parts.items() if _is_number(size) and size}:
        yield "Of which", ", ".join(f"{_size(size)} {name}" for name, size in sizes.items())
    trainable = _mapping(work.get("trainable"))
    if trainable:
        yield "Adapter", f"{sum(trainable.values()) / 1e6:.2f} M parameters"
    if _is_number(report.get("run_bytes")):
        yield "Disk", f"{_size(report['run_bytes'])} for the run, {_size(report.get('run_free_bytes', 0))} free"
    cache = _mapping(data.get("cache"))
    if _is_number(cache.get("missing")):
        needed = f", {_size(cache.get('needed_bytes', 0))}" if cache["missing"] else ""
        yield "Encoding", f"{cache['missing']} entries to make{needed}, {cache.get('cached', 0)} there"
    slowdown = work.get("preservation_slowdown")
    if _is_number(slowdown) and slowdown > 1:
        yield "Base kept intact", f"makes a step {slowdown:.2f} times as long"


def _buckets(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Windows of clips by bucket, most first."""
    kept = [row for row in rows if row.get("status") in ("train", "validation", "regularisation")]
    counts = Counter(str(row.get("bucket")) for row in kept)
    return [
        {
            "bucket": bucket,
            "count": count,
            "held_out": sum(row.get("status") == "validation" and str(row.get("bucket")) == bucket for row in kept),
            "with_sound": sum(bool(row.get("has_audio")) and str(row.get("bucket")) == bucket for row in kept),
        }
        for bucket, count in counts.most_common()
    ]


def _findings(findings: Any, health: Any) -> list[dict[str, str]]:
    """What was noticed about clips, by the plan and by the doctor, each once, the worst first."""
    listed = [*(findings or []), *(one for report in health or [] for one in _mapping(report).get("findings") or [])]
    told = {_finding(one): _tone(one) for one in listed if isinstance(one, dict) and one.get("action") != "dropped"}
    worst = sorted(told, key=lambda text: ("bad", "warn", "info").index(told[text]))
    return [{"tone": told[text], "text": text} for text in worst[:_MOST_DROPPED]]


def _finding(value: dict[str, Any]) -> str:
    """A finding in one line."""
    said = str(value.get("message") or value.get("reason") or "")
    fix = str(value.get("fix") or "")
    return ": ".join(filter(None, (str(value.get("name") or ""), said))) + (f"; {fix}" if fix else "")


def _tone(value: dict[str, Any]) -> str:
    """How bad a finding is, in the page's words."""
    tones = {"problem": "bad", "warning": "warn", "warned": "warn"}
    return tones.get(str(value.get("severity") or value.get("action")), "info")


def _duration(seconds: float) -> str:
    """A length of time in the units that suit it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _size(size: float) -> str:
    """Bytes in the unit that suits them."""
    for unit, factor in (("GiB", _GIB), ("MiB", 2**20)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size / 1024:.0f} KiB"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
