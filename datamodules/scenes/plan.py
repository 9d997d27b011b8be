"""Which stretches of a video become scenes, by its shots and the wanted lengths."""

import itertools
from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from datamodules.scenes.shots import Shots

Short = Literal["drop", "merge"]


@dataclass(frozen=True, kw_only=True)
class SceneRules:
    """How shots become scenes."""

    min: float = 1.0
    """Seconds of the shortest scene."""
    max: float = 10.0
    """Seconds of the longest; a longer shot is cut into equal parts, as few as can be. At least twice `min`."""
    short: Short = "drop"
    """What becomes of a shot shorter than `min`: left out, or joined to the one before it, cut and all, which suits
    flashes that were taken for cuts."""
    trim: int = 1
    """Frames left out on each side of a cut, where editors and converters blend two shots."""

    def __post_init__(self) -> None:
        if self.min < 0 or self.max < 2 * self.min or self.max == 0:
            raise ValueError(
                f"`min` is {self.min:g} and `max` {self.max:g} seconds, but the parts of a shot longer than `max` "
                "may be half as long: give a `max` of at least twice `min`."
            )
        if self.trim < 0:
            raise ValueError(f"`trim` is {self.trim}, but it counts frames: give 0 or more.")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A stretch of a video, in frames."""

    first: int
    """Index of its first frame."""
    end: int
    """Index after its last frame."""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A shot that becomes no scene."""

    first: int
    """Index of its first frame."""
    end: int
    """Index after its last frame."""
    reason: str
    """Why not."""


def plan_scenes(shots: Shots, rules: SceneRules) -> tuple[tuple[Scene, ...], tuple[LeftOut, ...]]:
    """The scenes of a video in order, and the shots that are too short to be one."""
    total = len(shots.ticks) - 1
    edges = [0, *shots.cuts, total]
    stretches = list(itertools.pairwise(edges))
    if rules.short == "merge":
        stretches = _merged(shots, stretches, rules.min)
    scenes: list[Scene] = []
    left_out: list[LeftOut] = []
    for first, end in stretches:
        begin = first + (rules.trim if first > 0 else 0)
        stop = end - (rules.trim if end < total else 0)
        if begin >= stop or seconds(shots, begin, stop) < _exact(rules.min):
            lasts = float(seconds(shots, begin, stop)) if begin < stop else 0.0
            reason = f"lasts {lasts:.2f} s, less than {rules.min:g} s"
            left_out.append(LeftOut(first=first, end=end, reason=reason))
        else:
            scenes += _parts(shots, begin, stop, rules.max)
    return tuple(scenes), tuple(left_out)


def seconds(shots: Shots, first: int, end: int) -> Fraction:
    """How long the frames from `first` to before `end` are shown."""
    return (shots.ticks[end] - shots.ticks[first]) * shots.time_base


def _merged(shots: Shots, stretches: list[tuple[int, int]], shortest: float) -> list[tuple[int, int]]:
    """Shots with each short one joined to the one before it, or to the next if it is the first."""
    merged: list[tuple[int, int]] = []
    for first, end in stretches:
        last_is_short = bool(merged) and seconds(shots, *merged[-1]) < _exact(shortest)
        if merged and (last_is_short or seconds(shots, first, end) < _exact(shortest)):
            merged[-1] = merged[-1][0], end
        else:
            merged.append((first, end))
    return merged


def _parts(shots: Shots, first: int, end: int, longest: float) -> list[Scene]:
    """As few equal parts as are not longer than the longest scene; frames that last longer stay whole."""
    lasts = seconds(shots, first, end)
    count = max(-(-lasts // _exact(longest)), 1)
    while True:
        edges = [_first_at(shots, first, Fraction(part, count) * lasts) for part in range(count)] + [end]
        parts = [Scene(first=begin, end=stop) for begin, stop in itertools.pairwise(edges) if begin < stop]
        if all(seconds(shots, part.first, part.end) <= _exact(longest) or part.end - part.first == 1 for part in parts):
            return parts
        count += 1


def _first_at(shots: Shots, first: int, after: Fraction) -> int:
    """The first frame that is shown `after` seconds after another, or later."""
    return bisect_left(shots.ticks, shots.ticks[first] + after / shots.time_base)


def _exact(value: float) -> Fraction:
    return Fraction(str(value))
