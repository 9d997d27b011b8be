"""Latents as tokens, and where each token lies in seconds and pixels.

A video latent frame after the first stands for 8 pixel frames, the first for one; a latent pixel for 32 x 32. An
audio latent stands for 4 mel frames of 10 ms, the first for one. Positions are start and end of that extent.

B batch, C channels, F latent frames, H W latent height and width, L audio latents, M mel bins, T tokens, D features.
"""

from collections.abc import Sequence
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


def pack_video(latents_BCFHW: Tensor) -> Tensor:
    """One token per latent pixel, frames first, rows second, `(B, F*H*W, C)`."""
    return latents_BCFHW.flatten(2).transpose(1, 2)


def unpack_video(tokens_BTD: Tensor, shape: Sequence[int]) -> Tensor:
    """Undo `pack_video`.

    Args:
        tokens_BTD: Tokens.
        shape: Latent shape that ends in F, H, W.
    """
    frames, height, width = shape[-3:]
    return tokens_BTD.transpose(1, 2).reshape(len(tokens_BTD), -1, frames, height, width)


def pack_audio(latents_BCLM: Tensor) -> Tensor:
    """One token per audio latent, with its channels one after another, `(B, L, C*M)`."""
    return latents_BCLM.transpose(1, 2).flatten(2)


def unpack_audio(tokens_BTD: Tensor, mel_bins: int) -> Tensor:
    """Undo `pack_audio`, `(B, L, C*M)` -> `(B, C, L, M)`."""
    batch, length, dim = tokens_BTD.shape
    return tokens_BTD.reshape(batch, length, dim // mel_bins, mel_bins).transpose(1, 2)


def video_positions(shape: Sequence[int], fps: float, device: torch.device | str = "cpu") -> Tensor:
    """Start and end of each video token.

    Args:
        shape: Latent shape that ends in F, H, W.
        fps: Frames a second.
        device: Where the positions are needed.

    Returns:
        Seconds, pixels down, pixels right, float32, `(1, 3, F*H*W, 2)`. Equal arguments give the same tensor, so
        that the RoPE tables made from it are found again: expand it over a batch, never write to it.
    """
    frames, height, width = shape[-3:]
    return _video_positions(frames, height, width, float(fps), torch.device(device))


def audio_positions(length: int, device: torch.device | str = "cpu") -> Tensor:
    """Start and end of each audio token.

    Args:
        length: Audio latents.
        device: Where the positions are needed.

    Returns:
        Seconds, float32, `(1, 1, L, 2)`; shared like those of `video_positions`.
    """
    return _audio_positions(length, torch.device(device))


# A preview may ask first, in inference mode; training must be able to use the same tensor.
@lru_cache(maxsize=_CACHED_GEOMETRIES)
@torch.inference_mode(False)
def _video_positions(frames: int, height: int, width: int, fps: float, device: torch.device) -> Tensor:
    starts_FHW = torch.meshgrid(
        FRAME_STRIDE * torch.arange(frames, dtype=torch.float32, device="cpu"),
        PIXEL_STRIDE * torch.arange(height, dtype=torch.float32, device="cpu"),
        PIXEL_STRIDE * torch.arange(width, dtype=torch.float32, device="cpu"),
        indexing="ij",
    )
    starts = torch.stack([axis.flatten() for axis in starts_FHW])  # (3, T)
    sizes = torch.tensor([[FRAME_STRIDE], [PIXEL_STRIDE], [PIXEL_STRIDE]], device="cpu")
    bounds = torch.stack([starts, starts + sizes], dim=-1)
    bounds[0] = (bounds[0] - (FRAME_STRIDE - 1)).clamp(min=0) / fps  # the first latent frame is one pixel frame
    return bounds[None].to(device)


@lru_cache(maxsize=_CACHED_GEOMETRIES)
@torch.inference_mode(False)
def _audio_positions(length: int, device: torch.device) -> Tensor:
    starts = _MEL_FRAMES * torch.arange(length, dtype=torch.float32, device="cpu")
    bounds = torch.stack([starts, starts + _MEL_FRAMES], dim=-1)
    bounds = (bounds - (_MEL_FRAMES - 1)).clamp(min=0)  # the first latent is one mel frame
    # Dividing rounds once; at the highest frequencies the last bit of a position shows in the output.
    return (bounds / _MEL_FRAMES_PER_SECOND)[None, None].to(device)
