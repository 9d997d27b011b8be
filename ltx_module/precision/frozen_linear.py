"""Frozen linear layers in fewer bits: what they share, and which layers of a transformer become one.

A frozen weight takes part in two products, `y = x W^T + b` and `grad_x = grad_y W`, and never gets a gradient.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ltx_module.precision.execution import QuantisedFormat

if TYPE_CHECKING:
    from ltx_module.model import LTXTransformer

_SMALLEST, _MULTIPLE = 64, 16  # features of either side: gates of heads stay as they are, kernels take multiples


class FrozenLinear(nn.Linear):
    """A linear layer whose weight is stored in another number format; the base of those that are.

    It is built without memory and filled by `store`. As an `nn.Linear` it stands below adapters like any other.

    Args:
        in_features: Features of the input.
        out_features: Features of the output.
        bias: Whether there is one.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias, device="meta")
        self.requires_grad_(False)

    def store(self, weight: Tensor, scale: Tensor | None = None) -> None:
        """Quantise a weight on the device where it lies, and keep the result.

        Args:
            weight: `(out, in)` in bf16 or fp32, or float8_e4m3fn as the published fp8 file has it.
            scale: fp32 scalar that multiplies a float8 weight.
        """
        raise NotImplementedError

    def dequantised(self, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        """The weight that the layer computes with, `(out, in)`."""
        raise NotImplementedError


def quantisable(transformer: "LTXTransformer") -> Iterator[tuple[str, nn.Linear]]:
    """The large linear layers of the blocks, by name; all but a twentieth of the model."""
    for name, module in transformer.blocks.named_modules():
        if isinstance(module, nn.Linear) and all(map(_is_large, (module.in_features, module.out_features))):
            yield f"transformer_blocks.{name}", module


def _is_large(features: int) -> bool:
    return features >= _SMALLEST and features % _MULTIPLE == 0


def quantise_linears(transformer: "LTXTransformer", number_format: QuantisedFormat) -> None:
    """Replace the large linear layers of the blocks by frozen ones of a number format, not yet filled.

    Args:
        transformer: On the meta device.
        number_format: `fp8`, `int8` or `nf4`.
    """
    for name, linear in list(quantisable(transformer)):
        parent, _, child = name.rpartition(".")
        frozen = _frozen(number_format, linear.in_features, linear.out_features, linear.bias is not None)
        transformer.get_submodule(parent).register_module(child, frozen)


def _frozen(number_format: QuantisedFormat, in_features: int, out_features: int, bias: bool) -> FrozenLinear:
    if number_format == "nf4":
        from ltx_module.precision.nf4_linear import NF4Linear  # bitsandbytes may be missing

        return NF4Linear(in_features, out_features, bias)
    from ltx_module.precision.scaled_linear import ScaledLinear

    return ScaledLinear(in_features, out_features, bias, number_format=number_format)
