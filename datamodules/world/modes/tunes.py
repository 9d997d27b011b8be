"""Tunes: steady notes of a fifth of a second, each at a multiple of 100 Hz."""

import math
import random
from collections.abc import Sequence

import torch
from torch import Tensor

from datamodules.world.scene import Scene
from datamodules.world.tone import SAMPLE_RATE

NOTE_SECONDS = 0.2
"""Five audio latents; two windows of `pitches`."""

_LOUDNESS = 0.4
_FADE_SECONDS = 0.01


def play_tune(hertz: Sequence[float], *, frames: int, fps: float = 24.0, place: float = 0.5) -> Tensor:
    """Play notes one after another, over and over until the end.

    Args:
        hertz: Pitch of each note; 0 is a rest.
        frames: Frames of the picture that it would go with, which decide the length.
        fps: Frames per second.
        place: Between the loudspeakers, 0 is left and 1 right.

    Returns:
        `(2, N)` at 48 kHz in [-1, 1], float32, with `N = round(frames / fps * 48000)`.
    """
    time = torch.arange(round(frames / fps * SAMPLE_RATE), dtype=torch.float64) / SAMPLE_RATE
    note = (time / NOTE_SECONDS + 1e-9).long()
    pitch = torch.tensor(hertz, dtype=torch.float64)[note % len(hertz)]
    since = time - note * NOTE_SECONDS
    fade = (torch.minimum(since, NOTE_SECONDS - since) / _FADE_SECONDS).clamp(0, 1)
    wave = _LOUDNESS * fade * torch.sin(2 * math.pi * pitch * time)
    angle = place * math.pi / 2
    return torch.stack([math.cos(angle) * wave, math.sin(angle) * wave]).float()


def two_notes(scene: Scene) -> list[float]:
    """Two different pitches from 200 to 800 Hz, which the scene's caption decides."""
    return _draw(scene, (200.0, 300.0, 400.0, 600.0, 800.0), 2, again=False)


def five_notes(scene: Scene) -> list[float]:
    """Five pitches from 200 to 400 Hz, which the scene's caption decides."""
    return _draw(scene, (200.0, 300.0, 400.0), 5, again=True)


def _draw(scene: Scene, notes: Sequence[float], number: int, *, again: bool) -> list[float]:
    draw = random.Random(scene.caption())
    return draw.choices(notes, k=number) if again else draw.sample(notes, number)
