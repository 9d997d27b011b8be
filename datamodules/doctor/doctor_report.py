"""What the doctor says of a dataset: findings by what they are, a summary and a verdict; as text and as JSON."""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from datamodules.atomic import write_json
from datamodules.doctor.diagnosis import SEVERITIES, Diagnosis, Severity

_TOLD = 4  # findings of one code with their figures
_NAMED = 8  # further ones by name alone


@dataclass(frozen=True, kw_only=True)
class DoctorReport:
    """Everything found in a dataset."""

    dataset: str
    """Path of the dataset."""
    findings: tuple[Diagnosis, ...]
    """What was found, by check."""
    clips: int
    """Clips examined."""
    seconds: float
    """Length of all clips."""
    with_sound: int
    """Clips with sound."""
    took: float
    """Seconds that the examination took."""
    num_read: int
    """Files that were read; the others were remembered from an earlier examination."""

    def count(self, severity: Severity) -> int:
        """Number of findings this bad."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def codes(self) -> tuple[str, ...]:
        """What was found, once each, from the worst on."""
        ordered = sorted(self.findings, key=lambda finding: SEVERITIES.index(finding.severity))
        return tuple(dict.fromkeys(finding.code for finding in ordered))

    @property
    def verdict(self) -> str:
        """What to do next, in one line."""
        if self.count("problem"):
            return "Not ready: mend the problems before training."
        if self.count("warning"):
            return "Can be trained, but look at the warnings first: what is mended now need not be trained away."
        return "Healthy: ready to train."

    def without(self, codes: Iterable[str]) -> Self:
        """The report without findings of some codes, where something else has told them."""
        left_out = frozenset(codes)
        findings = tuple(finding for finding in self.findings if finding.code not in left_out)
        return dataclasses.replace(self, findings=findings)

    def text(self, fixing: str = "--fix DIRECTORY") -> str:
        """The report for a terminal, without a trailing newline.

        Args:
            fixing: How to have a mended copy written; empty says nothing of it.
        """
        lines = [line for code in self.codes for line in self._group(code)]
        mendable = sum(finding.can_fix for finding in self.findings)
        if mendable and fixing:
            lines.append(f"{fixing} mends {mendable} of them in a copy; the dataset stays as it is.")
        return "\n".join([*lines, self.summary, self.verdict])

    @property
    def summary(self) -> str:
        """Numbers of clips and findings, and the time taken."""
        found = ", ".join(_counted(self.count(severity), severity) for severity in SEVERITIES)
        affected = len({finding.name for finding in self.findings if finding.name})
        return (
            f"{self.dataset}: {_counted(self.clips, 'clip')} ({_length(self.seconds)}, {self.with_sound} with sound), "
            f"examined in {self.took:.1f} s ({self.took / max(self.clips, 1):.2f} s a clip): {found}"
            + (f" in {_counted(affected, 'file')}" if affected else "")
        )

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        content = {
            **{name: value for name, value in dataclasses.asdict(self).items() if name != "findings"},
            "counts": {severity: self.count(severity) for severity in SEVERITIES},
            "verdict": self.verdict,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
        }
        write_json(path, content)

    def _group(self, code: str) -> list[str]:
        group = [finding for finding in self.findings if finding.code == code]
        first = group[0]
        title = f"{min(group, key=lambda one: SEVERITIES.index(one.severity)).severity:<8} {code}"
        if len(group) > 1:
            title += f" ({len(group)})"
        lines = [title, *(f"    {finding}" for finding in group[:_TOLD])]
        rest = group[_TOLD:]
        if rest:
            names = ", ".join(finding.name for finding in rest[:_NAMED])
            lines.append(f"    and {len(rest)} more: {names}" + (", ..." if len(rest) > _NAMED else ""))
        fixes = Counter(finding.fix for finding in group if finding.fix)
        lines += [f"    -> {fix}" + (" [--fix]" if first.can_fix else "") for fix, _ in fixes.most_common(2)]
        return lines


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}{'s' * (number != 1)}"


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
