"""Random sounds richer than the world's tones, so that an autoencoder learns to play more than them.

Steady pitches, sweeps, sirens and vibrato with mild harmonics, one or two at once; fades, pans, hiss and silence.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from datamodules.world.tone import SAMPLE_RATE

_VOICES = (0.93, 0.3)  # how likely a sound has a first and a second voice
_LOWEST_HERTZ, _OCTAVES = 100.0, math.log2(20)  # up to 2000 Hz
_HARMONICS = 4
_Uniform = Callable[[float, float], Tensor]


def play_variety(
    number: int, *, seconds: float, generator: torch.Generator, device: torch.device | str = "cpu"
) -> Tensor:
    """Play random sounds.

    Args:
        number: How many.
        seconds: Length.
        generator: Random numbers; decides everything but the hiss, whatever the device.
        device: Where to compute.

    Returns:
        `(B, 2, N)` at 48 kHz in [-1, 1], float32.
    """

    def uniform(low: float, high: float) -> Tensor:
        unit = torch.rand(number, 1, generator=generator, device=generator.device, dtype=torch.float64)
        return low + (high - low) * unit.to(device)

    time = torch.arange(round(seconds * SAMPLE_RATE), device=device, dtype=torch.float64) / SAMPLE_RATE
    progress = time / seconds
    sound = torch.zeros(number, 2, len(time), device=device, dtype=torch.float64)
    for probability in _VOICES:
        pitch = _pitch(uniform, progress, time)
        turns = (_LOWEST_HERTZ * torch.exp2(pitch * _OCTAVES) / SAMPLE_RATE).cumsum(1)
        weights = torch.cat([uniform(0, 0.5) ** order for order in range(_HARMONICS)], dim=1)
        weights[:, 1:] *= uniform(0, 1) < 0.4
        orders = range(1, _HARMONICS + 1)
        wave = sum(weights[:, [order - 1]] * torch.sin(2 * math.pi * order * turns) for order in orders)
        level = torch.exp2(uniform(-4, 0)) * 0.6 / weights.sum(1, keepdim=True) * (uniform(0, 1) < probability)
        angle = (uniform(0, 1) + uniform(-1, 1) * (progress - 0.5)).clamp(0, 1) * math.pi / 2
        sound += (level * wave * _swell(uniform, time, seconds))[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    hiss = torch.exp2(uniform(-12, -4)) * (uniform(0, 1) < 0.3)
    return (sound + hiss[:, None] * torch.randn_like(sound)).clamp(-1, 1).float()


def _pitch(uniform: _Uniform, progress: Tensor, time: Tensor) -> Tensor:
    """Pitch over time `(B, N)` in [0, 1] of the range: steady, then maybe a sweep, a siren or vibrato."""
    kind, start = uniform(0, 1), uniform(0.1, 0.9)
    sweep = uniform(-0.6, 0.6) * progress * (kind < 0.5)
    wave = torch.sin(2 * math.pi * (uniform(1, 6) * time + uniform(0, 1)))
    hard = (wave * uniform(1, 50)).clamp(-1, 1)  # from a swinging pitch to two pitches in turn
    swing = uniform(0.02, 0.25) * hard * ((kind > 0.3) & (kind < 0.7))
    return (start + sweep + swing).clamp(0, 1)


def _swell(uniform: _Uniform, time: Tensor, seconds: float) -> Tensor:
    """Loudness over time `(B, N)` in [0, 1]: fades at both ends, and a throb for some."""
    begin = (time / uniform(0.01, 0.3)).clamp(max=1)
    end = ((seconds - time) / uniform(0.01, 0.3)).clamp(0, 1)
    throb = 0.5 + 0.5 * torch.cos(2 * math.pi * (uniform(1, 6) * time + uniform(0, 1)))
    return begin * end * (1 - uniform(0, 1) * (uniform(0, 1) < 0.25) * throb)
