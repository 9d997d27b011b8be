"""What goes into a top-down pose model and what comes out: a person's box as a picture, heatmaps as points.

Geometry is that of Huang et al., "The Devil Is in the Details" (CVPR 2020): a box is widened by a quarter, given the
model's aspect ratio, and its corner pixels' centres become the corner pixels' centres of the model's picture. Points
are found as in Zhang et al., "Distribution-Aware Coordinate Representation" (CVPR 2020): the top of a heatmap is that
of the parabola through the logarithm of its smoothed values. transformers has both, but needs SciPy for them; points
are equal to within 1e-4 pixels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.references.signal import Picture

_WIDENED = 1.25
_SMOOTHED = 0.8  # pixels of a heatmap
_LEAST = 1e-3


@dataclass(frozen=True)
class Person:
    """Where a person is in a picture, in pixels."""

    left: float
    """Of the box."""
    top: float
    """Of the box."""
    width: float
    """Of the box."""
    height: float
    """Of the box."""

    def cut(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Centre x and y, width and height of what the model sees, widened to the aspect ratio of its picture."""
        aspect = width / height
        wide, high = max(self.width, self.height * aspect), max(self.height, self.width / aspect)
        return self.left + self.width / 2, self.top + self.height / 2, wide * _WIDENED, high * _WIDENED


def person_picture(picture: Picture, person: Person, width: int, height: int) -> Picture:
    """What the model sees of a person, `(height, width, 3)`; black beyond the picture."""
    import cv2

    x, y, wide, high = person.cut(width, height)
    across, down = (width - 1) / wide, (height - 1) / high
    matrix = np.array([[across, 0, across * (wide / 2 - x)], [0, down, down * (high / 2 - y)]])
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR), dtype=np.uint8)


def find_points(
    heatmaps: NDArray[np.float32], person: Person, width: int, height: int
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Points of a person in the picture, `(K, 2)` as x and y in pixels, and how sure each is, `(K,)`.

    Args:
        heatmaps: `(K, h, w)`.
        person: Where the person is.
        width: Pixels of the model's picture.
        height: Pixels.
    """
    rows, columns = heatmaps.shape[1:]
    tops = [np.unravel_index(int(heatmap.argmax()), heatmap.shape) for heatmap in heatmaps]
    sure = heatmaps.max(axis=(1, 2))
    points = np.array(
        [_refined(heatmap, int(row), int(column)) for heatmap, (row, column) in zip(heatmaps, tops, strict=True)]
    )
    x, y, wide, high = person.cut(width, height)
    points *= (wide / (columns - 1), high / (rows - 1))
    points += (x - wide / 2, y - high / 2)
    return points, sure


def _refined(heatmap: NDArray[np.float32], row: int, column: int) -> tuple[float, float]:
    """X and y of the top near the highest value, by one step of Newton's method."""
    import cv2

    smooth = cv2.GaussianBlur(heatmap, (11, 11), _SMOOTHED, borderType=cv2.BORDER_REFLECT)
    padded = np.pad(np.log(np.clip(smooth, _LEAST, None)), 1, mode="edge").astype(np.float64)
    near = padded[row : row + 3, column : column + 3]
    slope = np.array([near[1, 2] - near[1, 0], near[2, 1] - near[0, 1]]) / 2
    across = near[1, 2] - 2 * near[1, 1] + near[1, 0]
    down = near[2, 1] - 2 * near[1, 1] + near[0, 1]
    mixed = (near[2, 2] - near[2, 0] - near[0, 2] + near[0, 0]) / 4
    curve = np.array([[across, mixed], [mixed, down]])
    if np.linalg.det(curve) <= 1e-12 or across >= 0:
        return float(column), float(row)  # no top there
    step = np.linalg.solve(curve, slope)
    return float(column - np.clip(step[0], -1, 1)), float(row - np.clip(step[1], -1, 1))
