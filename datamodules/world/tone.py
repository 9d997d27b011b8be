"""The sound of a scene: a soft tone that follows the shape between the loudspeakers."""

import math

import torch
from torch import Tensor

from datamodules.world.draw import pose_at
from datamodules.world.scene import Scene

SAMPLE_RATE = 48000
"""Hz."""

_HERTZ = {"low": (220.0, 220.0), "middle": (440.0, 440.0), "high": (880.0, 880.0), "rising": (220.0, 880.0)}
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
    length = round(frames / fps * SAMPLE_RATE)
    if scene.tone == "none":
        return torch.zeros(2, length)
    progress = torch.linspace(0, 1, length, dtype=torch.float64)
    first, last = _HERTZ[scene.tone]
    # The phase is the integral of the frequency first + (last - first) * progress.
    turns = (first * progress + (last - first) * progress**2 / 2) * length / SAMPLE_RATE
    fade = (torch.minimum(progress, 1 - progress) * length / SAMPLE_RATE / _FADE_SECONDS).clamp(max=1)
    wave = _LOUDNESS * fade * torch.sin(2 * math.pi * turns)
    begin, end = pose_at(scene, 0.0).x, pose_at(scene, 1.0).x
    angle = (begin + (end - begin) * progress) * math.pi / 2  # equal power: left^2 + right^2 stays the same
    return torch.stack([wave * torch.cos(angle), wave * torch.sin(angle)]).float()
