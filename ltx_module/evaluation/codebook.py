"""A vocabulary of what small places look or sound like, learnt from the samples and clips at hand.

The latents of a video are cells of 32 x 32 pixels and 8 frames, those of a sound are moments of 40 ms. Clustered, they
give words such as "plain background" or "dotted"; how often a video uses each word is a feature that shows a concept
wherever in the picture it stands. Words are shared softly by distance, so that a half-way picture lies half-way.

K words, D numbers of a cell, T cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_WORDS = 32
_ROUNDS = 20
_MOST_CELLS = 20_000


@dataclass(frozen=True)
class Codebook:
    """Typical cells and how far from them cells usually lie."""

    words: Tensor
    spread: float
    """Mean squared distance of a cell to its word."""

    @classmethod
    def fit(cls, items: Sequence[Tensor]) -> "Codebook":
        """Cluster cells by k-means from evenly spread beginnings; the same cells give the same words.

        Args:
            items: Cells of each sample or clip, `(T, D)`.
        """
        cells_TD = torch.cat([torch.nan_to_num(cells) for cells in items])
        cells_TD = cells_TD[:: -(-len(cells_TD) // _MOST_CELLS)]
        words_KD = _far_apart(cells_TD, min(_WORDS, len(cells_TD)))
        for _ in range(_ROUNDS):
            nearest_T = torch.cdist(cells_TD, words_KD).argmin(1)
            counts_K = torch.bincount(nearest_T, minlength=len(words_KD))
            sums_KD = torch.zeros_like(words_KD).index_add_(0, nearest_T, cells_TD)
            moved_KD = sums_KD / counts_K[:, None].clamp(min=1)
            words_KD = torch.where(counts_K[:, None] > 0, moved_KD, words_KD)
        spread = torch.cdist(cells_TD, words_KD).min(1).values.square().mean()
        return cls(words_KD, float(spread.clamp(min=1e-6)))

    def usage(self, cells_TD: Tensor) -> Tensor:
        """Share of each word in an item, sums to 1, `(K,)`."""
        squared_TK = torch.cdist(torch.nan_to_num(cells_TD), self.words).square()
        return torch.softmax(-squared_TK / (2 * self.spread), dim=1).mean(0)


def video_cells(latents_CFHW: Tensor) -> Tensor:
    """One cell a latent pixel, `(F*H*W, C)`."""
    return latents_CFHW.flatten(1).T.float()


def audio_cells(latents_CLM: Tensor) -> Tensor:
    """One cell an audio latent, `(L, C*M)`."""
    return latents_CLM.transpose(0, 1).flatten(1).float()


def _far_apart(cells_TD: Tensor, count: int) -> Tensor:
    """Beginnings for k-means: evenly spread along the order of the cells' distance from their mean."""
    order = (cells_TD - cells_TD.mean(0)).square().sum(1).argsort()
    return cells_TD[order[torch.linspace(0, len(order) - 1, count).round().long()]].clone()
