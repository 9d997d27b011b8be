"""The sound of a stretch of a video, in pieces, in step with its frames to the sample."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from datamodules.media.container import beginning, frames_from, opened, sound_stream
from datamodules.media.video_writer import SoundFormat

_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_BITS_PER_CHANNEL = 128_000  # AAC that cannot be told from its source
_PREROLL_SECONDS = 1.0
_JITTER_SECONDS = 0.02  # timestamps closer than this to where the last piece ended mean "go on"
_PIECE = 4096  # samples of silence at a time


def sound_format(path: Path) -> SoundFormat | None:
    """How a video's sound is kept: its own rate where AAC has it, one channel or two; None if there is no sound."""
    with opened(path) as container:
        stream = sound_stream(container)
        if stream is None:
            return None
        mono = len(stream.codec_context.layout.channels) == 1
        rate = stream.codec_context.sample_rate
    return SoundFormat(
        rate=rate if rate in _AAC_RATES else 48000,
        layout="mono" if mono else "stereo",
        bit_rate=_BITS_PER_CHANNEL * (1 if mono else 2),
    )


def sound_pieces(path: Path, form: SoundFormat, start: Fraction, end: Fraction) -> Iterator[NDArray[np.float32]]:
    """The samples from `start` to `end`, silent where the video has none.

    Args:
        path: The video.
        form: Rate and channels to give.
        start: Seconds from the first frame of the video.
        end: Seconds from the first frame.

    Yields:
        `(channels, N)` in [-1, 1]; together `round((end - start) * rate)` samples.

    Raises:
        MediaError: If the sound cannot be decoded.
    """
    total, given = round((end - start) * form.rate), 0
    for position, piece in _placed(path, form, start):
        begin = max(position, given)
        if position >= total:
            break
        wanted = piece[:, begin - position : total - position]
        if wanted.shape[1] == 0:
            continue
        yield from _silence(form, begin - given)
        yield wanted
        given = begin + wanted.shape[1]
    yield from _silence(form, total - given)


def _placed(path: Path, form: SoundFormat, start: Fraction) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Decoded pieces with the sample of the stretch at which each begins."""
    resampler = av.AudioResampler(format="fltp", layout=form.layout, rate=form.rate)
    origin = beginning(path).time
    expected: int | None = None
    for frame, time in frames_from(path, sound_stream, origin, float(start) - _PREROLL_SECONDS):
        position = round((Fraction(time) - start) * form.rate)
        if expected is None or abs(position - expected) >= _JITTER_SECONDS * form.rate:
            expected = position
        for piece in _resampled(resampler, frame):
            yield expected, piece
            expected += piece.shape[1]
    if expected is not None:
        for piece in _resampled(resampler, None):
            yield expected, piece
            expected += piece.shape[1]


def _resampled(resampler: "av.AudioResampler", frame: "av.AudioFrame | None") -> Iterator[NDArray[np.float32]]:
    if frame is not None:
        frame.pts = None  # pieces are placed by count; the resampler would fill gaps by itself
    for piece in resampler.resample(frame):
        yield np.clip(piece.to_ndarray(), -1, 1).astype(np.float32)


def _silence(form: SoundFormat, samples: int) -> Iterator[NDArray[np.float32]]:
    channels = 1 if form.layout == "mono" else 2
    for begin in range(0, samples, _PIECE):
        yield np.zeros((channels, min(_PIECE, samples - begin)), np.float32)
