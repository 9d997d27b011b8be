"""Which linear layers a transformer has, which it would have with both streams, and which a recipe adapts."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from ltx_module.adapters.config import LoRAConfig

if TYPE_CHECKING:
    from ltx_module.model import LTXTransformer

_BLOCK = re.compile(r"transformer_blocks\.\d+\.")

Shape = tuple[int, int]
"""In and out features of a linear layer."""


def linears(transformer: nn.Module) -> dict[str, nn.Module]:
    """The transformer's own linear layers by published name; below an adapter, the frozen layer that it wraps.

    Anything with `in_features` and `out_features` counts, so that quantised layers do.
    """
    found: dict[str, nn.Module] = {}
    for name, module in transformer.named_modules():
        if ".base_layer" in name or ".lora_" in name:
            continue
        if isinstance(getattr(module, "in_features", None), int):
            base = getattr(module, "base_layer", module)
            assert isinstance(base, nn.Module)
            found[name] = base
    return found


def linear_shapes(transformer: nn.Module) -> dict[str, Shape]:
    """In and out features of every linear layer that was built, by published name."""
    return {name: _shape(module) for name, module in linears(transformer).items()}


def full_linear_shapes(transformer: "LTXTransformer") -> dict[str, Shape]:
    """In and out features of every linear layer of the model with both streams, whichever were built."""
    if transformer.streams == "av":
        return linear_shapes(transformer)
    with torch.device("meta"):
        full = type(transformer)(transformer.config, streams="av")
    return linear_shapes(full)


def resolve_targets(config: LoRAConfig, names: Iterable[str]) -> list[str]:
    """The names that a recipe's targets mean, in model order.

    Args:
        config: Its `targets` are endings, matched whole or after a dot.
        names: Linear layers that were built.

    Raises:
        ValueError: If an ending of a free list matches nothing, or a preset none of the built streams.
    """
    names = list(names)
    matches = {suffix: [name for name in names if _ends_with(name, suffix)] for suffix in config.suffixes}
    lost = [suffix for suffix, matched in matches.items() if not matched]
    if lost and (not isinstance(config.targets, str) or len(lost) == len(matches)):
        wanted = f"the preset {config.targets}" if isinstance(config.targets, str) else ", ".join(lost)
        raise ValueError(
            f"`model.lora.targets`: no linear layer of the streams that were built matches {wanted}. "
            f"Endings there are: {', '.join(_endings(names))}. Use one of these, or change `model.streams`."
        )
    chosen = {name for matched in matches.values() for name in matched}
    return [name for name in names if name in chosen]


def group_of(name: str) -> str:
    """Part of a block that a module belongs to, such as `attn1` or `audio_ff`; its first name outside the blocks."""
    return _BLOCK.sub("", name).split(".")[0]


def lora_parameters(shapes: Mapping[str, Shape], config: LoRAConfig) -> dict[str, int]:
    """Trainable parameters by group that a recipe would add, `rank * (in + out)` for each layer.

    Args:
        shapes: Linear layers that are built, from `linear_shapes`; a model on the meta device will do.
        config: Targets and rank.
    """
    counts: dict[str, int] = {}
    for name in resolve_targets(config, shapes):
        group = group_of(name)
        counts[group] = counts.get(group, 0) + config.rank * sum(shapes[name])
    return counts


def _shape(module: nn.Module) -> Shape:
    in_features, out_features = module.in_features, module.out_features
    assert isinstance(in_features, int)
    assert isinstance(out_features, int)
    return in_features, out_features


def _ends_with(name: str, suffix: str) -> bool:
    return name == suffix or name.endswith(f".{suffix}")


def _endings(names: Iterable[str]) -> list[str]:
    return sorted({_BLOCK.sub("", name) for name in names})
