"""Linear layers stored in four bits and multiplied in the dtype of their input. Only this file knows bitsandbytes.

    W ~ code[nibble] * absmax      code: the 16 quantiles of a normal distribution (nf4); one absmax for 64 weights
    absmax ~ map[byte] * scale + offset      one scale for 256 of them: 4.13 bits a weight, against 4.5 in fp32

The weight is made anew for each product and gone after it, in forward and in backward: at most one layer's weight is
there in the compute dtype. Its fewer bits save memory and no time: next to bf16 the unpacking comes on top.
"""

import functools
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ltx_module.precision.frozen_linear import FrozenLinear

_BLOCK = 64  # weights that share an absmax
_ABSMAX_BLOCK = 256  # of those that share a scale


class _Codes(NamedTuple):
    """A weight as it is stored."""

    nibbles: Tensor
    """Two codes a byte, `(out, in / 2)`."""
    absmax: Tensor
    """Codes of the blocks' largest values, uint8, `(out * in / 64)`."""
    absmax_scale: Tensor
    absmax_offset: Tensor
    absmax_map: Tensor
    """Value of each of the 256 codes."""

    def weight(self, dtype: torch.dtype) -> Tensor:
        """`(out, in)`."""
        ops = torch.ops.bitsandbytes
        absmax = ops.dequantize_blockwise(self.absmax, self.absmax_scale, self.absmax_map, _ABSMAX_BLOCK, torch.float32)
        shape = (self.nibbles.shape[0], 2 * self.nibbles.shape[1])
        weight: Tensor = ops.dequantize_4bit(self.nibbles, absmax + self.absmax_offset, _BLOCK, "nf4", shape, dtype)
        return weight


class NF4Linear(FrozenLinear):
    """A frozen linear layer in nf4 with doubly quantised statistics, as bitsandbytes has it.

    Args:
        in_features: Features of the input, an even number.
        out_features: Features of the output.
        bias: Whether there is one.

    Raises:
        ValueError: If bitsandbytes is not installed.
    """

    absmax: Tensor
    absmax_scale: Tensor
    absmax_offset: Tensor
    absmax_map: Tensor

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        _bitsandbytes()  # registers its operators
        for name in _Codes._fields[1:]:
            self.register_buffer(name, torch.empty(0, device="meta"), persistent=False)

    def store(self, weight: Tensor, scale: Tensor | None = None) -> None:
        """Quantise, on the device of the weight.

        Raises:
            ValueError: If bitsandbytes does not support that device.
        """
        _require(weight.device)
        whole = weight if scale is None else (weight.float() * scale).bfloat16()
        nibbles, state = _bitsandbytes().functional.quantize_4bit(
            whole.contiguous(), blocksize=_BLOCK, compress_statistics=True, quant_type="nf4"
        )
        self.weight = nn.Parameter(nibbles.view(self.out_features, -1), requires_grad=False)
        self.absmax, self.absmax_offset = state.absmax, state.offset
        self.absmax_scale, self.absmax_map = state.state2.absmax, state.state2.code

    def dequantised(self, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        """The weight that the layer computes with, `(out, in)`."""
        here = self.weight.to(self.absmax.device)  # it may wait in host memory
        return self._codes()._replace(nibbles=here).weight(dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply, `(..., in)` -> `(..., out)` in the dtype of the input."""
        product: Tensor = _Product.apply(x, self.bias, *self._codes())  # type: ignore[no-untyped-call]
        return product

    def _codes(self) -> _Codes:
        return _Codes(self.weight, self.absmax, self.absmax_scale, self.absmax_offset, self.absmax_map)


class _Product(torch.autograd.Function):
    """`x W^T + b` and its gradient; of the forward pass nothing is kept but what is stored anyway."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor | None, *codes: Tensor) -> Tensor:
        ctx.save_for_backward(*codes)
        return nn.functional.linear(x, _Codes(*codes).weight(x.dtype), None if bias is None else bias.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        codes = _Codes(*ctx.saved_tensors)
        return grad @ codes.weight(grad.dtype), None, *(None for _ in codes)


def _bitsandbytes() -> Any:
    try:
        import bitsandbytes
    except ImportError as error:
        raise ValueError(
            "`model.dtype` is `nf4`, which needs bitsandbytes, but importing it failed"
            f" ({error}): install it with `pip install bitsandbytes`, or use `fp8` or `int8`."
        ) from error
    return bitsandbytes


@functools.cache
def _require(device: torch.device) -> None:
    """Quantise a few numbers, so that what is missing is told before a large weight is tried."""
    try:
        _bitsandbytes().functional.quantize_4bit(torch.ones(_BLOCK, device=device), quant_type="nf4")
    except RuntimeError as error:
        raise ValueError(
            f"`model.dtype` is `nf4`, but this bitsandbytes does not work on {device.type} ({str(error)[:200]}):"
            " install a version that was built for this device, or use `fp8` or `int8`."
        ) from error
