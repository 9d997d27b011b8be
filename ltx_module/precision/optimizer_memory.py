"""Bytes that an optimizer takes for each parameter, found by letting it make one step on a small adapter."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adagrad, Adam, AdamW, Optimizer

from ltx_module.precision.memory_job import OptimizerBytes

_RANK, _FEATURES = 16, 1024
_EIGHT_BIT = 2 * (1 + 4 / 256)  # two moments of one byte, and a scale for each 256 numbers
_FOREACH_COPY = 4  # bytes of the second moments' square roots, of all parameters at once


def optimizer_bytes(build: Callable[[list[nn.Parameter]], Any]) -> OptimizerBytes:
    """State and temporaries per trainable parameter.

    Optimizers of bitsandbytes may have no kernels where a recipe is checked, so theirs follow from the name.

    Args:
        build: The recipe's optimizer, given parameters.
    """
    adapter = [nn.Parameter(torch.zeros(_RANK, _FEATURES)), nn.Parameter(torch.zeros(_FEATURES, _RANK))]
    optimizer: Optimizer = build(adapter)
    kind = type(optimizer)
    if kind.__module__.startswith("bitsandbytes"):
        return OptimizerBytes(state=state_by_name(kind.__name__))
    for parameter in adapter:
        parameter.grad = torch.full_like(parameter, 1.0e-3)
    optimizer.step()
    held = sum(tensor.numel() * tensor.element_size() for tensor in _tensors(optimizer.state.values()))
    return OptimizerBytes(
        state=held / sum(parameter.numel() for parameter in adapter),
        working=_FOREACH_COPY if _is_foreach(optimizer) else 0.0,
    )


def _is_foreach(optimizer: Optimizer) -> bool:
    """Whether it will treat all parameters at once; `fused` turns those of torch to one kernel where it can."""
    options = optimizer.param_groups[0]
    is_open = options.get("foreach") is None and options.get("fused") is None
    can_fuse = isinstance(optimizer, Adam | AdamW | Adagrad) and is_open
    by_torch = type(optimizer).__module__.startswith("torch.optim")
    return by_torch and not can_fuse and not options.get("fused") and options.get("foreach") is not False


def state_by_name(name: str) -> float:
    """Bytes a parameter of Adam-like optimizers and their eight-bit and paged forms, by class name."""
    if name.startswith("Paged"):
        return 0.0  # in host memory, page by page
    moments = 1 if name.startswith(("Lion", "SGD", "RMSprop", "Adagrad")) else 2
    return moments * (_EIGHT_BIT / 2 if "8bit" in name else 4)


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    """Tensors of an optimizer's state, counters left out."""
    for value in values:
        if isinstance(value, Tensor):
            if value.numel() > 1:
                yield value
        elif isinstance(value, dict):
            yield from _tensors(value.values())
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
