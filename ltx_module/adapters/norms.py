"""How large the updates of an adapter are, by part of a block."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ltx_module.adapters.layers import DEFAULT_ADAPTER, lora_pairs
from ltx_module.adapters.targets import group_of, linears
from ltx_module.precision.frozen_linear import FrozenLinear
from ltx_module.precision.sharding import gathered

if TYPE_CHECKING:
    from ltx_module.model import LTXTransformer

GROUP_NAMES = {
    "attn1": "video self-attention",
    "attn2": "video text attention",
    "ff": "video feed-forward",
    "audio_attn1": "audio self-attention",
    "audio_attn2": "audio text attention",
    "audio_ff": "audio feed-forward",
    "audio_to_video_attn": "audio-to-video attention",
    "video_to_audio_attn": "video-to-audio attention",
}
"""What the parts of a block are called in words."""


def adapter_groups(transformer: nn.Module, adapter: str = DEFAULT_ADAPTER) -> dict[str, list[Tensor]]:
    """Parameters of an adapter by part of a block, such as `attn1`; not copied."""
    groups: dict[str, list[Tensor]] = {}
    for name, pair in lora_pairs(transformer, adapter).items():
        groups.setdefault(group_of(name), []).extend((pair.down, pair.up))
    return groups


@torch.no_grad()
def update_norms(transformer: nn.Module, adapter: str = DEFAULT_ADAPTER) -> dict[str, Tensor]:
    """Frobenius norm of all updates `(alpha / rank) * B @ A` of each part of a block, as of one long vector."""
    pairs = lora_pairs(transformer, adapter)
    return _norms((name, pair.squared_norm()) for name, pair in pairs.items())


@torch.no_grad()
def frozen_norms(transformer: "LTXTransformer", adapter: str = DEFAULT_ADAPTER) -> dict[str, Tensor]:
    """Frobenius norm of the frozen weights that those updates are added to; every rank must call."""
    layers, names, loader = linears(transformer), set(lora_pairs(transformer, adapter)), transformer.blocks.loader
    squares = []
    for number, block in enumerate(transformer.blocks):
        if loader is not None:
            loader.load(number)
        with gathered(block):
            own = [name for name in names if name.startswith(f"transformer_blocks.{number}.")]
            squares += [(name, _square(layers[name])) for name in own]
            names.difference_update(own)
    return _norms([*squares, *((name, _square(layers[name])) for name in names)])


def update_sizes(transformer: nn.Module, adapter: str = DEFAULT_ADAPTER) -> dict[str, int]:
    """Number of weights that each part's updates change."""
    sizes: dict[str, int] = {}
    for name, pair in lora_pairs(transformer, adapter).items():
        sizes[group_of(name)] = sizes.get(group_of(name), 0) + pair.shape[0] * pair.shape[1]
    return sizes


def _norms(squares: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """Root of the sum of squares by part of a block."""
    groups: dict[str, list[Tensor]] = {}
    for name, square in squares:
        groups.setdefault(group_of(name), []).append(square)
    return {group: torch.stack(parts).sum().sqrt() for group, parts in groups.items()}


def _square(layer: nn.Module) -> Tensor:
    """Square of the norm of the weight that a layer computes with."""
    weight = layer.dequantised() if isinstance(layer, FrozenLinear) else layer.weight
    assert isinstance(weight, Tensor)
    norm: Tensor = torch.linalg.vector_norm(weight, dtype=torch.float32)
    return norm.square()
