"""Kinds of recipes, and how many clips each of them needs."""

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["style", "character", "motion", "audio_video", "ic"]
KINDS: tuple[Kind, ...] = get_args(Kind)

OVERFIT_BELOW = 8
"""Clips below which any adapter learns them by heart."""


@dataclass(frozen=True, kw_only=True)
class KindCounts:
    """The usual size of a dataset."""

    fewest: int
    """Clips, or pairs of clip and reference."""
    most: int
    """More are welcome where they add variety."""
    unit: str = "clips"
    """What is counted."""
    reason: str
    """Why so many."""


COUNTS: dict[Kind, KindCounts] = {
    "style": KindCounts(fewest=15, most=50, reason="a look is told from what it is seen on by varied subjects"),
    "character": KindCounts(fewest=20, most=40, reason="a face is learnt from many angles, lights and distances"),
    "motion": KindCounts(fewest=10, most=40, reason="a movement is told from who makes it by several who do"),
    "audio_video": KindCounts(fewest=10, most=40, reason="a sound is told from its scene by several scenes"),
    "ic": KindCounts(fewest=30, most=50, unit="pairs", reason="what a reference means is learnt from varied pairs"),
}
