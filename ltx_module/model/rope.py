"""Rotary position embedding over seconds and pixels, with tables cached per geometry.

    fraction = midpoint / max_pos                                  midpoint of the token's start and end
    angle    = (2 * fraction - 1) * pi/2 * theta ** linspace(0, 1, n)      n = dim // (2 * axes)

Angles of one frequency stand side by side for the axes; what is missing to dim / 2 is put in front with angle 0.
The frequencies are computed in float64 and rounded once: pi/2 or the exponents in float32 are off by up to 3e-4,
and bfloat16 positions by 0.14. Each head rotates its first half against its second.

B batch, T tokens, N heads, D features of a head.
"""

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

_CACHED_TABLES = 16  # four geometries of an audio-video model, each 45 MB at 3570 tokens in bfloat16


class RopeTable(NamedTuple):
    """Cosine and sine of every angle, `(1 or B, T, N, D / 2)`, in the dtype of the hidden states."""

    cos: Tensor
    sin: Tensor


@dataclass(frozen=True, kw_only=True)
class RopeSpec:
    """What a table depends on besides the positions."""

    num_heads: int
    head_dim: int
    max_pos: tuple[float, ...]
    """Largest position of each axis."""
    theta: float


def rotate(x_BTND: Tensor, table: RopeTable) -> Tensor:
    """Turn each head's pairs (x[i], x[i + D/2]) by the token's angles."""
    first, second = x_BTND.chunk(2, dim=-1)
    return torch.cat([first * table.cos - second * table.sin, second * table.cos + first * table.sin], dim=-1)


def rope_table(positions: Tensor, spec: RopeSpec, dtype: torch.dtype) -> RopeTable:
    """Compute the table of some positions.

    Args:
        positions: Start and end of each token, float32, `(B, axes, T, 2)`.
        spec: Heads and range.
        dtype: Dtype of the hidden states.
    """
    num_axes, dim = len(spec.max_pos), spec.num_heads * spec.head_dim
    num_frequencies = dim // (2 * num_axes)
    exponents = torch.linspace(0, 1, num_frequencies, dtype=torch.float64, device="cpu")
    frequencies = (spec.theta**exponents * (math.pi / 2)).float().to(positions.device)
    fractions = torch.stack([positions[:, i].mean(dim=-1) / limit for i, limit in enumerate(spec.max_pos)], dim=-1)
    angles = (2 * fractions - 1)[:, :, None, :] * frequencies[:, None]  # (B, T, frequencies, axes)
    angles = nn.functional.pad(angles.flatten(2), (dim // 2 - num_frequencies * num_axes, 0))
    angles = angles.reshape(*angles.shape[:2], spec.num_heads, spec.head_dim // 2)  # (B, T, N, D / 2)
    return RopeTable(angles.cos().to(dtype), angles.sin().to(dtype))


class RopeCache:
    """The most recently used tables.

    The key is the memory the positions live in, so nothing is read back from the device: the cache keeps that memory
    alive, and the version counter tells a write. Equal geometries hit when they are the same tensor, which
    `ltx_module.diffusion.tokens` takes care of; an expanded batch shares one table.

    Args:
        capacity: Tables kept.
    """

    def __init__(self, capacity: int = _CACHED_TABLES) -> None:
        self._capacity = capacity
        self._tables: OrderedDict[Hashable, tuple[Tensor, RopeTable]] = OrderedDict()

    def __reduce__(self) -> tuple[type["RopeCache"], tuple[int]]:
        """Copies start empty: the addresses in the keys would not be theirs."""
        return RopeCache, (self._capacity,)

    def table(self, positions: Tensor, spec: RopeSpec, dtype: torch.dtype) -> RopeTable:
        """The table of `rope_table`, computed at most once for each geometry."""
        if positions.stride(0) == 0:
            positions = positions[:1]
        if positions.is_inference():  # has no version counter
            return rope_table(positions, spec, dtype)
        strides = positions.stride() if len(positions) > 1 else positions.stride()[1:]
        layout = (positions.data_ptr(), positions.shape, strides, positions._version)
        key = (*layout, positions.device, positions.dtype, spec, dtype)
        if key in self._tables:
            self._tables.move_to_end(key)
            return self._tables[key][1]
        # A preview fills the cache in inference mode; the next training step saves the table for backward.
        with torch.inference_mode(False), torch.no_grad():
            table = rope_table(positions, spec, dtype)
        self._tables[key] = (positions, table)
        if len(self._tables) > self._capacity:
            self._tables.popitem(last=False)
        return table
