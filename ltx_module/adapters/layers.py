"""Adapters inside a transformer. The one file that knows peft.

Each adapter has a name and its own rank, scale and strength. The trained one is called `default`; others are frozen
files beside it. A frozen layer `W` with active adapters i computes

    y = W x + sum_i strength_i * (alpha_i / rank_i) * B_i (A_i x)
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ltx_module.adapters.pair import LoRAPair

DEFAULT_ADAPTER = "default"

_COMPUTE_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def attach_lora(
    transformer: nn.Module,
    pairs: Mapping[str, LoRAPair],
    *,
    adapter: str,
    strength: float = 1.0,
    dropout: float = 0.0,
    trainable: bool = False,
    device: torch.device | str | None = None,
) -> None:
    """Put an adapter beside linear layers and make it active, next to those that are.

    Args:
        transformer: Changed in place. What requires a gradient before does so after.
        pairs: A, B and alpha by module name.
        adapter: A name that is not taken, without dots.
        strength: Factor on the whole adapter.
        dropout: Probability of dropping an input of the adapter in training mode.
        trainable: Keep it in fp32 and require gradients, rather than frozen in the dtype of the layer it stands by.
        device: Where its weights are; None is the transformer's.

    Raises:
        ValueError: If the name is taken or has a dot.
    """
    if adapter in adapter_names(transformer) or "." in adapter:
        raise ValueError(f"the adapter name {adapter!r} is taken or has a dot: choose another one.")
    active = active_adapters(transformer)
    with _keeping_gradients(transformer):
        _inject(transformer, list(pairs), adapter, dropout)
        _activate(transformer, [*active, adapter])
    layers = _adapted(transformer)
    device = device or next(transformer.parameters()).device  # a layer's own weight may wait in host memory
    for name, pair in pairs.items():
        layer = layers[name]
        weight = layer.get_base_layer().weight
        frozen = weight.dtype if weight.dtype in _COMPUTE_DTYPES else torch.bfloat16
        dtype = torch.float32 if trainable else frozen
        layer.lora_A[adapter] = _linear(pair.down.to(device, dtype, copy=True), trainable)
        layer.lora_B[adapter] = _linear(pair.up.to(device, dtype, copy=True), trainable)
        layer.r[adapter], layer.lora_alpha[adapter] = pair.rank, pair.alpha
        layer.scaling[adapter] = strength * pair.scale


def detach_lora(transformer: nn.Module, adapter: str) -> None:
    """Remove an adapter; layers left without any become plain again.

    Raises:
        ValueError: If there is none of this name.
    """
    layers = _layers_of(transformer, adapter)
    with _keeping_gradients(transformer):
        _activate(transformer, [name for name in active_adapters(transformer) if name != adapter])
        for name, layer in layers.items():
            layer.delete_adapter(adapter)
            if not layer.lora_A:
                parent, _, child = name.rpartition(".")
                setattr(transformer.get_submodule(parent), child, layer.get_base_layer())
    configs: Any = transformer.peft_config
    del configs[adapter]
    if not configs:
        del transformer.peft_config


def set_strength(transformer: nn.Module, strength: float, adapter: str = DEFAULT_ADAPTER) -> None:
    """Set the factor on a whole adapter: 1 as trained, 0 as if it were not there.

    Raises:
        ValueError: If there is no adapter of this name.
    """
    for layer in _layers_of(transformer, adapter).values():
        layer.scaling[adapter] = strength * layer.lora_alpha[adapter] / layer.r[adapter]


def adapter_strength(transformer: nn.Module, adapter: str = DEFAULT_ADAPTER) -> float:
    """The factor on a whole adapter.

    Raises:
        ValueError: If there is no adapter of this name.
    """
    layer = next(iter(_layers_of(transformer, adapter).values()))
    return float(layer.scaling[adapter] * layer.r[adapter] / layer.lora_alpha[adapter])


@contextmanager
def scaled_strengths(transformer: nn.Module, adapters: Sequence[str], factor: float) -> Iterator[None]:
    """Multiply the strength of these adapters inside the block.

    Raises:
        ValueError: If there is no adapter of one of these names.
    """
    before = {name: adapter_strength(transformer, name) for name in adapters}
    for name, strength in before.items():
        set_strength(transformer, strength * factor, name)
    try:
        yield
    finally:
        for name, strength in before.items():
            set_strength(transformer, strength, name)


def adapter_names(transformer: nn.Module) -> tuple[str, ...]:
    """Adapters in the transformer, in the order in which they came."""
    return tuple(getattr(transformer, "peft_config", {}))


def active_adapters(transformer: nn.Module) -> tuple[str, ...]:
    """Adapters that take part in the forward pass."""
    layer = next(iter(_adapted(transformer).values()), None)
    return () if layer is None else tuple(layer.active_adapters)


@contextmanager
def only_adapters(transformer: nn.Module, *adapters: str) -> Iterator[None]:
    """Let these adapters alone take part inside the block; restores what was active, gradients included.

    Raises:
        ValueError: If there is no adapter of one of these names.
    """
    for adapter in adapters:
        _layers_of(transformer, adapter)
    before = active_adapters(transformer)
    with _keeping_gradients(transformer):
        _activate(transformer, adapters)
    try:
        yield
    finally:
        with _keeping_gradients(transformer):
            _activate(transformer, before)


@contextmanager
def lora_disabled(transformer: nn.Module) -> Iterator[None]:
    """The base model, bit for bit, inside the block."""
    with only_adapters(transformer):
        yield


def lora_pairs(transformer: nn.Module, adapter: str = DEFAULT_ADAPTER) -> dict[str, LoRAPair]:
    """An adapter's parameters by module name, not copied; strength is not part of them.

    Raises:
        ValueError: If there is no adapter of this name.
    """
    return {
        name: LoRAPair(
            down=layer.lora_A[adapter].weight, up=layer.lora_B[adapter].weight, alpha=layer.lora_alpha[adapter]
        )
        for name, layer in _layers_of(transformer, adapter).items()
    }


def trainable_state(transformer: nn.Module, adapter: str = DEFAULT_ADAPTER) -> dict[str, Tensor]:
    """What a resume state holds of the model: A and B in fp32 as `<module>.lora_A.weight`, not copied."""
    state = {}
    for name, pair in lora_pairs(transformer, adapter).items():
        state[f"{name}.lora_A.weight"] = pair.down.detach()
        state[f"{name}.lora_B.weight"] = pair.up.detach()
    return state


def load_trainable_state(transformer: nn.Module, state: Mapping[str, Tensor], adapter: str = DEFAULT_ADAPTER) -> None:
    """Copy a state made by `trainable_state` into the adapter.

    Raises:
        ValueError: If names or shapes differ from the adapter's.
    """
    own = trainable_state(transformer, adapter)
    odd = sorted(own.keys() ^ state.keys()) or [name for name in own if own[name].shape != state[name].shape]
    if odd:
        raise ValueError(
            f"the resume state does not fit `model.lora`: {len(odd)} tensors differ in name or shape, as {odd[0]}. "
            "Use the rank and targets that the run was started with, or begin a new run from its LoRA file with "
            "`model.lora.init_from`."
        )
    for name, tensor in own.items():
        tensor.copy_(state[name])


def _inject(transformer: nn.Module, names: list[str], adapter: str, dropout: float) -> None:
    import peft

    from ltx_module.adapters.adapted_linear import AdaptedLinear

    # Rank 1 on the meta device costs nothing; the caller sets A and B. peft draws random numbers all the same.
    config = peft.LoraConfig(r=1, target_modules=names, lora_dropout=dropout, bias="none", init_lora_weights=False)
    config._register_custom_module({nn.Linear: AdaptedLinear})
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Already found a `peft_config`")  # several adapters are meant
        peft.inject_adapter_in_model(config, transformer, adapter_name=adapter, low_cpu_mem_usage=True)


def _adapted(transformer: nn.Module) -> dict[str, Any]:
    """Layers that carry adapters, by published name."""
    if not adapter_names(transformer):
        return {}
    from peft.tuners.lora import LoraLayer

    return {name: module for name, module in transformer.named_modules() if isinstance(module, LoraLayer)}


def _layers_of(transformer: nn.Module, adapter: str) -> dict[str, Any]:
    if adapter not in adapter_names(transformer):
        there = ", ".join(adapter_names(transformer)) or "none"
        raise ValueError(f"there is no adapter {adapter!r} in the transformer: it has {there}.")
    return {name: layer for name, layer in _adapted(transformer).items() if adapter in layer.lora_A}


def _activate(transformer: nn.Module, adapters: tuple[str, ...] | list[str]) -> None:
    for layer in _adapted(transformer).values():
        layer.set_adapter(list(adapters))


@contextmanager
def _keeping_gradients(transformer: nn.Module) -> Iterator[None]:
    """Peft lets whatever is active require gradients, and nothing else; here that is the caller's choice."""
    flags = [(parameter, parameter.requires_grad) for parameter in transformer.parameters()]
    try:
        yield
    finally:
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


def _linear(weight: Tensor, trainable: bool) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    linear.weight = nn.Parameter(weight.detach().contiguous(), requires_grad=trainable)
    return linear
