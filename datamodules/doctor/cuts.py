"""Shot cuts: frames that differ from the one before far more than frames around them do, and go on differing.

The measure is the mean difference of small pictures, in levels of 0 to 255. Fast motion makes all differences around a
frame large, a flash goes back at once, and a jolt of the camera is undone by shifting the picture: none is a cut.
Dissolves are not found.
"""

import numpy as np
from numpy.typing import NDArray

LEAST_CHANGE = 10.0
"""Levels, on average over the picture, by which a cut changes it at least."""
TIMES_THE_USUAL = 3.0
"""How much larger a cut's change is than the larger changes around it."""

_NEIGHBOURS = 8  # frames on each side that tell what is usual
_USUAL_PERCENTILE = 80  # so that doubled frames, which do not change at all, do not count as usual
_FLASH_FRAMES = 3
_JOLT = 2  # cells of the small picture


def cut_frames(thumbnails: NDArray[np.uint8]) -> list[int]:
    """Find the first frames of new shots.

    Args:
        thumbnails: `(F, h, w, 3)`, small pictures of every frame, in order.

    Returns:
        Indices into the frames.
    """
    pictures = thumbnails.astype(np.float32)
    changes = np.abs(np.diff(pictures, axis=0)).mean((1, 2, 3))  # changes[i] is between frames i and i + 1
    found: list[int] = []
    indices: list[int] = np.flatnonzero(changes >= LEAST_CHANGE).tolist()
    for index in indices:
        first = max(index - _NEIGHBOURS, 0)
        around = np.delete(changes[first : index + _NEIGHBOURS + 1], index - first)
        usual = float(np.percentile(around, _USUAL_PERCENTILE)) if len(around) else 0.0
        if changes[index] >= TIMES_THE_USUAL * usual and _lasts(pictures, index):
            found.append(index + 1)
    return found


def _lasts(pictures: NDArray[np.float32], index: int) -> bool:
    """Whether the picture stays different from that of frame `index`, however the camera is shifted."""
    before = pictures[index]
    later = pictures[index + 1 : index + 2 + _FLASH_FRAMES]
    return all(_unlike(before, after) for after in (later[0], later[-1])) and not _is_flash(pictures, index)


def _is_flash(pictures: NDArray[np.float32], index: int) -> bool:
    """Whether the change leads back to what was there a few frames before: the end of a flash."""
    earlier, after = pictures[max(index - _FLASH_FRAMES, 0) : index], pictures[index + 1]
    return any(float(np.abs(picture - after).mean()) < LEAST_CHANGE / 2 for picture in earlier)


def _unlike(before: NDArray[np.float32], after: NDArray[np.float32]) -> bool:
    height, width = before.shape[:2]
    shifts = range(-_JOLT, _JOLT + 1)
    inner = before[_JOLT : height - _JOLT, _JOLT : width - _JOLT]
    return all(
        float(np.abs(inner - after[_JOLT + y : height - _JOLT + y, _JOLT + x : width - _JOLT + x]).mean())
        >= LEAST_CHANGE
        for y in shifts
        for x in shifts
    )
