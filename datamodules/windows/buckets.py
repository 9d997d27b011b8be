"""Which bucket a clip trains in: the nearest aspect ratio first, then the most frames, then the largest area.

A video never lands in a bucket for stills, where all but one of its frames would be lost, nor a still elsewhere.
"""

import math
from collections.abc import Sequence

from datamodules.geometry import Bucket, nearest_frames, nearest_multiples


def assign_bucket(width: int, height: int, available_frames: int, buckets: Sequence[Bucket]) -> Bucket | None:
    """Choose the bucket that fits a clip best.

    Args:
        width: Pixels as displayed.
        height: Pixels as displayed.
        available_frames: Frames at the recipe's rate; 1 for a still.
        buckets: Those of the recipe.

    Returns:
        The bucket, or None if the clip is too short for all, or a still without a bucket for stills.
    """
    still = available_frames == 1
    fitting = [bucket for bucket in buckets if bucket.is_still == still and bucket.frames <= available_frames]

    def misfit(bucket: Bucket) -> tuple[float, int, int]:
        # Rounded, so that two ratios that differ in their last bit do not outrank the frames.
        ratio = round(abs(math.log(width / height) - math.log(bucket.aspect_ratio)), 9)
        return ratio, -bucket.frames, -bucket.width * bucket.height

    return min(fitting, key=misfit, default=None)


def suggest_bucket(width: int, height: int, available_frames: int, buckets: Sequence[Bucket]) -> Bucket:
    """A legal bucket for a clip that fits none: its length, and of the recipe's sizes the one of nearest ratio.

    Args:
        width: Pixels as displayed.
        height: Pixels as displayed.
        available_frames: Frames at the recipe's rate.
        buckets: Those of the recipe; without any the clip's own size is taken.
    """
    frames, _ = nearest_frames(available_frames)
    sizes = [Bucket(width=bucket.width, height=bucket.height, frames=1) for bucket in buckets]
    nearest = assign_bucket(width, height, 1, sizes)
    if nearest is None:
        return Bucket(width=nearest_multiples(width)[0], height=nearest_multiples(height)[0], frames=frames)
    return Bucket(width=nearest.width, height=nearest.height, frames=frames)


def kept_area(width: int, height: int, bucket: Bucket) -> float:
    """Fraction of a picture that is left after it is cropped to a bucket's aspect ratio."""
    ratio = width / height / bucket.aspect_ratio
    return min(ratio, 1 / ratio)


def enlargement(width: int, height: int, bucket: Bucket) -> float:
    """Factor by which a picture is scaled to cover a bucket; above 1 it is enlarged."""
    return max(bucket.width / width, bucket.height / height)
