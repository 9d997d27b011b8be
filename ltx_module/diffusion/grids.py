"""Where tokens lie in seconds and pixels: one grid for each group of tokens that came out of one encoding.

Positions are start and end of what a token stands for. A target, a reference beside it and a keyframe are three grids;
the transformer takes the positions of all of them, one group behind the other.

T tokens.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

FRAME_STRIDE = 8
"""Pixel frames of a latent frame."""
PIXEL_STRIDE = 32
"""Pixels of a latent pixel, each way."""

_MEL_FRAMES = 4  # mel frames of an audio latent
_MEL_FRAMES_PER_SECOND = 100
_CACHED_GEOMETRIES = 64  # at most some 200 kB each


class Grid(ABC):
    """Positions of the tokens of one encoding; equal grids have equal positions."""

    @abstractmethod
    def bounds(self) -> Tensor:
        """Start and end of each token, float32, `(axes, T, 2)`, on the CPU."""


@dataclass(frozen=True, kw_only=True)
class VideoGrid(Grid):
    """Tokens of a video, or of a reference that is smaller or slower than what it belongs to."""

    frames: int
    """Latent frames."""
    height: int
    """Latent pixels."""
    width: int
    """Latent pixels."""
    fps: float
    """Frames per second of the video that is generated."""
    spatial_factor: int = 1
    """How many times smaller each way than what is generated."""
    temporal_factor: int = 1
    """How many times fewer frames per second than what is generated."""

    @staticmethod
    def pixel_frames(latent_frames: int) -> int:
        """Frames that latent frames stand for."""
        return 1 + FRAME_STRIDE * (latent_frames - 1)

    def bounds(self) -> Tensor:
        """Seconds, pixels down, pixels right."""
        starts_FHW = torch.meshgrid(
            FRAME_STRIDE * torch.arange(self.frames, dtype=torch.float32, device="cpu"),
            PIXEL_STRIDE * torch.arange(self.height, dtype=torch.float32, device="cpu"),
            PIXEL_STRIDE * torch.arange(self.width, dtype=torch.float32, device="cpu"),
            indexing="ij",
        )
        starts = torch.stack([axis.flatten() for axis in starts_FHW])  # (3, T)
        sizes = torch.tensor([[FRAME_STRIDE], [PIXEL_STRIDE], [PIXEL_STRIDE]], device="cpu")
        bounds = torch.stack([starts, starts + sizes], dim=-1)
        # The first latent frame is one pixel frame.
        bounds[0] = (bounds[0] - (FRAME_STRIDE - 1)).clamp(min=0) / (self.fps / self.temporal_factor)
        if self.temporal_factor > 1:  # so that the last token ends where what is generated does
            bounds[0] = (bounds[0] - (self.temporal_factor - 1) / self.fps).clamp(min=0)
        bounds[1:] *= self.spatial_factor
        return bounds


@dataclass(frozen=True, kw_only=True)
class KeyframeGrid(Grid):
    """Tokens of a still that shows one frame of what is generated."""

    frame: int
    """Number of the frame."""
    height: int
    """Latent pixels."""
    width: int
    """Latent pixels."""
    fps: float
    """Frames per second of what is generated."""

    def bounds(self) -> Tensor:
        """Seconds, pixels down, pixels right; as long as the frame."""
        still = VideoGrid(frames=1, height=self.height, width=self.width, fps=self.fps).bounds()
        still[0] = torch.tensor([self.frame, self.frame + 1], device="cpu") / self.fps
        return still


@dataclass(frozen=True, kw_only=True)
class AudioGrid(Grid):
    """Tokens of a sound."""

    length: int
    """Audio latents."""
    is_before: bool = False
    """Whether it lies before what is generated, one latent apart, in negative time; else both begin at 0."""

    def bounds(self) -> Tensor:
        """Seconds."""
        starts = _MEL_FRAMES * torch.arange(self.length, dtype=torch.float32, device="cpu")
        bounds = torch.stack([starts, starts + _MEL_FRAMES], dim=-1)
        bounds = (bounds - (_MEL_FRAMES - 1)).clamp(min=0)  # the first latent is one mel frame
        if self.is_before:
            bounds = bounds - bounds[-1, 1] - _MEL_FRAMES
        # Dividing rounds once; at the highest frequencies the last bit of a position shows in the output.
        return (bounds / _MEL_FRAMES_PER_SECOND)[None]


# A preview may ask first, in inference mode; training must be able to use the same tensor.
@lru_cache(maxsize=_CACHED_GEOMETRIES)
@torch.inference_mode(False)
def token_positions(grids: tuple[Grid, ...], device: torch.device) -> Tensor:
    """Start and end of each token, group after group.

    Args:
        grids: All of video, or all of audio.
        device: Where the positions are needed.

    Returns:
        Float32, `(1, axes, T, 2)`. Equal arguments give the same tensor, so that the RoPE tables made from it are
        found again: expand it over a batch, never write to it.
    """
    return torch.cat([grid.bounds() for grid in grids], dim=1)[None].to(device)
