"""What the transformer takes for one modality, and its noise levels in a compact form.

A clip has few distinct noise levels: in training the drawn sigma and 0 for clean tokens. Modulation is computed for
the levels, (B, K), and each token picks its own by index; at 3570 tokens that is 147 kB instead of 263 MB.

B batch, T tokens, D features, S prompt tokens, K distinct noise levels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class NoiseLevels:
    """Distinct noise levels of each item, and which of them each token has."""

    levels: Tensor
    """Noise levels in [0, 1], `(B, K)`."""
    index: Tensor | None = None
    """Level of each token, `(B, T)`: bool for two levels, int64 for more, None where all tokens share one."""

    @classmethod
    def one(cls, sigma_B: Tensor) -> "NoiseLevels":
        """Every token has its item's sigma, `(B,)`."""
        return cls(levels=sigma_B[:, None])

    @classmethod
    def two(cls, sigma_B: Tensor, clean_BT: Tensor) -> "NoiseLevels":
        """Tokens have sigma, clean tokens 0; nothing is read back from the device.

        Args:
            sigma_B: Noise level of the generated tokens, `(B,)`.
            clean_BT: True for clean tokens, bool, `(B, T)`.
        """
        return cls(levels=torch.stack([sigma_B, torch.zeros_like(sigma_B)], dim=1), index=clean_BT)

    @classmethod
    def distinct(cls, timesteps_BT: Tensor) -> "NoiseLevels":
        """Find as many levels as there are, by sorting; their number is read back from the device.

        Args:
            timesteps_BT: Noise level of each token, `(B, T)`.
        """
        sorted_BT, order_BT = timesteps_BT.sort(dim=1)
        rank_BT = torch.zeros_like(order_BT)
        rank_BT[:, 1:] = (sorted_BT[:, 1:] != sorted_BT[:, :-1]).cumsum(dim=1)
        num_levels = int(rank_BT.max()) + 1
        if num_levels == 1:
            return cls(levels=sorted_BT[:, :1])
        levels_BK = sorted_BT.new_zeros(len(sorted_BT), num_levels).scatter_(1, rank_BT, sorted_BT)
        index_BT = torch.empty_like(rank_BT).scatter_(1, order_BT, rank_BT)
        return cls(levels=levels_BK, index=index_BT.bool() if num_levels == 2 else index_BT)

    def timesteps(self, num_tokens: int) -> Tensor:
        """Noise level of each token, `(B, T)`.

        Args:
            num_tokens: T.
        """
        if self.index is None:
            return self.levels.expand(-1, num_tokens)
        return self.levels.gather(1, self.index.long())

    def scaled(self, factor: float) -> "NoiseLevels":
        """The same tokens with every level multiplied."""
        return NoiseLevels(levels=self.levels * factor, index=self.index)


@dataclass(frozen=True, kw_only=True)
class Modality:
    """Tokens of one modality and everything the transformer must know of them."""

    latent: Tensor
    """Noisy latents as tokens, `(B, T, D)`."""
    sigma: Tensor
    """Noise level drawn for the item, `(B,)`, in [0, 1]; clean tokens do not change it."""
    timesteps: Tensor
    """Noise level of each token, `(B, T)`, in [0, 1]; 0 for clean tokens."""
    positions: Tensor
    """Start and end of each token, float32, `(B, axes, T, 2)`: seconds, and for video pixels and pixels."""
    context: Tensor
    """Text context of the connectors, `(B, S, Dc)`; never masked, the connectors fill the padding."""
    attention_mask: Tensor | None = None
    """Weight of each key for each query in self-attention, `(B, T, T)`, in [0, 1]; 0 never attends. A query whose
    keys are all 0 attends to all of them alike."""
    noise_levels: NoiseLevels | None = None
    """The timesteps in compact form, which spares finding them; None finds them."""
