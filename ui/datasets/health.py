"""What the doctor said of a dataset last, by clip."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from datamodules.atomic import read_json
from datamodules.doctor.diagnosis import Diagnosis, Severity
from ui.datasets.dataset import Dataset

_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Health:
    """The last report of the doctor."""

    verdict: str
    """What to do next, in one line."""
    clips: int
    """Clips examined."""
    seconds: float
    """Length of all clips."""
    checked: float
    """When, seconds since the epoch."""
    findings: tuple[Diagnosis, ...] = ()
    """Everything found."""
    by_clip: Mapping[str, tuple[Diagnosis, ...]] = field(default_factory=dict)
    """Findings by the clip's name; those of the whole dataset under the empty one."""

    def count(self, severity: Severity) -> int:
        """Number of findings this bad."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def mendable(self) -> int:
        """Findings that a mended copy does away with."""
        return sum(finding.can_fix for finding in self.findings)


def report_path(dataset: Dataset) -> Path:
    """Where the doctor writes its report."""
    return dataset.state / "health.json"


def read_health(dataset: Dataset) -> Health | None:
    """The last report; None if there is none, or it is damaged."""
    path = report_path(dataset)
    try:
        status = path.stat()
    except OSError:
        return None
    content = read_json(path) if status.st_size <= _MOST_BYTES else None
    if not isinstance(content, dict):
        return None
    listed = content.get("findings")
    findings = tuple(_finding(entry) for entry in listed if isinstance(entry, dict)) if isinstance(listed, list) else ()
    by_clip: defaultdict[str, list[Diagnosis]] = defaultdict(list)
    for finding in findings:
        by_clip[finding.name].append(finding)
    return Health(
        verdict=str(content.get("verdict", "")),
        clips=int(content.get("clips", 0)),
        seconds=float(content.get("seconds", 0.0)),
        checked=status.st_mtime,
        findings=findings,
        by_clip={name: tuple(found) for name, found in by_clip.items()},
    )


def _finding(entry: dict[str, Any]) -> Diagnosis:
    severity: Severity = next((level for level in get_args(Severity) if level == entry.get("severity")), "note")
    return Diagnosis(
        code=str(entry.get("code", "")),
        severity=severity,
        name=str(entry.get("name", "")),
        message=str(entry.get("message", "")),
        fix=str(entry.get("fix", "")),
        can_fix=bool(entry.get("can_fix")),
    )
