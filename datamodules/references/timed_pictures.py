"""The pictures of a clip, upright and with square pixels, each with its exact time; one is held at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.manifest.clip import MediaError
from datamodules.media.container import beginning, frames_from, opened, upright, video_stream
from datamodules.references.signal import Picture


@dataclass(frozen=True)
class TimedPicture:
    """A picture and when it is shown."""

    picture: Picture
    """`(H, W, 3)` RGB."""
    pts: int
    """Ticks from the first picture."""
    duration: int
    """Ticks until the next one."""


@dataclass(frozen=True)
class Clock:
    """How a video counts time."""

    rate: Fraction
    """Frames per second, on average."""
    time_base: Fraction
    """Seconds per tick."""


def clock_of(path: Path) -> Clock:
    """How a video counts time.

    Raises:
        MediaError: If it cannot be opened, or has no picture.
    """
    with opened(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise MediaError(path, "has no picture")
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        return Clock(rate=Fraction(rate), time_base=Fraction(stream.time_base))


def timed_pictures(path: Path, short_side: int | None = None) -> Iterator[TimedPicture]:
    """Every picture of a video.

    Args:
        path: The video.
        short_side: Pixels that the shorter side is scaled down to; None, or a video that is smaller, keeps the size.

    Raises:
        MediaError: If the video cannot be decoded.
    """
    start = beginning(path)
    shown: tuple[Any, int] | None = None
    origin = lasted = 0
    for frame, _ in frames_from(path, video_stream, start.time, 0.0):
        if shown is None:
            origin = frame.pts
        elif frame.pts - origin <= shown[1]:
            continue  # out of order, as `datamodules.media.decode` skips it too
        else:
            lasted = frame.pts - origin - shown[1]
            yield TimedPicture(_displayed(path, shown[0], start.pixel_aspect, short_side), shown[1], lasted)
        shown = frame, frame.pts - origin
    if shown is not None:
        last = int(shown[0].duration or 0) or lasted or 1
        yield TimedPicture(_displayed(path, shown[0], start.pixel_aspect, short_side), shown[1], last)


def scaled_down(picture: Picture, short_side: int | None) -> Picture:
    """A picture whose shorter side is at most so long, with even sides if it is scaled.

    Args:
        picture: `(H, W, 3)`.
        short_side: Pixels, even; None keeps the size.
    """
    height, width = picture.shape[:2]
    if short_side is None or min(height, width) <= short_side:
        return picture
    scale = short_side / min(height, width)
    return _resized(picture, width=2 * round(width * scale / 2), height=2 * round(height * scale / 2))


def _displayed(path: Path, frame: Any, stored_aspect: float, short_side: int | None) -> Picture:
    picture, aspect = upright(path, frame, stored_aspect)
    height, width = picture.shape[:2]
    # As `probe` says: the stored width is stretched, which is the height of a picture on its side.
    if round(frame.rotation / 90) % 2:
        height = round(height / aspect)
    else:
        width = round(width * aspect)
    return scaled_down(_resized(picture, width=width, height=height), short_side)


def _resized(picture: Picture, *, width: int, height: int) -> Picture:
    import cv2

    if picture.shape[:2] == (height, width):
        return picture
    smaller = height * width < picture.shape[0] * picture.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), dtype=np.uint8)
