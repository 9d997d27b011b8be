"""Black bars: black at an edge in every frame, that ends along a straight line right across the picture.

A dark scene or a shape on black has no such line; a picture that leaves less than half the area is taken for a shape.
"""

import numpy as np
from numpy.typing import NDArray

Bars = tuple[int, int, int, int]
"""Pixels of the left, top, right and bottom bar."""

BLACK_LEVEL = 28
"""Brightest level, of 255, that counts as black: recordings are seldom quite black."""
LEAST_SHARE = 0.008
"""Narrowest bar, as a share of the side; and 4 pixels."""

_LEAST_PIXELS = 4
_LIT_LEVEL = 40
_STRAIGHT = 0.6  # of the line beside a bar that is lit
_SEEN = 0.6  # of the frames in which it is
_BLUR = 2  # pixels in which a scaled picture runs into its bar
_LEAST_KEPT = 0.5
_STRAY = 0.01  # of a line that may be bright: noise, a logo in the bar is more


def find_bars(frames: NDArray[np.uint8]) -> Bars:
    """Measure the bars of a clip.

    Args:
        frames: `(F, H, W)`, grey pictures at full size, spread over the clip.

    Returns:
        The bars; zeros where there are none.
    """
    height, width = frames.shape[1:]
    bright = frames.max(0) > BLACK_LEVEL
    rows = np.flatnonzero(bright.mean(1) > _STRAY)
    columns = np.flatnonzero(bright.mean(0) > _STRAY)
    if not len(rows) or not len(columns):
        return (0, 0, 0, 0)
    left, right = int(columns[0]), int(columns[-1]) + 1
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    if (
        (right - left) * (bottom - top) < _LEAST_KEPT * height * width
        and right - left < width
        and bottom - top < height
    ):
        return (0, 0, 0, 0)
    inside = frames[:, top:bottom, left:right] > _LIT_LEVEL
    shown = inside[inside.mean((1, 2)) > _STRAY]
    if not len(shown):
        return (0, 0, 0, 0)
    edges = (shown[:, :, : _BLUR + 1].any(2), shown[:, : _BLUR + 1].any(1))
    far_edges = (shown[:, :, -_BLUR - 1 :].any(2), shown[:, -_BLUR - 1 :].any(1))
    sides = ((left, width), (top, height), (width - right, width), (height - bottom, height))
    measured = [
        pixels if pixels >= max(_LEAST_PIXELS, LEAST_SHARE * side) and _is_straight(edge) else 0
        for (pixels, side), edge in zip(sides, (*edges, *far_edges), strict=True)
    ]
    return (measured[0], measured[1], measured[2], measured[3])


def _is_straight(edge: NDArray[np.bool_]) -> bool:
    """Whether a line beside a bar, `(F, N)`, is lit along most of its length in most frames."""
    return float((edge.mean(1) >= _STRAIGHT).mean()) >= _SEEN
