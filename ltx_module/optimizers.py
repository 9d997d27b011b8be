"""Optimizers of an adapter's thousands of small tensors as one kernel each, where torch has one.

torch chooses its fused kernels by itself for nobody: without a word it takes several passes over the parameters,
their gradients and both moments. The results are those of the other kernels up to rounding.
"""

from typing import Any

import torch
from torch.optim import Adagrad, Adam, AdamW, Optimizer

_HAVE_FUSED = (Adam, AdamW, Adagrad)


def prepared(optimizer: Optimizer) -> Optimizer:
    """Let one of torch's optimizers use its fused kernel on CUDA, unless the recipe says which kernel to use.

    Args:
        optimizer: Of parameters that are where they will be trained.

    Returns:
        The same optimizer. A state that it resumes from may come from another device or kernel.

    Raises:
        ValueError: If it is one that trains other weights than it delivers.
    """
    if hasattr(optimizer, "train") and hasattr(optimizer, "eval"):
        raise ValueError(
            f"`model.optimizer` is {type(optimizer).__name__}, a schedule-free optimizer: the weights it trains are not"
            " those it delivers, so samples and LoRA files would be wrong. Use prodigyopt.Prodigy, or AdamW with"
            " callbacks.AdapterEMA, which averages as it does."
        )
    if type(optimizer) in _HAVE_FUSED and _on_cuda(optimizer) and all(map(_is_open, optimizer.param_groups)):
        for group in optimizer.param_groups:
            group["fused"] = True
        optimizer.register_load_state_dict_post_hook(_fuse_resumed)
    # What torch says of a fused optimizer is true with a gradient scaler alone, which bf16 has not, and Lightning would
    # refuse to clip gradients for it.
    optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
    return optimizer


def _is_open(group: dict[str, Any]) -> bool:
    """Whether the recipe leaves the kernel to us."""
    return group["fused"] is None and group["foreach"] is None and not group["differentiable"]


def _on_cuda(optimizer: Optimizer) -> bool:
    return all(parameter.is_cuda for group in optimizer.param_groups for parameter in group["params"])


def _fuse_resumed(optimizer: Optimizer) -> None:
    """Restore the kernel's flag, and put the counters of steps where it wants them."""
    for group in optimizer.param_groups:
        group["fused"] = True
    for parameter, state in optimizer.state.items():
        if isinstance(state.get("step"), torch.Tensor):
            state["step"] = state["step"].to(parameter.device, torch.float32)
