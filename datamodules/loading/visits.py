"""How often a clip is seen, when, and with which of its captions: all known from the seed, the epoch and the clip.

A clip with `r` repeats and phase `p` has been seen `floor(e * r + p)` times before epoch `e`, so over any stretch of
epochs it is seen `r` times in each to within one visit, and nobody has to count. The phases of a set are spread evenly
over [0, 1), so that each epoch holds as many of its clips as any other, give or take one.

A clip that is also there mirrored shares its repeats with its twin: both have `r / 2`, and phases half a turn apart.
By Hermite's identity, `floor(x) + floor(x + 1/2) = floor(2x)`, the two are seen as often as the clip alone would be.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from datamodules.batch import CachedClip


class Visit(NamedTuple):
    """One time that a clip is seen."""

    clip: int
    """Its number in the dataset."""
    caption: int = 0
    """Which of its captions goes with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """How often one clip is seen, and with how many captions."""

    repeats: float = 1.0
    """Visits per epoch, on average."""
    phase: float = 0.0
    """Of the visits when repeats are no whole number, in [0, 1)."""
    captions: int = 1
    """Captions that take turns: each is seen once before any is seen again, in an order drawn anew each round."""

    def visits(self, clip: int, seed: int | str, epoch: int) -> list[Visit]:
        """The visits of an epoch.

        Args:
            clip: Number of the clip.
            seed: Decides the order of the captions, together with the clip.
            epoch: The epoch.
        """
        numbers = range(self._seen_before(epoch), self._seen_before(epoch + 1))
        return [Visit(clip, self._caption(clip, seed, number)) for number in numbers]

    def count(self, epoch: int) -> int:
        """How many visits an epoch has."""
        return self._seen_before(epoch + 1) - self._seen_before(epoch)

    def _seen_before(self, epoch: int) -> int:
        return math.floor(epoch * self.repeats + self.phase)

    def _caption(self, clip: int, seed: int | str, number: int) -> int:
        if self.captions == 1:
            return 0
        turn, place = divmod(number, self.captions)
        return random.Random(f"{seed}/captions/{clip}/{turn}").sample(range(self.captions), self.captions)[place]


_Pair = tuple[bool, int]

ONCE = Rhythm()
"""A clip with one caption, seen once in each epoch."""


def clips_of_sets(clips: Iterable[CachedClip], num_sets: int) -> tuple[int, ...]:
    """How many clips each set has; one that is also there mirrored counts once."""
    pairs = {(clip.set_number, _pair(number, clip)) for number, clip in enumerate(clips)}
    counts = Counter(set_number for set_number, _ in pairs)
    return tuple(counts[number] for number in range(num_sets))


def rhythms(clips: Mapping[int, CachedClip], repeats: Sequence[float], seed: int | str) -> dict[int, Rhythm]:
    """The rhythm of each clip.

    Args:
        clips: Those that are trained, by number.
        repeats: How many times each clip of a set is seen in an epoch, by the number of the set.
        seed: Decides the phases.
    """
    sets: defaultdict[int, defaultdict[_Pair, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, clip in clips.items():
        sets[clip.set_number][_pair(number, clip)].append(number)
    result = {}
    for set_number, pairs in sets.items():
        generator = random.Random(f"{seed}/phases/{set_number}")
        places = generator.sample(range(len(pairs)), len(pairs))
        for place, twins in zip(places, pairs.values(), strict=True):
            first = (place + 0.5) / len(pairs) + generator.randrange(len(twins))
            for turn, number in enumerate(twins):
                result[number] = Rhythm(
                    repeats=repeats[set_number] / len(twins),
                    phase=(first + turn) / len(twins) % 1,
                    captions=len(clips[number].texts),
                )
    return result


def _pair(number: int, clip: CachedClip) -> _Pair:
    """What a clip and its mirrored twin share, and no other clip has, whatever its name."""
    return (False, number) if clip.twin is None else (True, clip.twin)
