"""The tables of growth, start-up and scaling."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PHASES = ("imports", "instantiate", "data", "load", "first step", "to first step")


def growth_table(path: Path) -> str:
    """Step and peak against tokens and against rank; empty if nothing is measured."""
    if not path.exists():
        return ""
    figures = json.loads(path.read_text(encoding="utf-8"))
    lines = [
        f"`gpu_{figures['row']}`, {figures['blocks']} blocks; {_place(figures)}.",
        "",
        "![A step against tokens and rank](../docs/growth.svg)",
        "",
        "| video tokens | rank | step | peak |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {point['video_tokens']} | {point['rank']} | {point['step_ms']:.0f} ms | {point['peak_gib']:.1f} GiB |"
        for point in (*figures["tokens"], *figures["ranks"])
    ]
    return "\n".join([*lines, *_differing(figures)]) + "\n"


def startup_table(path: Path) -> str:
    """Seconds of each phase, with a cold and a warm compile cache, of the newest start."""
    record = _last(path)
    if record is None:
        return ""
    lines = [f"`gpu_{record['row']}`; {_place(record)}.", "", "| | cold | warm |", "|---|---|---|"]
    for phase in _PHASES:
        lines.append(f"| {phase} | {record['cold'][phase]:.1f} s | {record['warm'][phase]:.1f} s |")
    for name, key in (("host memory", "host_peak_gib"), ("card, while loading", "load_peak_gib")):
        lines.append(f"| {name} | {record['cold'][key]:.2f} GiB | {record['warm'][key]:.2f} GiB |")
    return "\n".join([*lines, *_differing(record)]) + "\n"


def scaling_table(path: Path) -> str:
    """Samples a second by cards, of the newest run."""
    record = _last(path)
    if record is None:
        return ""
    lines = [
        f"`gpu_{record['row']}`; {_place(record)}.",
        "",
        "| cards | samples a second | peak of each |",
        "|---|---|---|",
    ]
    lines += [
        f"| {cards} | {rate:.2f} | {record['peak_gib'][cards]:.1f} GiB |"
        for cards, rate in record["samples_per_second"].items()
    ]
    return "\n".join([*lines, "", f"{record['factor']:.2f} times as many.", *_differing(record)]) + "\n"


def _place(record: dict[str, Any]) -> str:
    return f"{record['gpu']}, torch {record['torch']}, {record['date']}"


def _differing(record: dict[str, Any]) -> Sequence[str]:
    """What was not as the overlay has it."""
    differing = [*record["substituted"], *([f"`{' '.join(record['settings'])}`"] if record["settings"] else [])]
    return ["", f"Not as the overlay has it: {', '.join(differing)}."] if differing else []


def _last(path: Path) -> dict[str, Any] | None:
    """The newest line."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found: dict[str, Any] | None = json.loads(lines[-1]) if lines else None
    return found
