"""Pictures sampled from a clip, which is how a clip is shown to a model that reads pictures. No torch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datamodules.manifest.clip import MediaError
from datamodules.media.container import Frame, beginning, shown_frames, upright
from datamodules.media.probe import MediaInfo
from datamodules.media.stills import still_array

_FAR_SECONDS = 4.0  # between two pictures: seeking is cheaper than decoding what lies between
_SMALLEST_SIDE = 28  # pixels; the least that the models take


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture and when it is seen."""

    image: Image.Image
    """RGB."""
    seconds: float
    """From the first frame."""


def sample_pictures(path: Path, info: MediaInfo, *, number: int, max_side: int) -> tuple[Picture, ...]:
    """Pictures from the middles of equally long parts of a clip; the one picture of a still.

    Args:
        path: The video or still.
        info: What `probe` says about it.
        number: How many; fewer if it has not so many frames.
        max_side: Pixels of the longer side at most; smaller pictures are not scaled up.

    Raises:
        MediaError: If it cannot be decoded.
    """
    if info.frames <= 1:
        array = _first_frame(path) if info.duration > 0 else (still_array(path), 1.0)
        return (Picture(image=_fitted(*array, max_side), seconds=0.0),)
    number = min(number, info.frames)
    times = [(index + 0.5) * info.duration / number for index in range(number)]
    origin = beginning(path)
    groups = [[time] for time in times] if info.duration / number > _FAR_SECONDS else [times]
    pictures: list[Picture] = []
    for group in groups:
        wanted = list(group)
        for frame, end in shown_frames(path, origin.time, wanted[0]):
            if not wanted:
                break
            if wanted[0] < end:
                image = _fitted(*upright(path, frame, origin.pixel_aspect), max_side)
                pictures.append(Picture(image=image, seconds=wanted.pop(0)))
    if not pictures:
        raise MediaError(path, "has no picture that can be decoded: it is damaged or incomplete")
    return tuple(pictures)


def _first_frame(path: Path) -> tuple[NDArray[np.uint8], float]:
    origin = beginning(path)
    frame: Frame = next(shown_frames(path, origin.time, 0.0))[0]
    return upright(path, frame, origin.pixel_aspect)


def _fitted(array: NDArray[np.uint8], pixel_aspect: float, max_side: int) -> Image.Image:
    """Square pixels, the longer side limited."""
    image = Image.fromarray(array)
    width, height = image.width * pixel_aspect, float(image.height)
    scale = min(1.0, max_side / max(width, height))
    scale = max(scale, _SMALLEST_SIDE / min(width, height)) if min(width, height) * scale < _SMALLEST_SIDE else scale
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
