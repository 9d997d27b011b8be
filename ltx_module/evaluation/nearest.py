"""Whether samples are copies: their distance to the nearest training clip against that of held-out clips to it."""

from collections.abc import Sequence
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional

from ltx_module.evaluation.observation import Observation

_GRID = (4, 4, 4)
_PIXEL_GRID = (8, 16, 16)


def coarse_latents(observation: Observation) -> Tensor:
    """Latents at 4 x 4 places and 4 times, `(C, 4, 4, 4)`, whatever the size of the video."""
    latents = torch.nan_to_num(observation.latents, nan=0.0, posinf=1e3, neginf=-1e3)
    return functional.adaptive_avg_pool3d(latents[None], _GRID)[0]


def coarse_pixels(observation: Observation) -> Tensor:
    """Pixels in [0, 1] at 16 x 16 places and 8 times, `(3, 8, 16, 16)`."""
    pixels = observation.frames.float().transpose(0, 1) / 255  # (F, 3, H, W) -> (3, F, H, W)
    return functional.adaptive_avg_pool3d(pixels[None], _PIXEL_GRID)[0]


def distance(left: Tensor, right: Tensor) -> float:
    """Root mean square difference."""
    return float((left - right).square().mean().sqrt())


def nearest_ratio(samples: Sequence[Tensor], training: Sequence[Tensor], held_out: Sequence[Tensor]) -> float | None:
    """Median distance of the samples to their nearest training clip over that of the held-out clips.

    About 1 or more for samples that are as new as clips which the LoRA never saw; near 0 for copies.

    Returns:
        None without samples, training clips or held-out clips.
    """
    if not samples or not training or not held_out:
        return None
    expected = median(_nearest(clip, training) for clip in held_out)
    return median(_nearest(sample, training) for sample in samples) / max(expected, 1e-6)


def diversity(samples: Sequence[Tensor]) -> float | None:
    """Mean distance between samples of different prompts; None with fewer than two."""
    pairs = [distance(left, right) for number, left in enumerate(samples) for right in samples[number + 1 :]]
    return sum(pairs) / len(pairs) if pairs else None


def _nearest(item: Tensor, others: Sequence[Tensor]) -> float:
    return min(distance(item, other) for other in others)
