"""What does not move, and what cannot be seen: stretches of frozen and of black frames."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BLACK_LEVEL = 32
"""Brightest cell of a small picture, of 255 levels, in a frame that counts as black."""
FROZEN_LEVELS = 4.0
"""Most by which a cell of a small picture changes while nothing moves: what a codec does to a frozen picture."""

Span = tuple[float, float]
"""Begin and end, seconds."""


def black_spans(thumbnails: NDArray[np.uint8], times: Sequence[float], end: float) -> list[Span]:
    """Stretches of black frames.

    Args:
        thumbnails: `(F, h, w, 3)`.
        times: Seconds at which each frame is shown.
        end: Seconds at which the last one ends.
    """
    is_black = thumbnails.max((1, 2, 3)) <= BLACK_LEVEL
    spans: list[Span] = []
    indices: list[int] = np.flatnonzero(is_black).tolist()
    for index in indices:
        until = times[index + 1] if index + 1 < len(times) else end
        if spans and spans[-1][1] == times[index]:
            spans[-1] = (spans[-1][0], until)
        else:
            spans.append((times[index], until))
    return spans


def longest_freeze(thumbnails: NDArray[np.uint8], times: Sequence[float], end: float) -> Span:
    """The longest stretch in which nothing differs from its first frame; see `black_spans` for the arguments."""
    longest = (times[0], times[0])
    first = 0
    pictures = thumbnails.astype(np.int16)
    for index in range(1, len(times) + 1):
        if index < len(times) and _largest_change(pictures[first], pictures[index]) <= FROZEN_LEVELS:
            continue
        until = times[index] if index < len(times) else end
        if until - times[first] > longest[1] - longest[0]:
            longest = (times[first], until)
        first = index
    return longest


def _largest_change(before: NDArray[np.int16], after: NDArray[np.int16]) -> float:
    return float(np.abs(before - after).mean(-1).max())
