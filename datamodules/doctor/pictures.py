"""Looking at a video without reading all of it: every frame as a small picture, and a few at full size.

A file of up to a minute is looked at whole, a longer one in twelve stretches of five seconds. A small picture is
48 cells wide and 27 high, whatever the shape of the frame: it is compared with others of its own clip alone.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from datamodules.doctor import signature
from datamodules.doctor.bars import Bars, find_bars
from datamodules.doctor.cuts import cut_frames
from datamodules.doctor.stillness import BLACK_LEVEL, Span, black_spans, longest_freeze
from datamodules.manifest.clip import MediaError, media_kind
from datamodules.media.container import Frame, beginning, colour_matrix, frames_from, video_stream
from datamodules.media.stills import still_array

WHOLE_SECONDS = 60.0
"""Longest file that is looked at from its beginning to its end."""
STRETCHES, STRETCH_SECONDS = 12, 5.0
"""What is looked at of a longer one."""

_CELLS = (48, 27)
_FULL_FRAMES = 12  # looked at in full size for bars


@dataclass(frozen=True, kw_only=True)
class PictureFacts:
    """What is seen in a video or still."""

    seconds: float = 0.0
    """Length of what was looked at; 0 for a still."""
    cuts: tuple[float, ...] = ()
    """Seconds at which new shots begin."""
    black: tuple[Span, ...] = ()
    """Stretches of black frames, seconds."""
    white: tuple[Span, ...] = ()
    """Stretches of white frames, seconds."""
    frozen: Span = (0.0, 0.0)
    """The longest stretch in which nothing moves, seconds."""
    bars: Bars = (0, 0, 0, 0)
    """Black bars, pixels as stored but upright."""
    signature: str = ""
    """Small pictures by which copies are known."""


def look_at_pictures(path: Path, duration: float) -> PictureFacts:
    """Look at a video or still.

    Args:
        path: The file.
        duration: Its seconds; 0 for a still.

    Raises:
        MediaError: If it cannot be decoded.
    """
    if media_kind(path) == "image":
        return _look_at_still(path)
    origin = beginning(path).time
    stretches = [_Stretch(begin, end, path, duration) for begin, end in _spans(duration)]
    for stretch in stretches:
        stretch.read(origin)
    seen = [stretch for stretch in stretches if stretch.times]
    if not seen:
        raise MediaError(path, "has no picture that can be decoded: it is damaged or incomplete")
    thumbnails = [np.stack(stretch.thumbnails) for stretch in seen]
    cuts = [
        stretch.times[index] for stretch, small in zip(seen, thumbnails, strict=True) for index in cut_frames(small)
    ]
    black = [
        span
        for stretch, small in zip(seen, thumbnails, strict=True)
        for span in black_spans(small, stretch.times, stretch.until)
    ]
    white = [
        span
        for stretch, small in zip(seen, thumbnails, strict=True)
        for span in black_spans(255 - small, stretch.times, stretch.until)
    ]
    freezes = [
        longest_freeze(small, stretch.times, stretch.until) for stretch, small in zip(seen, thumbnails, strict=True)
    ]
    moments = [picture for stretch in seen for picture in stretch.moments]
    chosen = np.linspace(0, len(moments) - 1, min(len(moments), signature.MOST_PICTURES)).round().astype(int)
    return PictureFacts(
        seconds=sum(stretch.until - stretch.times[0] for stretch in seen),
        cuts=tuple(round(time, 3) for time in cuts),
        black=tuple(_rounded(span) for span in black),
        white=tuple(_rounded(span) for span in white),
        frozen=_rounded(max(freezes, key=lambda span: span[1] - span[0])),
        bars=find_bars(np.stack([picture for stretch in seen for picture in stretch.full])),
        signature=signature.encode_signature(np.stack([moments[index] for index in chosen])),
    )


class _Stretch:
    """What is read of a video between two moments."""

    def __init__(self, begin: float, end: float, path: Path, duration: float) -> None:
        self.begin, self.end, self.path = begin, min(end, duration), path
        self.times: list[float] = []
        self.thumbnails: list[NDArray[np.uint8]] = []
        self.moments: list[NDArray[np.uint8]] = []
        self.full: list[NDArray[np.uint8]] = []
        share = (self.end - self.begin) / min(duration, STRETCHES * STRETCH_SECONDS) if duration > 0 else 1.0
        self._full_every = (self.end - self.begin) / max(round(_FULL_FRAMES * share), 1)
        self._scaler = av.video.reformatter.VideoReformatter()

    @property
    def until(self) -> float:
        """Seconds at which the last frame ends."""
        if len(self.times) < 2:
            return max(self.end, self.times[-1])
        return max(self.end, self.times[-1]) if self.end - self.times[-1] < 1 else self.times[-1]

    def read(self, origin: Fraction) -> None:
        """Decode it."""
        for frame, time in frames_from(self.path, video_stream, origin, self.begin):
            if time >= self.end and self.times:
                return
            if time < self.begin or (self.times and time <= self.times[-1]):
                continue
            self._keep(frame, time)

    def _keep(self, frame: Frame, time: float) -> None:
        small = self._scaled(frame, *_CELLS)
        self.thumbnails.append(small)
        self.times.append(time)
        if time - self.begin >= len(self.moments) / signature.PER_SECOND:
            self.moments.append(self._scaled(frame, signature.SIDE, signature.SIDE))
        if time - self.begin >= len(self.full) * self._full_every:
            grey = frame.to_ndarray(format="gray")
            self.full.append(np.ascontiguousarray(np.rot90(grey, round(frame.rotation / 90))))

    def _scaled(self, frame: Any, width: int, height: int) -> NDArray[np.uint8]:
        scaled = self._scaler.reformat(
            frame,
            width=width,
            height=height,
            format="rgb24",
            src_colorspace=colour_matrix(frame),
            interpolation="AREA",
        )
        picture: NDArray[np.uint8] = scaled.to_ndarray()
        return picture


def _spans(duration: float) -> list[Span]:
    if duration <= WHOLE_SECONDS:
        return [(0.0, duration)]
    begins = np.linspace(0, duration - STRETCH_SECONDS, STRETCHES)
    return [(float(begin), float(begin) + STRETCH_SECONDS) for begin in begins]


def _look_at_still(path: Path) -> PictureFacts:
    from PIL import Image

    picture = still_array(path)
    small = np.asarray(Image.fromarray(picture).resize((signature.SIDE, signature.SIDE), Image.Resampling.BOX))
    grey = np.asarray(Image.fromarray(picture).convert("L"))[None]
    is_black, is_white = small.max() <= BLACK_LEVEL, small.min() >= 255 - BLACK_LEVEL
    return PictureFacts(
        black=((0.0, 0.0),) if is_black else (),
        white=((0.0, 0.0),) if is_white else (),
        bars=find_bars(grey),
        signature=signature.encode_signature(small[None]),
    )


def _rounded(span: Span) -> Span:
    return round(span[0], 3), round(span[1], 3)
