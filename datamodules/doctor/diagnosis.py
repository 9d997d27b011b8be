"""One thing that the doctor found: what, how bad, in which file, how much, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["problem", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("problem", "warning", "note")
"""From the worst on: a problem spoils the training or the clip, a warning makes it worse, a note is to be known."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Something that is wrong with a file, or with the dataset as a whole."""

    code: str
    """What it is, for programs: `black-bars`."""
    severity: Severity
    """How bad it is."""
    name: str = ""
    """The clip or file; empty for the whole dataset."""
    message: str
    """What was found, with the measured value."""
    fix: str
    """What to do about it; the same words for every file of a code, so that they can be told once."""
    can_fix: bool = False
    """Whether `--fix` mends it in a copy."""

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.name else self.message
