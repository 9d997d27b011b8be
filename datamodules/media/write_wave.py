"""Sound files: 16-bit WAV."""

import wave
from pathlib import Path

from torch import Tensor

from datamodules.atomic import replacing


def write_wave(path: Path, waveform: Tensor, rate: int) -> None:
    """Write a WAV file with 16 bits a sample, whole or not at all.

    Args:
        path: Where to; its folder must be there.
        waveform: `(channels, N)`, in [-1, 1]; what lies beyond is cut.
        rate: Hz.

    Raises:
        OSError: If the file cannot be written.
    """
    samples = waveform.detach().cpu().float().clamp(-1, 1).mul(32767).round().short().T.contiguous().numpy()
    with replacing(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
