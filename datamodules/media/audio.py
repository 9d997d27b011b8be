"""Waveforms before the audio VAE: stereo downmix and resampling, in torch alone.

Both follow the reference's preprocessing, so that the same sound gives the same latents: the weights of its downmix,
and the windowed-sinc resampler of torchaudio with its default settings.
"""

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

SAMPLE_RATE = 16000
"""Hz of the waveform that the audio VAE takes."""

_ZERO_CROSSINGS = 6
_ROLLOFF = 0.99
_CENTRE = 0.707  # -3 dB, rounded as in the reference


def downmix(waveform: Tensor) -> Tensor:
    """Stereo from any number of channels, in the channel order of FFmpeg.

    Mono is duplicated and stereo left alone. 5.1 (FL FR FC LFE BL BR) and 7.1 (FL FR FC LFE BL BR SL SR) keep the
    front, with centre and surrounds at -3 dB, scaled so that nothing clips; the LFE is left out:
    `left = (FL + 0.707 FC + 0.707 BL [+ 0.707 SL]) / (1 + 0.707 n)`. Other layouts give their mean on both sides.

    Args:
        waveform: `(channels, N)`.

    Returns:
        `(2, N)`.
    """
    channels = waveform.shape[0]
    if channels == 2:
        return waveform
    if channels not in (6, 8):
        return waveform.mean(0, keepdim=True).expand(2, -1)
    surrounds = range(4, channels, 2)
    sides = []
    for side in (0, 1):
        added = waveform[2] + sum(waveform[index + side] for index in surrounds)
        sides.append((waveform[side] + _CENTRE * added) / (1 + _CENTRE * (1 + len(surrounds))))
    return torch.stack(sides)


def resample(waveform: Tensor, rate: int, new_rate: int = SAMPLE_RATE) -> Tensor:
    """Change the sample rate by a windowed sinc with 6 zero crossings and a cut-off at 0.99 of the lower Nyquist rate.

    Reference: J. O. Smith, Digital Audio Resampling; torchaudio.functional.resample with its default arguments.

    Args:
        waveform: `(channels, N)`.
        rate: Hz of `waveform`.
        new_rate: Hz of the result.

    Returns:
        `(channels, ceil(N * new_rate / rate))`, float32.
    """
    waveform = waveform.float()
    if rate == new_rate:
        return waveform
    divisor = math.gcd(rate, new_rate)
    old, new = rate // divisor, new_rate // divisor
    kernels = _sinc_kernels(old, new)
    half = (kernels.shape[-1] - old) // 2
    padded = functional.pad(waveform[:, None], (half, half + old))
    phases = functional.conv1d(padded, kernels.to(waveform.device), stride=old)  # (channels, new, steps)
    interleaved = phases.transpose(1, 2).flatten(1)  # (channels, new, steps) -> (channels, steps * new)
    return interleaved[:, : math.ceil(new * waveform.shape[-1] / old)]


@cache
def _sinc_kernels(old: int, new: int) -> Tensor:
    """One kernel per output phase, `(new, 1, 2 * half + old)`.

    `kernel_j = sinc(t) * cos(pi * t / 12)^2 * base / old` at `t = (i / old - j / new) * base`, clamped to +-6.
    """
    base = min(old, new) * _ROLLOFF
    half = math.ceil(_ZERO_CROSSINGS * old / base)
    positions = torch.arange(-half, half + old, dtype=torch.float64) / old
    phases = torch.arange(new, dtype=torch.float64)[:, None] / new
    t = ((positions - phases) * base).clamp(-_ZERO_CROSSINGS, _ZERO_CROSSINGS)
    window = torch.cos(t * math.pi / (2 * _ZERO_CROSSINGS)) ** 2
    return (torch.sinc(t) * window * (base / old)).float()[:, None]
