"""Figures of one video, or of two videos made from the same noise: similar to the base, burnt, broken.

F frames, H W height and width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from ltx_module.evaluation.observation import Observation
from ltx_module.evaluation.video_features import EPSILON, high_frequency, luma, saturation

_MOST_DECIBELS = 60.0
_EXTREME = 0.02


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a burnt picture has too much of."""

    latent_rms: float
    """Root mean square of the normalised latents."""
    saturation: float
    """Mean spread of the three colours of a pixel, in [0, 1]."""
    contrast: float
    """Standard deviation of the brightness within a frame, in [0, 1]."""
    high_frequency: float
    """Root mean square of the finest details, in [0, 1]."""
    extremes: float
    """Share of the pixels that are black or white in a colour."""

    @classmethod
    def of(cls, observation: Observation) -> "Look":
        """Measure a video."""
        pixels_F3HW = observation.frames.float() / 255
        extreme = (pixels_F3HW <= _EXTREME) | (pixels_F3HW >= 1 - _EXTREME)
        return cls(
            latent_rms=float(observation.latents.square().mean().sqrt()),
            saturation=float(saturation(pixels_F3HW).mean()),
            contrast=float(luma(pixels_F3HW).flatten(1).std(1).mean()),
            high_frequency=float((high_frequency(pixels_F3HW) + EPSILON**2).sqrt()),
            extremes=float(extreme.any(1).float().mean()),
        )


def similarity(left: Observation, right: Observation) -> tuple[float, float]:
    """SSIM in [-1, 1] and PSNR in dB, at most 60, of two videos of one size, over all frames."""
    first, second = (observation.frames.float() / 255 for observation in (left, right))
    ssim = structural_similarity_index_measure(first, second, data_range=1.0)
    psnr = peak_signal_noise_ratio(first, second, data_range=1.0)
    return float(_tensor(ssim)), min(float(_tensor(psnr)), _MOST_DECIBELS)


def _tensor(value: Tensor | tuple[Tensor, ...]) -> Tensor:
    return value if isinstance(value, torch.Tensor) else value[0]
