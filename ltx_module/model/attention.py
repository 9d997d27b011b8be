"""Gated multi-head attention with normalised queries and keys.

    out = to_out(2 * sigmoid(gate_logits(x)) * attend(rope(rms(q)), rope(rms(k)), v))      gate per head

B batch, T tokens, S context tokens, N heads, D features of a head.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ltx_module.model.rope import RopeTable, rotate


def attend(q_BNTD: Tensor, k_BNSD: Tensor, v_BNSD: Tensor, bias: Tensor | None) -> Tensor:
    """Softmax attention, `(B, N, T, D)`; the one place that chooses a kernel.

    Args:
        q_BNTD: Queries.
        k_BNSD: Keys.
        v_BNSD: Values.
        bias: Added to the logits, `(B, 1, T, S)`; None keeps the flash kernels possible.
    """
    return nn.functional.scaled_dot_product_attention(q_BNTD, k_BNSD, v_BNSD, attn_mask=bias)


def project(x: Tensor, *layers: nn.Module) -> Sequence[Tensor]:
    """Linear layers of one input; those that can share work on it, as adapted ones do, say so by `together`."""
    for layer in layers:
        if (together := getattr(layer, "together", None)) is not None:
            shared: Sequence[Tensor] = together(x, layers)
            return shared
    return [layer(x) for layer in layers]


def attention_bias(mask_BTT: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn attention weights in [0, 1] into a bias of logits, log(mask), `(B, 1, T, T)`.

    0 becomes the lowest finite number, so that a row of zeros is no NaN, forward or backward.
    """
    lowest = torch.finfo(dtype).min
    return mask_BTT.float().log().clamp(min=lowest).to(dtype)[:, None]


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight, over all heads at once and in the dtype of x.

    Args:
        dim: Features.
        eps: Added to the mean square.
    """

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise, `(..., D)` -> `(..., D)`."""
        weight = self.weight.to(x.dtype)  # autocast leaves them apart
        return nn.functional.rms_norm(x, weight.shape, weight, self.eps).to(x.dtype)


class Attention(nn.Module):
    """Attention from a stream to itself, to text, or to the other stream.

    Args:
        query_dim: Width of the stream that asks, and of the output.
        context_dim: Width of what is attended to.
        num_heads: Heads.
        head_dim: Features of a head.
        eps: Added to the mean square in the norms of queries and keys.
    """

    def __init__(self, query_dim: int, context_dim: int, num_heads: int, head_dim: int, eps: float) -> None:
        super().__init__()
        inner_dim = num_heads * head_dim
        self.num_heads = num_heads
        self.to_q = nn.Linear(query_dim, inner_dim)
        self.to_k = nn.Linear(context_dim, inner_dim)
        self.to_v = nn.Linear(context_dim, inner_dim)
        self.q_norm = RMSNorm(inner_dim, eps)
        self.k_norm = RMSNorm(inner_dim, eps)
        self.to_gate_logits = nn.Linear(query_dim, num_heads)
        self.to_out = nn.ModuleList([nn.Linear(inner_dim, query_dim)])

    def forward(
        self,
        x: Tensor,
        context: Tensor,
        rope: tuple[RopeTable, RopeTable] | None = None,
        bias: Tensor | None = None,
        skip: bool | Tensor = False,
    ) -> Tensor:
        """Attend from `x` to `context`.

        Args:
            x: Modulated hidden states, `(B, T, query_dim)`.
            context: What is attended to, `(B, S, context_dim)`.
            rope: Tables of the queries and of the keys.
            bias: Added to the logits, `(B, 1, T, S)`.
            skip: Where true, the values pass in place of the attention (S must be T): for all, or `(B,)`.

        Returns:
            Update of the stream, `(B, T, query_dim)`.
        """
        if skip is True:
            out_BTND = self._heads(self.to_v(context))
        else:
            q, k, v = self._queries_keys_values(x, context)
            v_BSND = self._heads(v)
            out_BTND = self._attend(q, k, v_BSND, rope, bias)
            if isinstance(skip, Tensor):
                out_BTND = torch.where(skip[:, None, None, None], v_BSND, out_BTND)
        gates_BTN = 2 * torch.sigmoid(self.to_gate_logits(x))
        out: Tensor = self.to_out[0]((out_BTND * gates_BTN[..., None]).flatten(2))
        return out

    def _queries_keys_values(self, x: Tensor, context: Tensor) -> Sequence[Tensor]:
        if context is x:
            return project(x, self.to_q, self.to_k, self.to_v)
        return *project(x, self.to_q), *project(context, self.to_k, self.to_v)

    def _attend(
        self,
        q: Tensor,
        k: Tensor,
        v_BSND: Tensor,
        rope: tuple[RopeTable, RopeTable] | None,
        bias: Tensor | None,
    ) -> Tensor:
        q_BTND = self._heads(self.q_norm(q))
        k_BSND = self._heads(self.k_norm(k))
        if rope is not None:
            q_BTND, k_BSND = rotate(q_BTND, rope[0]), rotate(k_BSND, rope[1])
        out_BNTD = attend(q_BTND.transpose(1, 2), k_BSND.transpose(1, 2), v_BSND.transpose(1, 2), bias)
        return out_BNTD.transpose(1, 2)

    def _heads(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:-1], self.num_heads, -1)  # (B, T, N * D) -> (B, T, N, D)
