"""Does an exported file do in ComfyUI what was trained?

ComfyUI's loading is done over again here, apart from our own reader: its key names, alpha absent meaning a scale of 1,
a silent pass over keys that it does not know, the update computed in fp32 and merged into the base weight's dtype
(without its stochastic rounding). No weight is changed and no copy of the model is made: each layer of the file makes
its merged weight when it is called, and drops it. The trained adapter and the file, at the adapter's
strength, are compared by the outputs of one
forward, and layer by layer by their updates, where a wrong scale or name cannot hide below the rounding of a base
weight.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from ltx_module.adapters.layers import DEFAULT_ADAPTER, adapter_strength, lora_disabled, lora_pairs, only_adapters
from ltx_module.adapters.lora import merged_weight
from ltx_module.adapters.lora_file import listed
from ltx_module.adapters.pair import LoRAPair
from ltx_module.adapters.targets import full_linear_shapes, linears
from ltx_module.precision.frozen_linear import FrozenLinear

if TYPE_CHECKING:
    from ltx_module.model import LTXTransformer, Modality

logger = logging.getLogger(__name__)

MAX_UPDATE_ERROR = 0.01
"""Relative. Rounding A and B to bf16 makes about 0.003."""

_SUFFIXES = ((".lora_up.weight", ".lora_down.weight"), (".lora_B.weight", ".lora_A.weight"))


@dataclass(frozen=True, kw_only=True)
class ExportCheck:
    """How an exported file compares with the trained adapter."""

    keys_loaded: int
    """Keys that ComfyUI applies."""
    keys_not_loaded: tuple[str, ...]
    """Keys that it would pass over in silence."""
    max_difference: float
    """Largest absolute difference between the velocities with the file merged and with the trained adapter."""
    effect: float
    """Largest absolute difference that the trained adapter makes to the base model's velocities."""
    update_error: float
    """Largest relative difference of a layer's update, `|file - trained| / |trained|`."""
    quantised: bool = False
    """Whether the base computes in few bits, which the difference of velocities is then made of."""

    @property
    def note(self) -> str:
        """What to know of the difference."""
        if not self.quantised:
            return ""
        exact = f"the file's updates are exact to {self.update_error:.2g}"
        return f" (the base is quantised, and rounds both otherwise; {exact})"


def verify_export(
    transformer: "LTXTransformer",
    path: Path,
    modalities: tuple["Modality | None", "Modality | None"],
    *,
    adapter: str = DEFAULT_ADAPTER,
) -> ExportCheck:
    """Load an exported file back as ComfyUI does and compare it with the adapter in the transformer.

    Args:
        transformer: Holds the trained adapter; unchanged afterwards. Adapters besides it are left out.
        path: The exported file.
        modalities: Video and audio tokens to compare the velocities of, either of which may be None.
        adapter: The trained adapter.

    Returns:
        The differences, which are small but not zero: a merged weight is rounded to the base's dtype.

    Raises:
        ValueError: If a key would not load, a module is missing, or a layer's update is off by more than 1 %.
    """
    tensors = load_file(path)
    names = full_linear_shapes(transformer)
    file_pairs, not_loaded = _load_as_comfyui(tensors, names)
    trained = lora_pairs(transformer, adapter)
    missing = sorted(trained.keys() - file_pairs.keys())
    if not_loaded or missing:
        raise ValueError(
            f"{path} failed its check: ComfyUI would not load {len(not_loaded)} keys ({listed(not_loaded)}), and "
            f"{len(missing)} trained modules are not in it ({listed(missing)}). Export it again."
        )
    errors = {name: _update_error(file_pairs[name], pair) for name, pair in trained.items()}
    worst = max(errors, key=lambda name: errors[name])
    if errors[worst] > MAX_UPDATE_ERROR:
        raise ValueError(
            f"{path} failed its check: its update of {worst} is off by {errors[worst]:.1%} from the trained one, and "
            f"rounding explains {MAX_UPDATE_ERROR:.0%} at most. Export it again."
        )
    difference, effect = _compare(transformer, file_pairs, modalities, adapter)
    check = ExportCheck(
        keys_loaded=len(tensors) - len(not_loaded),
        keys_not_loaded=not_loaded,
        max_difference=difference,
        effect=effect,
        update_error=errors[worst],
        quantised=any(isinstance(module, FrozenLinear) for module in transformer.modules()),
    )
    logger.info(
        "%s: %d keys load in ComfyUI; velocity differs by %.2g where the LoRA changes it by %.2g%s",
        path.name,
        len(tensors),
        difference,
        effect,
        check.note,
    )
    return check


def _load_as_comfyui(
    tensors: Mapping[str, Tensor], names: Mapping[str, tuple[int, int]]
) -> tuple[dict[str, LoRAPair], tuple[str, ...]]:
    """Updates by module, and the keys left over."""
    pairs, used = {}, set()
    for name in names:
        for key in (f"diffusion_model.{name}", f"lora_unet_{name.replace('.', '_')}"):
            for up_suffix, down_suffix in _SUFFIXES:
                up, down = tensors.get(key + up_suffix), tensors.get(key + down_suffix)
                if up is None or down is None:
                    continue
                alpha = tensors.get(f"{key}.alpha")
                used |= {key + up_suffix, key + down_suffix, f"{key}.alpha"}
                scaled_by = float(down.shape[0]) if alpha is None else alpha.item()
                pairs[name] = LoRAPair(down=down, up=up, alpha=scaled_by)
    return pairs, tuple(key for key in tensors if key not in used)


def _update_error(found: LoRAPair, trained: LoRAPair) -> float:
    """`|found - trained| / |trained|`, Frobenius, from products of the size of the ranks alone.

    With U = [s1 B1, -s2 B2] and V = [A1; A2], the difference is U V and its squared norm sum((U^T U) * (V V^T)).
    """
    up1, down1 = (found.up.double().cpu() * found.scale), found.down.double().cpu()
    up2, down2 = (trained.up.detach().double().cpu() * trained.scale), trained.down.detach().double().cpu()
    norm = _norm(up2, down2)
    difference = _norm(torch.cat([up1, -up2], dim=1), torch.cat([down1, down2], dim=0))
    return difference / norm if norm else (0.0 if difference == 0 else float("inf"))


def _norm(up: Tensor, down: Tensor) -> float:
    squared = ((up.T @ up) * (down @ down.T)).sum().item()
    return float(max(squared, 0.0) ** 0.5)


def _compare(
    transformer: "LTXTransformer",
    file_pairs: Mapping[str, LoRAPair],
    modalities: tuple["Modality | None", "Modality | None"],
    adapter: str,
) -> tuple[float, float]:
    video, audio = modalities
    was_training = transformer.training
    transformer.eval()  # no dropout in the adapter
    try:
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            with only_adapters(transformer, adapter):
                trained = transformer(video, audio)
            with lora_disabled(transformer):
                base = transformer(video, audio)
                with _merged_on_call(transformer, file_pairs, adapter_strength(transformer, adapter)):
                    merged = transformer(video, audio)
    finally:
        transformer.train(was_training)
    return _largest_difference(merged, trained), _largest_difference(base, trained)


def _largest_difference(left: tuple[Tensor | None, ...], right: tuple[Tensor | None, ...]) -> float:
    both = [(x, y) for x, y in zip(left, right, strict=True) if x is not None and y is not None]
    return max((x.float() - y.float()).abs().max().item() for x, y in both)


@contextmanager
def _merged_on_call(transformer: nn.Module, pairs: Mapping[str, LoRAPair], strength: float) -> Iterator[None]:
    """Let layers compute with their merged weight, made for the one call; layers not built are passed over."""
    layers = {name: layer for name, layer in linears(transformer).items() if name in pairs}
    handles = [
        layer.register_forward_hook(partial(_merged_output, pair=pairs[name], strength=strength))
        for name, layer in layers.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _merged_output(
    layer: nn.Module,
    inputs: tuple[Tensor, ...],
    output: Tensor,  # noqa: ARG001
    *,
    pair: LoRAPair,
    strength: float,
) -> Tensor:
    weight, bias = layer.dequantised() if isinstance(layer, FrozenLinear) else layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    assert bias is None or isinstance(bias, Tensor)
    return functional.linear(inputs[0], merged_weight(weight, pair, strength).to(inputs[0].dtype), bias)
