"""How Gemma's weights are held, chosen by the memory that is free.

Gemma 3 12B has 11.8 B parameters in its language model: 23.5 GB in bf16, 12.8 GB in int8, 8.1 GB in nf4, and a
few hundred MB when one layer at a time visits the device. Embeddings stay in bf16 throughout.
"""

from typing import Any, Literal, get_args

import torch
from torch import nn

from ltx_module.checkpoint.file import TensorStore

Precision = Literal["auto", "bf16", "int8", "nf4", "layerwise", "fp32"]
Resolved = Literal["bf16", "int8", "nf4", "layerwise", "fp32"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_SMALL_BYTES = 2**30  # below this, fp32 on a CPU is both faster and exact
_WORKSPACE_BYTES = 4 * 2**30  # all states of four captions, twice while they are stacked, and activations
_OUTLIER_THRESHOLD = 6.0  # columns above it stay out of the int8 product, as the reference loads Gemma in 8 bits


def resolve_precision(precision: Precision, store: TensorStore, device: torch.device) -> Resolved:
    """Chooses how to hold the weights.

    On a CPU: fp32 for a small model, else bf16 as in the file. On a GPU: the most exact of bf16, int8 and nf4 that
    fits into the memory free now, else layer by layer.

    Args:
        precision: What the recipe says; anything but "auto" is returned as it is.
        store: The language model's tensors.
        device: Where it will run.
    """
    if precision not in PRECISIONS:
        raise ValueError(
            f"`data.text_encoder_precision` is `{precision}`, which is none of {', '.join(PRECISIONS)}: use auto."
        )
    if precision != "auto":
        return precision
    needed = estimate_bytes(store)
    if device.type != "cuda":
        return "fp32" if device.type == "cpu" and 2 * needed["bf16"] < _SMALL_BYTES else "bf16"
    free, _ = torch.cuda.mem_get_info(device)
    for choice in ("bf16", "int8", "nf4"):
        if needed[choice] + _WORKSPACE_BYTES <= free:
            return choice
    return "layerwise"


def estimate_bytes(store: TensorStore) -> dict[Resolved, int]:
    """Device memory of the weights in each precision that keeps all of them there."""
    linear = sum(info.numel for name, info in store.tensors.items() if name.endswith("_proj.weight"))
    other = sum(info.numel for info in store.tensors.values()) - linear
    return {
        "fp32": 4 * (linear + other),
        "bf16": 2 * (linear + other),
        "int8": linear + 2 * other,
        "nf4": linear * 9 // 16 + 2 * other,  # 4 bits and one fp32 scale per 64 weights
    }


def quantise_linears(model: nn.Module, precision: Literal["int8", "nf4"]) -> None:
    """Replaces each linear by its bitsandbytes form, still without weights."""
    import bitsandbytes as bnb

    linears = [(path, module) for path, module in model.named_modules() if isinstance(module, nn.Linear)]
    for path, linear in linears:
        sizes: dict[str, Any] = {"bias": linear.bias is not None, "device": "meta"}
        if precision == "int8":
            sizes |= {"has_fp16_weights": False, "threshold": _OUTLIER_THRESHOLD}
            form = bnb.nn.Linear8bitLt(linear.in_features, linear.out_features, **sizes)
        else:
            sizes |= {"compute_dtype": torch.bfloat16, "quant_type": "nf4"}
            form = bnb.nn.Linear4bit(linear.in_features, linear.out_features, **sizes)
        model.set_submodule(path, form)


def quantised(weight: torch.Tensor, precision: Literal["int8", "nf4"], device: torch.device) -> nn.Parameter:
    """One weight, from the CPU, as a bitsandbytes parameter on the device; it is quantised on the way there."""
    import bitsandbytes as bnb

    weight = weight.to(torch.bfloat16)
    if precision == "int8":
        parameter = bnb.nn.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
    else:
        parameter = bnb.nn.Params4bit(weight, requires_grad=False, quant_type="nf4")
    return parameter.to(device)  # type: ignore[no-any-return]


def offload_layers(model: nn.Module, device: torch.device) -> None:
    """Keeps the weights in the mapped files; each layer visits the device when its turn comes."""
    from accelerate import cpu_offload

    cpu_offload(model, execution_device=device)
