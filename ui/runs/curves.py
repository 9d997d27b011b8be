"""The curves of a run from its `metrics.csv`: read as it grows, smoothed, thinned.

A training adds a line a logged step and replaces the file when a column is added, so a file that has only grown is read
on from where we were.
"""

import csv
import io
import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

MAX_POINTS = 500
"""Points of a curve that are sent to the browser."""

_MAX_BYTES = 64 * 2**20
_KEPT_FILES = 8
_COLUMNS = (
    ("Loss", r"train/loss(_video|_audio)?"),
    ("Held out", r"val/loss(_video|_audio)?|train/loss_since_validation"),
    ("Held out by noise", r"val/loss_\w+_sigma_[\d.]+"),
    ("Loss by noise", r"train/loss_\w+_sigma_[\d.]+-[\d.]+"),
    ("Preservation", r"train/loss_(preservation|regularisation)\w*"),
    ("Learning rate", r"train/learning_rate"),
    ("Adapter size", r"adapter/update_\w+"),
    ("Adapter gradient", r"adapter/gradient_\w+"),
)


TITLES = tuple(title for title, _ in _COLUMNS)
"""All charts that there may be."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One quantity over the steps."""

    name: str
    """Column of `metrics.csv`."""
    steps: Sequence[int]
    values: Sequence[float]


@dataclass
class _File:
    """What was read of a file so far."""

    identity: tuple[int, int]
    offset: int = 0
    header: bytes = b""
    last: bytes = b""
    """The last line that was read; it changes when a late value joins it."""
    columns: list[str] = field(default_factory=list)
    points: dict[str, tuple[list[int], list[float]]] = field(default_factory=dict)


class CurveReader:
    """Reads `metrics.csv` files; what has been read is kept for the few that were looked at last."""

    def __init__(self) -> None:
        self._files: dict[Path, _File] = {}

    def curves(self, path: Path) -> dict[str, Curve]:
        """All curves of a file, in the order of its columns; none where there is no file."""
        try:
            known = self._read(path)
        except OSError:
            return {}
        return {
            name: Curve(name=name, steps=tuple(steps), values=tuple(values))
            for name, (steps, values) in known.points.items()
            if steps
        }

    def _read(self, path: Path) -> _File:
        """What the file holds now."""
        known = self._files.pop(path, None)
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if known is None or known.offset > status.st_size or not _goes_on(known, file, status):
                known = _File(identity=(status.st_dev, status.st_ino))
            if known.offset < status.st_size:
                file.seek(known.offset)
                _add(known, file.read(_MAX_BYTES))
        self._files[path] = known  # the last looked at comes last
        for oldest in list(self._files)[:-_KEPT_FILES]:
            self._files.pop(oldest, None)
        return known


def _goes_on(known: _File, file: BinaryIO, status: os.stat_result) -> bool:
    """Whether a file still begins and goes on as when it was read; the number of a replaced file may come back."""
    if known.identity != (status.st_dev, status.st_ino):
        return False
    header = file.read(len(known.header))
    file.seek(known.offset - len(known.last))
    return (header, file.read(len(known.last))) == (known.header, known.last)


def _add(known: _File, data: bytes) -> None:
    """Take over the whole lines of what has been added; a line that is being written is left for later."""
    end = data.rfind(b"\n") + 1
    if not end:
        return
    lines = data[:end].splitlines(keepends=True)
    known.header, known.last = known.header or lines[0], lines[-1]
    rows = csv.reader(io.StringIO(data[:end].decode("utf-8", errors="replace"), newline=""))
    known.offset += end
    if not known.columns:
        known.columns = next(rows, [])
    if "step" not in known.columns:
        return
    place = known.columns.index("step")
    for row in rows:
        if len(row) != len(known.columns) or not row[place].isdigit():
            continue
        step = int(row[place])
        for name, text in zip(known.columns, row, strict=True):
            value = _finite(text)
            if value is not None and name != "step":
                steps, values = known.points.setdefault(name, ([], []))
                steps.append(step)
                values.append(value)


def groups(names: Iterable[str]) -> dict[str, list[str]]:
    """The columns that belong into one chart, by its title; columns of no chart are left out."""
    listed = list(names)
    found = {title: [name for name in listed if re.fullmatch(pattern, name)] for title, pattern in _COLUMNS}
    return {title: members for title, members in found.items() if members}


def label(name: str) -> str:
    """A column's name for the legend: `train/loss_video` is `video`, `val/loss` is `held out`."""
    if name == "train/loss_since_validation":
        return "training since the validation before"
    split, _, rest = name.partition("/")
    rest = re.sub(r"^(loss|update|gradient)_", "", rest).replace("_sigma_", " at noise ").replace("_", " ")
    plain = {"train": "loss", "val": "held out"}.get(split, rest)
    return plain if rest == "loss" else f"held out, {rest}" if split == "val" else rest


def smooth(values: Sequence[float], amount: float) -> list[float]:
    """Exponential mean with bias correction: s_n = amount * s_(n-1) + (1 - amount) * x_n, shown s_n / (1 - amount^n).

    Without the correction the curve would start near zero.

    Args:
        values: The curve.
        amount: In [0, 1); 0 leaves it as it is.
    """
    mean, shown = 0.0, []
    for number, value in enumerate(values, 1):
        mean = amount * mean + (1 - amount) * value
        shown.append(mean / (1 - amount**number) if amount else value)
    return shown


def thin(steps: Sequence[int], values: Sequence[float], limit: int = MAX_POINTS) -> tuple[list[int], list[float]]:
    """At most so many points: the lowest and the highest of each stretch, the first and the last of all.

    Args:
        steps: Of the curve.
        values: As many.
        limit: At least 4.
    """
    count = len(steps)
    if count <= limit:
        return list(steps), list(values)
    stretches = (limit - 2) // 2
    kept = {0, count - 1}
    for number in range(stretches):
        stretch = range(number * count // stretches, (number + 1) * count // stretches)
        kept.add(min(stretch, key=values.__getitem__))
        kept.add(max(stretch, key=values.__getitem__))
    order = sorted(kept)
    return [steps[index] for index in order], [values[index] for index in order]


def averaged(steps: Sequence[int], values: Sequence[float], limit: int = MAX_POINTS) -> tuple[list[int], list[float]]:
    """At most so many points: the mean of each stretch at its last step, so that smoothing is seen on long curves too.

    Args:
        steps: Of the curve.
        values: As many.
        limit: At least 1.
    """
    count = len(steps)
    if count <= limit:
        return list(steps), list(values)
    ends = [number * count // limit for number in range(limit + 1)]
    means = [sum(values[first:end]) / (end - first) for first, end in pairwise(ends)]
    return [steps[end - 1] for end in ends[1:]], means


def _finite(text: str) -> float | None:
    """A number that can be drawn."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
