"""What is kept of a sample or clip to score it: latents, a small picture, sound.

C latent channels, F frames, H W height and width, L audio latents, M mel bins, N samples of sound.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from datamodules.atomic import replacing

SHORT_SIDE = 128
"""Pixels of the kept picture's shorter side, so that sizes can be compared and scoring is cheap."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One sample, or one clip after a round trip through the VAEs, as sample and clip must be alike to compare."""

    latents: Tensor
    """Normalised video latents, float32, `(C, F', H', W')`."""
    frames: Tensor
    """Pixels, uint8, `(F, 3, h, w)`, reduced to a shorter side of 128."""
    audio_latents: Tensor | None = None
    """Normalised audio latents, float32, `(C, L, M)`."""
    waveform: Tensor | None = None
    """Sound at 48 kHz, float32, `(2, N)`; None without an audio stream, or of a clip without sound."""

    @property
    def is_finite(self) -> bool:
        """Whether the latents hold no NaN or Inf."""
        tensors = [tensor for tensor in (self.latents, self.audio_latents, self.waveform) if tensor is not None]
        return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)

    def save(self, path: Path) -> None:
        """Write it as safetensors, whole or not at all."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        with replacing(path) as temporary:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items() if tensor is not None}, temporary)

    @classmethod
    def load(cls, path: Path) -> "Observation":
        """Read what `save` wrote."""
        return cls(**load_file(path))


def reduce_frames(frames_F3HW: Tensor) -> Tensor:
    """Frames whose shorter side is at most 128 pixels, uint8."""
    height, width = frames_F3HW.shape[-2:]
    scale = SHORT_SIDE / min(height, width)
    if scale >= 1:
        return frames_F3HW
    size = (max(round(height * scale), 1), max(round(width * scale), 1))
    return functional.interpolate(frames_F3HW.float(), size=size, mode="area").round().to(torch.uint8)
