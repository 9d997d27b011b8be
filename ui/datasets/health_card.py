"""The state of a dataset in a few lines: the doctor's verdict, and what concerns no single clip."""

import time
from collections.abc import Sequence
from typing import Any

from datamodules.doctor.diagnosis import SEVERITIES, Diagnosis
from ui.datasets.dataset import Dataset
from ui.datasets.health import Health, read_health
from ui.datasets.listing import list_clips

_MOST = 20


def health_card(dataset: Dataset) -> dict[str, Any]:
    """The card, as JSON can hold it.

    Raises:
        ValueError: If the dataset cannot be listed.
    """
    listing = list_clips(dataset)
    health = read_health(dataset)
    names = {entry.name for entry in listing.entries}
    told = [finding for finding in health.findings if finding.name not in names] if health else []
    own = [issue for issue in listing.issues if not any(_is_same(issue, finding) for finding in told)]
    findings = sorted([*told, *own], key=lambda finding: SEVERITIES.index(finding.severity))
    return {
        "dataset": dataset.shown,
        "clips": len(listing.entries),
        "verdict": health.verdict if health else "",
        "tone": _tone(health),
        "counts": _counts(health),
        "checked": _ago(time.time() - health.checked) if health else "",
        "mendable": health.mendable if health else 0,
        "findings": _rows(findings),
        "more": max(len(findings) - _MOST, 0),
    }


def _is_same(issue: Diagnosis, finding: Diagnosis) -> bool:
    """Whether the doctor has told of the file already."""
    return issue.name == finding.name


def _rows(findings: Sequence[Diagnosis]) -> list[dict[str, str]]:
    return [
        {"severity": one.severity, "name": one.name, "message": one.message, "fix": one.fix} for one in findings[:_MOST]
    ]


def _tone(health: Health | None) -> str:
    if health is None:
        return ""
    return "bad" if health.count("problem") else "warn" if health.count("warning") else "good"


def _counts(health: Health | None) -> str:
    if health is None:
        return ""
    counted = [(health.count(severity), severity) for severity in SEVERITIES]
    found = ", ".join(f"{number} {severity}{'s' * (number != 1)}" for number, severity in counted if number)
    return f"{health.clips} clips, {health.seconds:.0f} s in all: {found or 'nothing found'}"


def _ago(seconds: float) -> str:
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'s' * (number != 1)} ago"
    return "just now"
