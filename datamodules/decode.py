"""Decoding with PyAV: any stretch of a video as frames at the wanted rate, and the sound that belongs to it.

Frames are chosen by their timestamps, never counted, so constant and variable rates are one case: output frame `k`
shows what is on the screen at `start + (k + 1/4) / fps`. The quarter of a frame absorbs timestamps rounded to
milliseconds and lets 23.976 play as 24 for ten seconds without repeating a frame; a frame is late or early by less
than it lasts. Decoding is a stream: one frame at source size is held besides those the decoder itself refers to.

Time zero of a file is its first video frame, or its first sample if it is a sound. Edit lists, start offsets and
encoder delays are in the timestamps that FFmpeg gives, so sound found by them is in step.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from av.stream import Disposition
from torch import Tensor

from datamodules.audio import SAMPLE_RATE, downmix, resample
from datamodules.clip import MediaError, media_kind
from datamodules.resize import cover_crop
from datamodules.stills import read_still

__all__ = [
    "DISPLAY_PHASE",
    "MediaError",
    "Stream",
    "opened",
    "read_audio",
    "read_frames",
    "sound_stream",
    "video_stream",
    "waveform_of",
]

DISPLAY_PHASE = 0.25
"""Where inside an output frame its source is looked up, in frames."""

_SEEK_FROM_SECONDS = 2.0
_SOUND_PREROLL_SECONDS = 1.0
_MARGIN_SECONDS = 0.05  # of sound around a window, so that its edges are resampled with their surroundings
_JITTER_SECONDS = 0.02  # timestamps of sound closer than this to where the last chunk ended mean "go on"
_ROUNDING_SECONDS = 0.005  # a file's last frame may end this much after its timestamps say
_HD_HEIGHT = 720
_UNSPECIFIED_COLORSPACE = 2  # AVCOL_SPC_UNSPECIFIED

# PyAV has no complete types for frames and streams.
Frame = Any
Stream = Any


def read_frames(path: Path, *, start: float, frames: int, fps: float, width: int, height: int) -> Tensor:
    """Decode a window of a video, or a still, at the wanted rate and size.

    Args:
        path: The video or still.
        start: Seconds from the first frame.
        frames: Frames to return; 1 for a still.
        fps: Frames per second to return.
        width: Pixels; the picture is scaled to cover the size and cropped at the centre.
        height: Pixels.

    Returns:
        `(F, 3, H, W)`, uint8 RGB.

    Raises:
        MediaError: If the file cannot be decoded, or ends before the window does.
    """
    if media_kind(path) == "image":
        return cover_crop(read_still(path), width=width, height=height)[None].repeat(frames, 1, 1, 1)
    pictures = torch.empty(frames, 3, height, width, dtype=torch.uint8)
    beginning, filled = _beginning(path), 0
    for frame, end in _shown_frames(path, beginning.time, start):
        picture: Tensor | None = None
        while filled < frames and start + (filled + DISPLAY_PHASE) / fps < end:
            if picture is None:
                picture = cover_crop(*_upright(path, frame, beginning.pixel_aspect), width=width, height=height)
            pictures[filled] = picture
            filled += 1
        if filled == frames:
            return pictures
    raise MediaError(
        path, f"ends {filled / fps:.2f} s into the window of {frames / fps:.2f} s at {start:.2f} s: it may be damaged"
    )


def read_audio(path: Path, *, start: float, duration: float) -> Tensor:
    """Decode the sound of a window, from a video's track or a sound file.

    Args:
        path: The video or sound.
        start: Seconds from the first video frame, or from the first sample of a sound file.
        duration: Seconds to return; silence where the file has no sound.

    Returns:
        `(2, N)` at 16 kHz in [-1, 1], float32, with `N = round(duration * 16000)`.

    Raises:
        MediaError: If there is no sound, or it cannot be decoded.
    """
    begin, total = start - _MARGIN_SECONDS, duration + 2 * _MARGIN_SECONDS
    buffer, rate, expected = torch.zeros(2, 0), 0, None
    for frame, time in _frames_from(path, sound_stream, _beginning(path).time, start - _SOUND_PREROLL_SECONDS):
        if not rate:
            rate = frame.sample_rate
            buffer = torch.zeros(2, round(total * rate))
        elif frame.sample_rate != rate:
            raise MediaError(path, f"its sound changes from {rate} to {frame.sample_rate} Hz: convert it")
        position = round((time - begin) * rate)
        if expected is not None and abs(position - expected) < _JITTER_SECONDS * rate:
            position = expected
        if position >= buffer.shape[1]:
            break
        expected = position + frame.samples
        if expected > 0:
            chunk = downmix(waveform_of(frame))[:, max(-position, 0) : buffer.shape[1] - position]
            buffer[:, max(position, 0) : max(position, 0) + chunk.shape[1]] = chunk
    wanted = round(duration * SAMPLE_RATE)
    if not rate:
        return torch.zeros(2, wanted)
    skipped = round(_MARGIN_SECONDS * SAMPLE_RATE)
    return resample(buffer, rate)[:, skipped : skipped + wanted].clamp(-1, 1)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A container for reading; FFmpeg's errors, inside too, become a `MediaError`."""
    try:
        # An absolute path, lest FFmpeg take a colon in it for a protocol.
        with av.open(str(path.absolute()), metadata_errors="ignore") as container:
            yield container
    except (av.error.FFmpegError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(path, f"cannot be decoded ({reason}): it is damaged or incomplete") from error


def video_stream(container: Any) -> Stream | None:
    """The first video stream that is not a cover picture."""
    streams = (stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic)
    return next(streams, None)


def sound_stream(container: Any) -> Stream | None:
    """The first sound stream."""
    return next(iter(container.streams.audio), None)


def waveform_of(frame: Frame) -> Tensor:
    """Samples of a sound frame, `(channels, N)`, float32 in [-1, 1], whatever their format."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, len(frame.layout.channels)).T  # (1, N * channels) -> (channels, N)
    if samples.dtype == np.uint8:
        samples = (samples.astype(np.float64) - 128) / 128
    elif np.issubdtype(samples.dtype, np.integer):
        samples = samples / -float(np.iinfo(samples.dtype).min)
    return torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))


@dataclass(frozen=True)
class _Beginning:
    time: Fraction
    """Seconds on the container's clock of the first video frame, or of the first sample."""
    pixel_aspect: float
    """Width over height of a stored pixel."""


def _beginning(path: Path) -> _Beginning:
    with opened(path) as container:
        stream: Any = video_stream(container) or sound_stream(container)
        frame = next(container.decode(stream), None) if stream else None
        if frame is None:
            raise MediaError(path, "has neither picture nor sound")
        aspect = stream.sample_aspect_ratio if stream.type == "video" else None
        return _Beginning(_time(path, frame), float(aspect or 1))


def _shown_frames(path: Path, origin: Fraction, start: float) -> Iterator[tuple[Frame, float]]:
    """Frames with the time until which each is on the screen, seconds from the first frame."""
    shown: Frame = None
    shown_from = shown_for = 0.0
    for frame, time in _frames_from(path, video_stream, origin, start):
        if shown is not None:
            if time <= shown_from:
                continue
            shown_for = time - shown_from
            yield shown, time
        shown, shown_from = frame, time
    if shown is not None:
        lasts = float(shown.duration * shown.time_base) if shown.duration else shown_for
        yield shown, shown_from + lasts + _ROUNDING_SECONDS


def _frames_from(
    path: Path, choose: Callable[[Any], Stream | None], origin: Fraction, start: float, *, seek: bool = True
) -> Iterator[tuple[Frame, float]]:
    """Decoded frames with their times, from one that is not after `start`, or from the first."""
    seek = seek and start > _SEEK_FROM_SECONDS
    with opened(path) as container:
        stream = choose(container)
        if stream is None:
            raise MediaError(path, "has no sound" if choose is sound_stream else "has no picture")
        stream.thread_type = "AUTO"
        if seek:
            container.seek(int((origin + Fraction(start)) / stream.time_base), stream=stream)
        landed = False
        for frame in container.decode(stream):
            time = float(_time(path, frame) - origin)
            if seek and not landed and time > start:
                break  # the file's index is wrong or too coarse
            landed = True
            yield frame, time
    if seek and not landed:
        yield from _frames_from(path, choose, origin, start, seek=False)


def _time(path: Path, frame: Frame) -> Fraction:
    if frame.pts is None:
        raise MediaError(path, "has frames without timestamps: remux or re-encode it")
    return Fraction(frame.pts * frame.time_base)


def _upright(path: Path, frame: Frame, pixel_aspect: float) -> tuple[Tensor, float]:
    """The picture as displayed, `(3, h, w)`, colours by the stream's matrix and turned as it says; its pixel aspect."""
    if frame.is_corrupt:
        raise MediaError(path, f"its picture at {frame.time:.2f} s is damaged")
    matrix = None
    if frame.colorspace == _UNSPECIFIED_COLORSPACE:
        matrix = "ITU709" if frame.height >= _HD_HEIGHT else "ITU601"  # as players assume
    picture = torch.from_numpy(frame.to_ndarray(format="rgb24", src_colorspace=matrix)).permute(2, 0, 1)
    turns = round(frame.rotation / 90)  # counter-clockwise
    return torch.rot90(picture, turns, (1, 2)), 1 / pixel_aspect if turns % 2 else pixel_aspect
