"""The sound of a clip as a WAV file, which is how models that hear take it. No torch."""

import io
import wave
from pathlib import Path

import av
import numpy as np

from datamodules.manifest.clip import MediaError
from datamodules.media.container import beginning, frames_from, sound_stream

SAMPLE_RATE = 16000
"""Hz; what speech models hear."""

_MOST_SECONDS = 120.0
_SILENT_PEAK = 1e-3  # -60 dB of full scale: nothing that a model could tell from silence


def wav_of(path: Path) -> bytes | None:
    """The sound of a video or sound file as WAV: 16 kHz, one channel, 16 bits, two minutes at most.

    Args:
        path: A file that has sound.

    Returns:
        The file's bytes, or None if it is silent.

    Raises:
        MediaError: If there is no sound, or it cannot be decoded.
    """
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    chunks = []
    try:
        for frame, time in frames_from(path, sound_stream, beginning(path).time, 0.0):
            if time >= _MOST_SECONDS:
                break
            frame.pts = None  # gaps in timestamps would make the resampler fail
            chunks += [part.to_ndarray()[0] for part in resampler.resample(frame)]
        chunks += [part.to_ndarray()[0] for part in resampler.resample(None)]
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(path, f"has sound that cannot be decoded ({error}): convert it") from error
    samples = np.concatenate(chunks) if chunks else np.zeros(0, np.int16)
    if not samples.size or np.abs(samples.astype(np.int32)).max() < _SILENT_PEAK * 2**15:
        return None
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(SAMPLE_RATE)
        output.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()
