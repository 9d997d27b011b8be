"""Conditioning: tokens that are given, not generated.

They hold clean latents at noise level 0, the loss leaves them out, and the sampler puts them back at each step.
Training and sampling share one object: training draws whether it applies to an item, sampling applies it.

B batch, F latent frames, H W latent height and width, T tokens.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Generator, Tensor


class Conditioning(ABC):
    """Chooses tokens of a modality to keep clean.

    Args:
        probability: Part of the training items it applies to.
    """

    def __init__(self, probability: float = 1.0) -> None:
        if not 0 <= probability <= 1:
            raise ValueError(f"`probability` of {type(self).__name__} is {probability}, but must lie in [0, 1].")
        self.probability = probability

    @abstractmethod
    def clean_tokens(self, shape: Sequence[int]) -> Tensor:
        """The tokens it keeps clean.

        Args:
            shape: Latent shape; that of a video ends in F, H, W.

        Returns:
            True for clean tokens, bool, `(T,)`, on the CPU; never all of them.
        """

    def draw(self, batch: int, shape: Sequence[int], generator: Generator | None = None) -> Tensor:
        """Draw for each item whether it applies.

        Args:
            batch: Items.
            shape: Latent shape.
            generator: Source of randomness on the CPU; None is torch's global one.

        Returns:
            True for clean tokens, bool, `(B, T)`.
        """
        applies_B = torch.rand(batch, generator=generator) < self.probability
        return applies_B[:, None] & self.clean_tokens(shape)


class FirstFrame(Conditioning):
    """Animate a given picture: the first latent frame, which is one pixel frame, stays clean.

    A still has nothing but its first frame, so it is generated whole.

    Args:
        probability: Part of the training items it applies to.
    """

    def clean_tokens(self, shape: Sequence[int]) -> Tensor:
        """The tokens of the first latent frame."""
        frames, height, width = shape[-3:]
        clean_FP = torch.zeros(frames, height * width, dtype=torch.bool)
        if frames > 1:
            clean_FP[0] = True
        return clean_FP.flatten()
