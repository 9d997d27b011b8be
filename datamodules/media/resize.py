"""Fit a picture to a bucket: scale it until it covers the bucket, then cut out the centre.

The sizes are rounded as in the reference's preprocessing. Scaling is torch's bicubic with antialiasing, on bytes.
"""

import torch
from torch import Tensor
from torch.nn import functional


def cover_size(source: tuple[int, int], width: int, height: int, pixel_aspect: float = 1.0) -> tuple[int, int]:
    """Width and height, at least those asked for, to which a picture is scaled with its aspect ratio kept.

    Args:
        source: Stored width and height of the picture.
        width: Pixels to cover.
        height: Pixels to cover.
        pixel_aspect: Width over height of a stored pixel; other than 1 in anamorphic video.
    """
    source_width, source_height = source[0] * pixel_aspect, source[1]
    if source_width * height > width * source_height:
        return max(width, int(source_width * height / source_height)), height
    return width, max(height, int(source_height * width / source_width))


def cover_crop(picture: Tensor, pixel_aspect: float = 1.0, *, width: int, height: int) -> Tensor:
    """Scale and crop one picture.

    Args:
        picture: `(3, h, w)`, uint8.
        pixel_aspect: Width over height of a pixel of the picture.
        width: Pixels of the result.
        height: Pixels of the result.

    Returns:
        `(3, height, width)`, uint8.
    """
    covered_width, covered_height = cover_size((picture.shape[2], picture.shape[1]), width, height, pixel_aspect)
    if (covered_height, covered_width) != picture.shape[1:]:
        size = (covered_height, covered_width)
        picture = functional.interpolate(picture[None], size, mode="bicubic", antialias=True)[0]
    left, top = (covered_width - width) // 2, (covered_height - height) // 2
    return torch.narrow(torch.narrow(picture, 1, top, height), 2, left, width)
