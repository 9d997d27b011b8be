"""Batches of sound for the audio stages: the world's tones, and a variety of sounds beside them."""

import torch
from torch import Tensor

from datamodules.media.audio import SAMPLE_RATE as VAE_RATE
from datamodules.media.audio import resample
from datamodules.world import random_scene
from datamodules.world.sounds import play_variety
from datamodules.world.tone import SAMPLE_RATE, play_batch
from ltx_module.pico.training.loop import DEVICE

_FRAMES, _FPS = 25, 24.0


class Sounds:
    """Draws batches of sound.

    Args:
        seed: Decides all of them.
        clips: Of a batch.
        variety: Share of sounds that the world does not have.
    """

    def __init__(self, seed: int, *, clips: int, variety: float) -> None:
        self._scenes = torch.Generator().manual_seed(seed)
        self._chance = torch.Generator(DEVICE).manual_seed(seed)
        self._various = round(clips * variety)
        self._plain = clips - self._various

    def draw(self) -> Tensor:
        """A batch at 16 kHz, `(B, 2, N)`."""
        scenes = [random_scene(self._scenes) for _ in range(self._plain)]
        sounds = [play_batch(scenes, frames=_FRAMES, fps=_FPS, device=DEVICE)]
        if self._various:
            seconds = _FRAMES / _FPS
            sounds.append(play_variety(self._various, seconds=seconds, generator=self._chance, device=DEVICE))
        return to_vae_rate(torch.cat(sounds))


def to_vae_rate(waveform: Tensor) -> Tensor:
    """Sound at 48 kHz, `(B, C, N)`, at 16 kHz."""
    resampled = resample(waveform.flatten(0, 1), SAMPLE_RATE, VAE_RATE)
    return resampled.reshape(*waveform.shape[:2], -1)
