"""Adaptive layer normalisation: noise levels turned into shifts, scales and gates.

    modulation = Linear(SiLU(embedding(level * 1000)))      row r of a block = table[r] + modulation[r]

It is evaluated for the distinct noise levels of an item; each token then takes its own row inside the block.

B batch, K distinct noise levels, R rows, T tokens, D features.
"""

import math

import torch
from torch import Tensor, nn

_SINUSOID_DIM = 256
_MAX_PERIOD = 10000.0


def sinusoid(levels_BK: Tensor) -> Tensor:
    """Cosines, then sines of the scaled noise levels, float32, `(B, K, 256)`."""
    half = _SINUSOID_DIM // 2
    exponents = torch.arange(half, dtype=torch.float32, device=levels_BK.device) / half
    angles = levels_BK.float()[..., None] * torch.exp(-math.log(_MAX_PERIOD) * exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class TimestepMLP(nn.Module):
    """Two linear layers that embed the sinusoid.

    Args:
        dim: Width of the stream.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(_SINUSOID_DIM, dim)
        self.linear_2 = nn.Linear(dim, dim)

    def forward(self, sinusoid: Tensor) -> Tensor:
        """Embed, `(..., 256)` -> `(..., D)`."""
        embedded: Tensor = self.linear_2(nn.functional.silu(self.linear_1(sinusoid)))
        return embedded


class TimestepEmbedding(nn.Module):
    """Holds the embedder under its published name.

    Args:
        dim: Width of the stream.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.timestep_embedder = TimestepMLP(dim)

    def forward(self, levels_BK: Tensor, dtype: torch.dtype) -> Tensor:
        """Embed scaled noise levels, `(B, K)` -> `(B, K, D)` in the dtype of the hidden states."""
        embedded: Tensor = self.timestep_embedder(sinusoid(levels_BK).to(dtype))
        return embedded


class AdaLN(nn.Module):
    """Modulation rows of a stream for its noise levels.

    Args:
        dim: Width of the stream.
        num_rows: Rows made for each level.
    """

    def __init__(self, dim: int, num_rows: int) -> None:
        super().__init__()
        self.num_rows = num_rows
        self.emb = TimestepEmbedding(dim)
        self.linear = nn.Linear(dim, num_rows * dim)

    def forward(self, levels_BK: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Evaluate scaled noise levels, `(B, K)`.

        Returns:
            Rows, `(B, K, R, D)`, and the embedding before the last layer, `(B, K, D)`.
        """
        embedded_BKD = self.emb(levels_BK, dtype)
        rows: Tensor = self.linear(nn.functional.silu(embedded_BKD))
        return rows.reshape(*rows.shape[:-1], self.num_rows, -1), embedded_BKD


def modulation_rows(table_RD: Tensor, modulation_BKRD: Tensor) -> tuple[Tensor, ...]:
    """A block's own rows, each `(B, K, D)` in the modulation's dtype."""
    return (table_RD + modulation_BKRD).to(modulation_BKRD.dtype).unbind(dim=2)


def per_token(row_BKD: Tensor, index_BT: Tensor | None) -> Tensor:
    """Each token's modulation, `(B, T, D)`, or `(B, 1, D)` where all tokens share one level."""
    if index_BT is None:
        return row_BKD
    if index_BT.dtype == torch.bool:
        return torch.where(index_BT[..., None], row_BKD[:, 1:2], row_BKD[:, :1])
    return torch.take_along_dim(row_BKD, index_BT[..., None], dim=1)


def modulate(x_BTD: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """X * (1 + scale) + shift."""
    return x_BTD * (1 + scale) + shift


def rms_norm(x_BTD: Tensor, eps: float) -> Tensor:
    """X / sqrt(mean(x^2) + eps) in the dtype of x, without weights."""
    return nn.functional.rms_norm(x_BTD, x_BTD.shape[-1:], eps=eps).to(x_BTD.dtype)


def gated_residual(x_BTD: Tensor, update_BTD: Tensor, gate: Tensor) -> Tensor:
    """X + update * gate, in the dtype of the residual stream whatever autocast made of the update."""
    return (x_BTD + update_BTD * gate).to(x_BTD.dtype)
