"""Files written anew: cropped, at a constant rate, or without their track of sound.

Pictures are encoded in high quality (H.264 CRF 12, VP9 in WebM), turned upright; sound is copied as it is, in step.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray
from PIL import Image

from datamodules.doctor.bars import Bars
from datamodules.media.container import (
    DISPLAY_PHASE,
    beginning,
    frames_from,
    opened,
    shown_frames,
    sound_stream,
    upright,
    video_stream,
)
from datamodules.media.stills import still_array

_CLOCK = 90000  # ticks a second of the pictures' timestamps
_CODECS = {".webm": ("libvpx-vp9", {"crf": "15", "b": "0", "deadline": "good", "cpu-used": "4"})}
_H264 = ("libx264", {"crf": "12", "preset": "medium"})

Picture = NDArray[np.uint8]


def crop_still(source: Path, target: Path, bars: Bars) -> None:
    """Write a still without its bars."""
    picture = _inside(still_array(source), bars)
    options = {"quality": 95, "lossless": True} if source.suffix.lower() == ".webp" else {"quality": 95}
    Image.fromarray(picture).save(target, format=Image.registered_extensions()[source.suffix.lower()], **options)


def reencode(source: Path, target: Path, *, bars: Bars = (0, 0, 0, 0), fps: float | None = None, sound: bool) -> None:
    """Write a video anew.

    Args:
        source: The video.
        target: Where to, with the same suffix.
        bars: Pixels to leave out on each side.
        fps: Constant rate to bring it to, frames chosen as in training; None keeps the times of all frames.
        sound: Whether its sound is kept.

    Raises:
        MediaError: If it cannot be decoded.
        OSError: If it cannot be written.
    """
    with _writing(target) as container:
        tracks = _Sound(source, container) if sound else None
        stream = None
        for picture, time, aspect in _pictures(source, fps):
            inside = _inside(picture, bars)
            if stream is None:
                stream = _video_stream(container, target, inside, Fraction(fps or 24).limit_denominator(1001), aspect)
            if tracks is not None:
                tracks.copy_until(time)
            container.mux(stream.encode(_frame(inside, time)))
        if stream is not None:
            container.mux(stream.encode())
        if tracks is not None:
            tracks.copy_until(None)


def without_sound(source: Path, target: Path) -> None:
    """Write a video without its sound; its picture is copied as it is."""
    with opened(source) as original, _writing(target) as container:
        stream = video_stream(original)
        copy = container.add_stream_from_template(stream)
        for packet in original.demux(stream):
            if packet.size and packet.dts is not None:
                packet.stream = copy
                container.mux(packet)


class _Sound:
    """The packets of a file's sound, copied in step with its picture."""

    def __init__(self, source: Path, container: Any) -> None:
        self._container = container
        self._origin = beginning(source).time
        self._packets = self._read(source)
        self._waiting: Any = None
        with opened(source) as original:
            stream = sound_stream(original)
            self._copy = None if stream is None else container.add_stream_from_template(stream)

    def copy_until(self, time: float | None) -> None:
        """Copy what begins before `time`, seconds after the first picture; None copies the rest."""
        if self._copy is None:
            return
        while True:
            packet = self._waiting if self._waiting is not None else next(self._packets, None)
            self._waiting = None
            if packet is None:
                return
            if time is not None and float(packet.pts * packet.time_base) > time:
                self._waiting = packet
                return
            packet.stream = self._copy
            self._container.mux(packet)

    def _read(self, source: Path) -> Iterator[Any]:
        with opened(source) as original:
            for packet in original.demux(sound_stream(original)):
                if packet.size and packet.pts is not None and packet.dts is not None:
                    shift = round(self._origin / packet.time_base)
                    packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                    yield packet


def _pictures(source: Path, fps: float | None) -> Iterator[tuple[Picture, float, Fraction]]:
    """Upright pictures with the seconds at which they are to be shown, and the width of their pixels."""
    origin = beginning(source)
    if fps is None:
        for frame, time in frames_from(source, video_stream, origin.time, 0.0):
            shown, aspect = upright(source, frame, origin.pixel_aspect)
            yield shown, time, Fraction(aspect).limit_denominator(1000)
        return
    written = 0
    for frame, end in shown_frames(source, origin.time, 0.0):
        picture: Picture | None = None
        aspect = 1.0
        while (written + DISPLAY_PHASE) / fps < end:
            if picture is None:
                picture, aspect = upright(source, frame, origin.pixel_aspect)
            yield picture, written / fps, Fraction(aspect).limit_denominator(1000)
            written += 1


def _inside(picture: Picture, bars: Bars) -> Picture:
    """What is between the bars, of even width and height as H.264 needs."""
    left, top, right, bottom = bars
    height, width = picture.shape[:2]
    width, height = (width - left - right) // 2 * 2, (height - top - bottom) // 2 * 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def _video_stream(container: Any, target: Path, picture: Picture, rate: Fraction, aspect: Fraction) -> Any:
    codec, options = _CODECS.get(target.suffix.lower(), _H264)
    stream = container.add_stream(codec, rate=rate, options=options)
    stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
    context = stream.codec_context
    context.time_base, context.sample_aspect_ratio = Fraction(1, _CLOCK), aspect
    context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
    context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    return stream


def _frame(picture: Picture, time: float) -> Any:
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
    frame.pts, frame.time_base = round(time * _CLOCK), Fraction(1, _CLOCK)
    return frame


def _writing(target: Path) -> Any:
    options = {"movflags": "+faststart"} if target.suffix.lower() in (".mp4", ".mov") else {}
    return av.open(str(target.absolute()), "w", options=options)
