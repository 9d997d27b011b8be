"""A person's points as the skeleton that pose-controlled models know: OpenPose's 18 points on black.

Colours go round the colour wheel in 18 steps of 20 degrees, by point and by limb; limbs are at 60 % so that points
show. The 17 points of COCO, which pose models give, have no neck: it is half-way between the shoulders.
"""

import colorsys

import numpy as np
from numpy.typing import NDArray

from datamodules.references.signal import Picture

# OpenPose's points by their place in COCO's list; the neck comes second.
_COCO = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
_LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10),
    (1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
_LIMB_BRIGHTNESS = 0.6
_SHORT_SIDE = 512  # pixels at which a limb is four and a point nine pixels wide
_SHOULDERS = (5, 6)
_FINER = 4  # bits of a pixel's fraction that OpenCV draws with


def point_colour(index: int) -> tuple[int, int, int]:
    """RGB of an OpenPose point or limb."""
    red, green, blue = colorsys.hsv_to_rgb(index / 18, 1.0, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def openpose_points(
    points: NDArray[np.float64], sure: NDArray[np.float32], threshold: float
) -> list[tuple[float, float] | None]:
    """The 18 points of OpenPose, None for those that are not sure.

    Args:
        points: `(17, 2)`, COCO's, x and y in pixels.
        sure: `(17,)`.
        threshold: Below it a point is left out.
    """
    known = [
        (float(x), float(y)) if certainty >= threshold else None for (x, y), certainty in zip(points, sure, strict=True)
    ]
    left, right = known[_SHOULDERS[0]], known[_SHOULDERS[1]]
    neck = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2) if left and right else None
    return [neck if place is None else known[place] for place in _COCO]


def draw_skeleton(picture: Picture, points: list[tuple[float, float] | None]) -> None:
    """Draws a person into a picture.

    Args:
        picture: `(H, W, 3)` RGB.
        points: Of `openpose_points`.
    """
    import cv2

    scale = min(picture.shape[:2]) / _SHORT_SIDE
    limb, radius = max(round(4 * scale), 2), max(4 * scale, 1.5)
    for index, (begin, end) in enumerate(_LIMBS):
        first, second = points[begin], points[end]
        if first and second:
            red, green, blue = (round(part * _LIMB_BRIGHTNESS) for part in point_colour(index))
            cv2.line(picture, _fine(first), _fine(second), (red, green, blue), limb, cv2.LINE_AA, _FINER)
    for index, point in enumerate(points):
        if point:
            size = round(radius * 2**_FINER)
            cv2.circle(picture, _fine(point), size, point_colour(index), -1, cv2.LINE_AA, _FINER)


def _fine(point: tuple[float, float]) -> tuple[int, int]:
    return round(point[0] * 2**_FINER), round(point[1] * 2**_FINER)
