"""Sight and sound together: a siren of two pitches, and a blue light that flashes over everything in time with it.

The light is on at the higher pitch. A period lasts a second, 24 frames at 24 fps: three latent frames.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from datamodules.world.concepts.concept import Concept
from datamodules.world.draw import draw_batch
from datamodules.world.scene import Scene
from datamodules.world.tone import SAMPLE_RATE, pan

_FPS = 24.0
_PERIOD = 1.0  # seconds
_HERTZ = (400.0, 800.0)  # the world has both, but never one after the other
_LOUDNESS = 0.4
_LIGHT = (70.0, 130.0, 255.0)
_OPACITY = 0.6  # of the light at its brightest
_BORDER = 8  # pixels along each edge, which shapes seldom cover
_WINDOW = 2400  # samples, a twentieth of a second
_BAND = 0.06  # of the pitch, on each side
_QUIETEST = 0.01  # root mean square


def draw_flashing(
    scenes: Sequence[Scene], *, frames: int, width: int, height: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Scenes in the flashing light, `(B, 3, F, H, W)`, uint8; see `draw_batch`."""
    plain = draw_batch(scenes, frames=frames, width=width, height=height, device=device).float()
    light = torch.tensor(_LIGHT, device=device)[:, None, None, None]
    share = _OPACITY * (0.5 + 0.5 * _wave(torch.arange(frames) / _FPS)).to(device)
    return torch.lerp(plain, light.expand_as(plain), share[:, None, None]).round().to(torch.uint8)


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

    The colour of the border is `mean + depth * cos + other * sin` over time, by least squares; the depth is taken
    along the way from the mean to the light.

    Args:
        frames: `(F, 3, H, W)`, uint8 RGB at 24 fps.
    """
    if len(frames) < 3:
        return 0.0
    pixels = frames.cpu().float()
    rows = torch.cat([pixels[..., :_BORDER, :], pixels[..., -_BORDER:, :]], dim=2).flatten(2)
    columns = torch.cat([pixels[..., :_BORDER], pixels[..., -_BORDER:]], dim=3).flatten(2)
    border = torch.cat([rows, columns], dim=2).median(dim=2).values  # (F, 3)
    time = torch.arange(len(border)) / _FPS
    waves = torch.stack([torch.ones(len(time)), _wave(time), _wave(time - _PERIOD / 4)], dim=1)
    mean, depth, _ = torch.linalg.lstsq(waves, border).solution
    way = torch.tensor(_LIGHT) - mean
    whole = (_OPACITY / 2) / (1 - _OPACITY / 2)  # depth over way in the concept's own clips
    return float(((depth * way).sum() / way.square().sum() / whole).clamp(0, 1))


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
    # Each pitch has to be heard in each half; windows in which the pitch changes do not count.
    half = torch.arange(len(energy)) < len(energy) / 2
    shares = [
        (right - wrong)[moments & side].sum() / energy[moments & side].sum().clamp(min=1e-9)
        for right, wrong, moments in ((high, low, wave > 0.4), (low, high, wave < -0.4))
        for side in (half, ~half)
    ]
    return float(min(shares).clamp(0, 1).sqrt())


def _wave(seconds: Tensor) -> Tensor:
    """The common clock of light and pitch, in [-1, 1]: bright and high above 0."""
    return torch.cos(2 * math.pi * seconds / _PERIOD)


AUDIO_VIDEO = Concept(draw=draw_flashing, play=play_siren, measure=flashing_with_siren, untold=("sound",))
