"""The sound of a scene: a soft tone that follows the shape between the loudspeakers."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from datamodules.world.draw import pose_at
from datamodules.world.scene import Scene, Tone

SAMPLE_RATE = 48000
"""Hz."""
HERTZ: dict[Tone, tuple[float, float]] = {
    "low": (200.0, 200.0),
    "middle": (400.0, 400.0),
    "high": (800.0, 800.0),
    "rising": (200.0, 800.0),
}
"""Pitch at the beginning and at the end: multiples of 100, spectrograms of 100 frames a second keep no other phase."""

_LOUDNESS = 0.4
_FADE_SECONDS = 0.02


def play_tone(scene: Scene, *, frames: int, fps: float = 24.0) -> Tensor:
    """The waveform that goes with a scene; silence for the tone `none`.

    Args:
        scene: What is heard.
        frames: Frames of the picture that it goes with.
        fps: Frames per second.

    Returns:
        `(2, N)` at 48 kHz in [-1, 1], float32, with `N = round(frames / fps * 48000)`.
    """
    return play_batch([scene], frames=frames, fps=fps)[0]


def play_batch(
    scenes: Sequence[Scene], *, frames: int, fps: float = 24.0, device: torch.device | str = "cpu"
) -> Tensor:
    """The waveforms of several scenes at once.

    Args:
        scenes: What is heard.
        frames: Frames of the pictures that they go with.
        fps: Frames per second.
        device: Where to compute.

    Returns:
        `(B, 2, N)` at 48 kHz in [-1, 1], float32, with `N = round(frames / fps * 48000)`.
    """
    first, last = _column([HERTZ.get(scene.tone, (0.0, 0.0)) for scene in scenes], device)
    progress, seconds = _clock(frames, fps, device)
    # The phase is the integral of the frequency first + (last - first) * progress.
    turns = (first * progress + (last - first) * progress**2 / 2) * seconds
    return pan(scenes, _LOUDNESS * torch.sin(2 * math.pi * turns), frames=frames, fps=fps)


def pan(scenes: Sequence[Scene], wave: Tensor, *, frames: int, fps: float = 24.0) -> Tensor:
    """Make mono waves `(B, N)` of float64 follow the shapes, faded at both ends: `(B, 2, N)`, float32."""
    progress, seconds = _clock(frames, fps, wave.device)
    fade = (torch.minimum(progress, 1 - progress) * seconds / _FADE_SECONDS).clamp(max=1)
    begin, end = _column([(pose_at(scene, 0.0).x, pose_at(scene, 1.0).x) for scene in scenes], wave.device)
    angle = (begin + (end - begin) * progress) * math.pi / 2  # equal power: left^2 + right^2 stays the same
    return torch.stack([fade * wave * torch.cos(angle), fade * wave * torch.sin(angle)], dim=1).float()


def _clock(frames: int, fps: float, device: torch.device | str) -> tuple[Tensor, float]:
    """Progress of each sample from 0 to 1, `(N,)`, and the length in seconds."""
    length = round(frames / fps * SAMPLE_RATE)
    return torch.linspace(0, 1, length, dtype=torch.float64, device=device), length / SAMPLE_RATE


def _column(pairs: Sequence[tuple[float, float]], device: torch.device | str) -> tuple[Tensor, Tensor]:
    first, last = torch.tensor(pairs, dtype=torch.float64, device=device).T[..., None]
    return first, last
