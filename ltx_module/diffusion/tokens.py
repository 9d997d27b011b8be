"""Latents as tokens and back, and where the tokens of a whole clip lie.

A video latent frame after the first stands for 8 pixel frames, the first for one; a latent pixel for 32 x 32. An
audio latent stands for 4 mel frames of 10 ms, the first for one.

B batch, C channels, F latent frames, H W latent height and width, L audio latents, M mel bins, T tokens, D features.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ltx_module.diffusion.grids import AudioGrid, VideoGrid, token_positions


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
    """Start and end of each token of a video.

    Args:
        shape: Latent shape that ends in F, H, W.
        fps: Frames a second.
        device: Where the positions are needed.

    Returns:
        Seconds, pixels down, pixels right, float32, `(1, 3, F*H*W, 2)`; shared, as `token_positions` says.
    """
    frames, height, width = shape[-3:]
    grid = VideoGrid(frames=frames, height=height, width=width, fps=float(fps))
    return token_positions((grid,), torch.device(device))


def audio_positions(length: int, device: torch.device | str = "cpu") -> Tensor:
    """Start and end of each token of a sound.

    Args:
        length: Audio latents.
        device: Where the positions are needed.

    Returns:
        Seconds, float32, `(1, 1, L, 2)`; shared, as `token_positions` says.
    """
    return token_positions((AudioGrid(length=length),), torch.device(device))
