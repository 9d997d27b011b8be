"""Weights as the file stores them, and the scales of the fp8 file.

The fp8 file keeps most linears of the transformer as float8_e4m3fn with one fp32 `weight_scale` each:
`weight = float32(stored) * weight_scale`, rounded once to the compute dtype. Its `input_scale` belongs to
kernels that also quantise activations and plays no part here.

`stored_weights` is the seam for linears that stay in fp8: it gives the raw tensor and its scale.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from ltx_module.checkpoint.file import TensorStore

WEIGHT_SCALE = "weight_scale"
INPUT_SCALE = "input_scale"


@dataclass(frozen=True, kw_only=True)
class StoredWeight:
    """One tensor as it lies in the file."""

    name: str
    """Name in the module that wants it."""
    tensor: torch.Tensor
    scale: torch.Tensor | None
    """fp32 scalar that multiplies an fp8 tensor, None for any other."""

    def to(self, dtype: torch.dtype) -> torch.Tensor:
        """The weight in a compute dtype; integers stay as they are. Without conversion nothing is copied."""
        if self.scale is not None:
            return (self.tensor.float() * self.scale).to(dtype)
        return self.tensor.to(dtype) if self.tensor.is_floating_point() else self.tensor


def is_scale(name: str) -> bool:
    """Whether a name belongs to fp8 scaling rather than to the model."""
    return name.endswith((f".{WEIGHT_SCALE}", f".{INPUT_SCALE}"))


def has_fp8(file: TensorStore) -> bool:
    """Whether any tensor is stored in 8-bit floating point."""
    return any(info.dtype.startswith("F8_") for info in file.tensors.values())


def stored_weights(file: TensorStore, sources: Mapping[str, str], device: torch.device | str) -> Iterator[StoredWeight]:
    """Yields the tensors of a module one at a time, on the device, each with its scale if it has one.

    Args:
        file: The open file.
        sources: Name in the module -> name in the file.
        device: Where they are wanted.
    """
    scales = {name: _scale_name(source) for name, source in sources.items() if _scale_name(source) in file.tensors}
    scale_values = dict(file.read(scales.values(), device))
    wanted_by = {source: name for name, source in sources.items()}
    # file order, so that a cold disk is read forwards
    ordered = sorted(wanted_by, key=lambda source: file.tensors[source].start)
    for source, tensor in file.read(ordered, device):
        name = wanted_by[source]
        scale = scale_values[scales[name]] if name in scales else None
        yield StoredWeight(name=name, tensor=tensor, scale=scale)


def _scale_name(source: str) -> str:
    return f"{source.removesuffix('.weight')}.{WEIGHT_SCALE}" if source.endswith(".weight") else ""
