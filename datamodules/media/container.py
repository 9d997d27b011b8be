"""Media files opened with PyAV: their streams, and decoded frames by time. No torch: numpy arrays at most.

Frames are chosen by their timestamps, never counted, so constant and variable rates are one case. Decoding is a
stream: one frame at source size is held besides those the decoder itself refers to.

Time zero of a file is its first video frame, or its first sample if it is a sound. Edit lists, start offsets and
encoder delays are in the timestamps that FFmpeg gives, so sound found by them is in step.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.manifest.clip import MediaError

DISPLAY_PHASE = 0.25
"""Where inside an output frame its source is looked up, in frames."""

_SEEK_FROM_SECONDS = 2.0
_ROUNDING_SECONDS = 0.005  # a file's last frame may end this much after its timestamps say
_HD_HEIGHT = 720
_UNSPECIFIED_COLORSPACE = 2  # AVCOL_SPC_UNSPECIFIED

# PyAV has no complete types for frames and streams.
Frame = Any
Stream = Any


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A container for reading; FFmpeg's errors, inside too, become a `MediaError`."""
    import av  # training from a full cache does without it

    try:
        # An absolute path, lest FFmpeg take a colon in it for a protocol.
        with av.open(str(path.absolute()), metadata_errors="ignore") as container:
            yield container
    except (av.error.FFmpegError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(path, f"cannot be decoded ({reason}): it is damaged or incomplete") from error


def video_stream(container: Any) -> Stream | None:
    """The first video stream that is not a cover picture."""
    from av.stream import Disposition

    streams = (stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic)
    return next(streams, None)


def sound_stream(container: Any) -> Stream | None:
    """The first sound stream."""
    return next(iter(container.streams.audio), None)


@dataclass(frozen=True)
class Beginning:
    """Where a file begins."""

    time: Fraction
    """Seconds on the container's clock of the first video frame, or of the first sample."""
    pixel_aspect: float
    """Width over height of a stored pixel."""


def beginning(path: Path) -> Beginning:
    """Look at the first frame of the picture, or of the sound if there is none.

    Raises:
        MediaError: If the file cannot be decoded, or has neither picture nor sound.
    """
    with opened(path) as container:
        stream: Any = video_stream(container) or sound_stream(container)
        frame = next(container.decode(stream), None) if stream else None
        if frame is None:
            raise MediaError(path, "has neither picture nor sound")
        aspect = stream.sample_aspect_ratio if stream.type == "video" else None
        return Beginning(_time(path, frame), float(aspect or 1))


def shown_frames(path: Path, origin: Fraction, start: float, *, threads: int = 0) -> Iterator[tuple[Frame, float]]:
    """Frames with the time until which each is on the screen, seconds from the first frame; see `frames_from`."""
    shown: Frame = None
    shown_from = shown_for = 0.0
    for frame, time in frames_from(path, video_stream, origin, start, threads=threads):
        if shown is not None:
            if time <= shown_from:
                continue
            shown_for = time - shown_from
            yield shown, time
        shown, shown_from = frame, time
    if shown is not None:
        lasts = float(shown.duration * shown.time_base) if shown.duration else shown_for
        yield shown, shown_from + lasts + _ROUNDING_SECONDS


def frames_from(
    path: Path,
    choose: Callable[[Any], Stream | None],
    origin: Fraction,
    start: float,
    *,
    seek: bool = True,
    threads: int = 0,
) -> Iterator[tuple[Frame, float]]:
    """Decoded frames with their times, from one that is not after `start`, or from the first.

    Args:
        path: The file.
        choose: `video_stream` or `sound_stream`.
        origin: Time zero on the container's clock, from `beginning`.
        start: Seconds after it.
        seek: Whether to jump there by the file's index, where that saves time.
        threads: Threads that decode, each some frames ahead; 0 is one for each core.

    Raises:
        MediaError: If there is no such stream, or it cannot be decoded.
    """
    seek = seek and start > _SEEK_FROM_SECONDS
    with opened(path) as container:
        stream = choose(container)
        if stream is None:
            raise MediaError(path, "has no sound" if choose is sound_stream else "has no picture")
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
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
        yield from frames_from(path, choose, origin, start, seek=False, threads=threads)


def samples_of(frame: Frame) -> NDArray[np.float32]:
    """Samples of a sound frame, `(channels, N)` in [-1, 1], whatever their format."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, len(frame.layout.channels)).T  # (1, N * channels) -> (channels, N)
    if samples.dtype == np.uint8:
        samples = (samples.astype(np.float64) - 128) / 128
    elif np.issubdtype(samples.dtype, np.integer):
        samples = samples / -float(np.iinfo(samples.dtype).min)
    return np.ascontiguousarray(samples, dtype=np.float32)


def colour_matrix(frame: Frame) -> str | None:
    """The matrix that players assume for a frame which does not name its own."""
    if frame.colorspace != _UNSPECIFIED_COLORSPACE:
        return None
    return "ITU709" if frame.height >= _HD_HEIGHT else "ITU601"


def upright(path: Path, frame: Frame, pixel_aspect: float) -> tuple[NDArray[np.uint8], float]:
    """The picture as displayed, `(h, w, 3)`, colours by the stream's matrix and turned as it says; its pixel aspect.

    Raises:
        MediaError: If the picture is damaged.
    """
    if frame.is_corrupt:
        raise MediaError(path, f"its picture at {frame.time:.2f} s is damaged")
    picture = frame.to_ndarray(format="rgb24", src_colorspace=colour_matrix(frame))
    turns = round(frame.rotation / 90)  # counter-clockwise
    return np.ascontiguousarray(np.rot90(picture, turns)), 1 / pixel_aspect if turns % 2 else pixel_aspect


def _time(path: Path, frame: Frame) -> Fraction:
    if frame.pts is None:
        raise MediaError(path, "has frames without timestamps: remux or re-encode it")
    return Fraction(frame.pts * frame.time_base)
