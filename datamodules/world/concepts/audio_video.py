"""Sight and sound together: a siren of two pitches, and a shape that flashes in time with it.

The shape is bright at the higher pitch. A period lasts a second, 24 frames at 24 fps: three latent frames.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from datamodules.world.concepts.concept import Concept
from datamodules.world.draw import colours, draw_batch
from datamodules.world.scene import RGB, Scene
from datamodules.world.silhouette import separate
from datamodules.world.tone import SAMPLE_RATE, pan

_FPS = 24.0
_PERIOD = 1.0  # seconds
_HERTZ = (400.0, 800.0)  # the world has both, but never one after the other
_LOUDNESS = 0.4
_DARKEST = 0.1  # of the shape's distance from the background
_BRIGHTEST = 80  # pixels of a frame, fewer than the smallest shape has
_WINDOW = 2400  # samples, a twentieth of a second
_BAND = 0.06  # of the pitch, on each side
_QUIETEST = 0.01  # root mean square


def draw_flashing(
    scenes: Sequence[Scene], *, frames: int, width: int, height: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Scenes whose shapes fade into the background and back, `(B, 3, F, H, W)`, uint8; see `draw_batch`."""
    plain = draw_batch(scenes, frames=frames, width=width, height=height, device=device).float()
    background = colours([RGB[scene.background] for scene in scenes], device)
    light = _DARKEST + (1 - _DARKEST) * (0.5 + 0.5 * _wave(torch.arange(frames) / _FPS)).to(device)
    return torch.lerp(background.expand_as(plain), plain, light[:, None, None]).round().to(torch.uint8)


def play_siren(
    scenes: Sequence[Scene], *, frames: int, fps: float = _FPS, device: torch.device | str = "cpu"
) -> Tensor:
    """The siren for each scene, whatever its tone, `(B, 2, N)` at 48 kHz; see `play_batch`."""
    length = round(frames / fps * SAMPLE_RATE)
    is_high = _wave(torch.arange(length, dtype=torch.float64) / SAMPLE_RATE) > 0
    turns = (torch.where(is_high, _HERTZ[1], _HERTZ[0]) / SAMPLE_RATE).cumsum(0)
    wave = _LOUDNESS * torch.sin(2 * math.pi * turns).to(device)
    return pan(scenes, wave.expand(len(scenes), -1), frames=frames, fps=fps)


def flashing_with_siren(frames: Tensor, waveform: Tensor | None) -> float:
    """The geometric mean of `flashing` and `wailing`: both have to be there, and in time."""
    return math.sqrt(flashing(frames) * wailing(waveform))


def flashing(frames: Tensor) -> float:
    """Depth of the flashes as a share of the concept's, in [0, 1].

    Args:
        frames: `(F, 3, H, W)`, uint8 RGB at 24 fps.
    """
    if len(frames) < 3:
        return 0.0
    _, apart = separate(frames.cpu())
    contrast = apart.norm(dim=1).flatten(1).topk(_BRIGHTEST).values.mean(1)
    time = torch.arange(len(contrast)) / _FPS
    # contrast = offset + depth * cos + other * sin, by least squares
    waves = torch.stack([torch.ones(len(time)), _wave(time), _wave(time - _PERIOD / 4)], dim=1)
    offset, depth, _ = torch.linalg.lstsq(waves, contrast[:, None]).solution[:, 0]
    whole = (1 - _DARKEST) / (1 + _DARKEST)  # depth over offset in the concept's own clips
    return float((depth / offset.clamp(min=1) / whole).clamp(0, 1))


def wailing(waveform: Tensor | None) -> float:
    """Level of the siren as a share of the sound's, in [0, 1].

    Its energy is that at the pitch of the moment less that at the other pitch; levels are roots of energies.

    Args:
        waveform: `(2, N)` at 48 kHz in [-1, 1], or None for a silent clip.
    """
    if waveform is None or waveform.square().mean().sqrt() < _QUIETEST:
        return 0.0
    windows = waveform.detach().cpu().float().unfold(1, _WINDOW, _WINDOW // 2) * torch.hann_window(_WINDOW)
    energy = torch.fft.rfft(windows).abs().square().sum(0)  # (windows, bins)
    hertz = torch.arange(energy.shape[1]) * SAMPLE_RATE / _WINDOW
    low, high = ((energy * ((hertz - pitch).abs() <= _BAND * pitch + SAMPLE_RATE / _WINDOW)).sum(1) for pitch in _HERTZ)
    wave = _wave((torch.arange(len(energy)) + 1) * (_WINDOW // 2) / SAMPLE_RATE)
    # Both pitches have to be heard; windows in which the pitch changes do not count.
    shares = [
        (right - wrong)[moments].sum() / energy[moments].sum().clamp(min=1e-9)
        for right, wrong, moments in ((high, low, wave > 0.4), (low, high, wave < -0.4))
    ]
    return float(min(shares).clamp(0, 1).sqrt())


def _wave(seconds: Tensor) -> Tensor:
    """The common clock of light and pitch, in [-1, 1]: bright and high above 0."""
    return torch.cos(2 * math.pi * seconds / _PERIOD)


AUDIO_VIDEO = Concept(draw=draw_flashing, play=play_siren, measure=flashing_with_siren, untold=("sound",))
