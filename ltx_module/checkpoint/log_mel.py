"""The audio front end: a stereo waveform to the log-mel spectrogram that the audio VAE encodes.

Magnitude STFT with a periodic Hann window, centred with reflected edges (the metadata's `stft.causal` is not
used by the reference), 64 mel bands on the Slaney scale with Slaney normalisation, natural logarithm of at
least 1e-5.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

_FLOOR = 1e-5
# the Slaney scale is linear up to 1 kHz (15 mel) and logarithmic above, 27 steps to a factor of 6.4
_HZ_PER_MEL = 200.0 / 3.0
_KNEE_HZ, _KNEE_MEL = 1000.0, 15.0
_LOG_STEP = math.log(6.4) / 27.0


@dataclass(frozen=True, kw_only=True)
class MelConfig:
    """Sizes of the spectrogram, from the `audio_vae.preprocessing` section of the metadata."""

    sample_rate: int = 16000
    """Hz."""
    fft: int = 1024
    """Window and transform length. Samples."""
    hop: int = 160
    """Samples between frames."""
    bands: int = 64
    min_hz: float = 0.0
    max_hz: float = 8000.0

    @classmethod
    def from_metadata(cls, preprocessing: dict[str, Any]) -> "MelConfig":
        """Reads the section; absent entries are those of LTX-2.3."""
        stft, mel = preprocessing.get("stft", {}), preprocessing.get("mel", {})
        return cls(
            sample_rate=preprocessing.get("audio", {}).get("sampling_rate", cls.sample_rate),
            fft=stft.get("filter_length", cls.fft),
            hop=stft.get("hop_length", cls.hop),
            bands=mel.get("n_mel_channels", cls.bands),
            min_hz=float(mel.get("mel_fmin", cls.min_hz)),
            max_hz=float(mel.get("mel_fmax", cls.max_hz)),
        )


def log_mel(waveform: torch.Tensor, config: MelConfig | None = None) -> torch.Tensor:
    """Log-mel spectrogram of a waveform.

    Args:
        waveform: `(B, C, N)` at the configured rate, N above half a window (512 samples).
        config: Sizes; those of LTX-2.3 by default.

    Returns:
        `(B, C, N // hop + 1, bands)`, fp32.

    Raises:
        ValueError: If the waveform is too short for one window.
    """
    config = config or MelConfig()
    if waveform.shape[-1] <= config.fft // 2:
        raise ValueError(
            f"The sound has {waveform.shape[-1]} samples, but a spectrogram needs more than {config.fft // 2} "
            f"({config.fft / 2 / config.sample_rate:.3f} s): use a bucket with more frames."
        )
    samples = waveform.float().flatten(0, 1)  # (B, C, N) -> (B*C, N)
    window = torch.hann_window(config.fft, device=waveform.device)
    spectrum = torch.stft(
        samples, config.fft, config.hop, window=window, center=True, pad_mode="reflect", return_complex=True
    )
    mel = mel_filters(config).to(waveform.device) @ spectrum.abs()  # (bands, bins) @ (B*C, bins, L)
    logarithm = mel.clamp(min=_FLOOR).log().transpose(1, 2)
    return logarithm.reshape(*waveform.shape[:2], *logarithm.shape[1:])  # (B*C, L, bands) -> (B, C, L, bands)


@cache
def mel_filters(config: MelConfig) -> torch.Tensor:
    """Triangular filters of equal width on the Slaney scale and of unit area, `(bands, fft // 2 + 1)`, fp32."""
    low, high = _mel(config.min_hz), _mel(config.max_hz)
    points = [low + (high - low) * index / (config.bands + 1) for index in range(config.bands + 2)]
    edges = torch.tensor([_hz(point) for point in points], dtype=torch.float64)
    bins = torch.linspace(0, config.sample_rate / 2, config.fft // 2 + 1, dtype=torch.float64)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    triangles = torch.minimum(rising, falling).clamp(min=0)
    return (triangles * 2 / (right - left)).float()


def _mel(hz: float) -> float:
    return hz / _HZ_PER_MEL if hz < _KNEE_HZ else _KNEE_MEL + math.log(hz / _KNEE_HZ) / _LOG_STEP


def _hz(mel: float) -> float:
    return mel * _HZ_PER_MEL if mel < _KNEE_MEL else _KNEE_HZ * math.exp(_LOG_STEP * (mel - _KNEE_MEL))
