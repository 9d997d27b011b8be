"""LoRAs of a transformer: begin one, load one, bake one in, save one."""

import logging
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ltx_module.adapters.config import LoRAConfig
from ltx_module.adapters.layers import DEFAULT_ADAPTER, adapter_names, attach_lora, lora_pairs
from ltx_module.adapters.lora_file import listed, read_lora_file, write_lora_file
from ltx_module.adapters.matching import LoRAMatch, match_lora
from ltx_module.adapters.pair import LoRAPair
from ltx_module.adapters.targets import group_of, linear_shapes, linears, resolve_targets
from ltx_module.seeding import derive_seed

if TYPE_CHECKING:
    from ltx_module.model import LTXTransformer

logger = logging.getLogger(__name__)

_FLOATS = (torch.float32, torch.bfloat16, torch.float16)


def inject_lora(transformer: "LTXTransformer", config: LoRAConfig, seed: int) -> dict[str, int]:
    """Freeze the transformer and put the adapter to be trained, `default`, beside the layers that the recipe names.

    A is drawn uniformly from +-1 / sqrt(in_features) and B is zero, so that a fresh adapter changes nothing. Each A
    depends on the seed and on its module's name alone: not on the device, the other targets or torch's own generator.

    Args:
        transformer: Plain linear layers, changed in place.
        config: Rank, alpha, dropout, targets, and the file to start from.
        seed: The recipe's seed.

    Returns:
        Trainable parameters by group, such as `attn1`.

    Raises:
        FileNotFoundError: If `init_from` is not there.
        ValueError: If a target matches nothing, or `init_from` does not fit.
    """
    shapes = linear_shapes(transformer)
    names = resolve_targets(config, shapes)
    start = {} if config.init_from is None else warm_start(transformer, config, names)
    pairs = {name: _first_pair(name, shapes[name], config, seed, start.get(name)) for name in names}
    transformer.requires_grad_(False)
    attach_lora(transformer, pairs, adapter=DEFAULT_ADAPTER, dropout=config.dropout, trainable=True)
    counts: dict[str, int] = {}
    for name, pair in pairs.items():
        counts[group_of(name)] = counts.get(group_of(name), 0) + pair.down.numel() + pair.up.numel()
    return counts


def load_lora(
    transformer: "LTXTransformer",
    path: Path,
    strength: float = 1.0,
    *,
    adapter: str | None = None,
    allow_connectors: bool = False,
    device: torch.device | str | None = None,
) -> str:
    """Attach a LoRA file as a frozen adapter, next to those that are there.

    Args:
        transformer: Changed in place; `detach_lora` undoes it.
        path: A LoRA file of any of the forms in `lora_file`.
        strength: Factor on the whole LoRA.
        adapter: Name for it; its file name, made unique, when None.
        allow_connectors: Name keys of the text connectors rather than refuse the file, as the distilled LoRA needs.
        device: Where its weights are; None is the transformer's.

    Returns:
        The adapter's name.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no LoRA for this model, or a key matches nothing in the model with both streams.
    """
    match = match_lora(read_lora_file(Path(path), allow_connectors=allow_connectors), transformer)
    adapter = adapter or _free_name(Path(path).stem, adapter_names(transformer))
    attach_lora(transformer, match.pairs, adapter=adapter, strength=strength, device=device)
    _report(match, f"attached at strength {strength:g}")
    return adapter


def merge_lora(
    transformer: "LTXTransformer", path: Path, strength: float = 1.0, *, allow_connectors: bool = False
) -> LoRAMatch:
    """Bake a LoRA file into the base weights, in fp32 arithmetic: `W + strength * (alpha / rank) * B @ A`.

    Args:
        transformer: Changed in place, for good.
        path: A LoRA file of any of the forms in `lora_file`.
        strength: Factor on the whole LoRA.
        allow_connectors: Name keys of the text connectors rather than refuse the file.

    Returns:
        What was merged and what was not.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no LoRA for this model, or a weight is quantised.
    """
    match = match_lora(read_lora_file(Path(path), allow_connectors=allow_connectors), transformer)
    layers = linears(transformer)
    for name in match.pairs:
        if layers[name].weight.dtype not in _FLOATS:
            raise ValueError(
                f"{path} cannot be merged: the weight of {name} is {layers[name].weight.dtype}. Attach it instead."
            )
    for name, pair in match.pairs.items():
        weight = layers[name].weight
        assert isinstance(weight, Tensor)
        weight.data = merged_weight(weight, pair, strength)  # not in place: the old one may be a view of the file
    _report(match, f"merged at strength {strength:g}")
    return match


def merged_weight(weight: Tensor, pair: LoRAPair, strength: float = 1.0) -> Tensor:
    """A base weight with a LoRA in it, computed in fp32 and rounded once to the weight's dtype, `(out, in)`."""
    placed = LoRAPair(down=pair.down.to(weight.device), up=pair.up.to(weight.device), alpha=pair.alpha)
    return (weight.detach().float() + strength * placed.delta()).to(weight.dtype)


def save_lora(
    transformer: "LTXTransformer",
    path: Path,
    *,
    adapter: str = DEFAULT_ADAPTER,
    dtype: torch.dtype = torch.bfloat16,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write an adapter as the LoRA file that ComfyUI and the other consumers load, whole or not at all.

    Names are `diffusion_model.<module>.lora_A.weight` and `.lora_B.weight`; `alpha / rank` is folded into B.

    Args:
        transformer: Holds the adapter; its strength is not part of the file.
        path: The file to write or replace.
        adapter: Which one.
        dtype: Of the tensors, bf16 or fp32.
        metadata: Entries of the header; values are strings.

    Raises:
        ValueError: If there is no such adapter, it holds NaN or Inf, or a metadata value is no string.
    """
    write_lora_file(Path(path), lora_pairs(transformer, adapter), dtype=dtype, metadata=metadata or {})


def _first_pair(name: str, shape: tuple[int, int], config: LoRAConfig, seed: int, start: LoRAPair | None) -> LoRAPair:
    generator = torch.Generator().manual_seed(derive_seed(seed, "lora_A", name))
    bound = 1 / math.sqrt(shape[0])  # kaiming with a = sqrt(5), as the LoRA paper's code and peft have it
    down = torch.empty(config.rank, shape[0], device="cpu").uniform_(-bound, bound, generator=generator)
    up = torch.zeros(shape[1], config.rank, device="cpu")
    if start is not None:  # rows of A beyond the file's rank stay fresh, and their columns of B zero
        down[: start.rank] = start.down.float()
        up[:, : start.rank] = start.up.float() * (start.scale * config.rank / config.alpha)
    return LoRAPair(down=down, up=up, alpha=config.alpha)


def warm_start(transformer: "LTXTransformer", config: LoRAConfig, names: list[str]) -> dict[str, LoRAPair]:
    """The pairs that `init_from` begins with; a transformer on the meta device will do.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If its rank or its modules do not fit the recipe's.
    """
    assert config.init_from is not None
    match = match_lora(read_lora_file(config.init_from), transformer)
    if match.file.rank > config.rank:
        raise ValueError(
            f"`model.lora.rank` is {config.rank}, but `model.lora.init_from` ({config.init_from}) has rank "
            f"{match.file.rank}, which does not fit into it: set `model.lora.rank` to {match.file.rank} or more."
        )
    outside = [name for name in match.pairs if name not in set(names)]
    if outside:
        raise ValueError(
            f"`model.lora.init_from` ({config.init_from}) has {len(outside)} modules that `model.lora.targets` leaves "
            f"out ({listed(outside)}), so part of it would be lost: add them to the targets."
        )
    fresh = len(names) - len(match.pairs)
    _report(match, f"start of the adapters, {fresh} further modules start from nothing")
    return match.pairs


def _free_name(stem: str, taken: tuple[str, ...]) -> str:
    base = re.sub(r"\W", "_", stem)
    name, number = base, 2
    while name in taken or name == DEFAULT_ADAPTER:
        name, number = f"{base}_{number}", number + 1
    return name


def _report(match: LoRAMatch, what: str) -> None:
    log = logger.warning if match.not_built or match.file.connector_keys else logger.info
    log("%s; %s", match.summary, what)
