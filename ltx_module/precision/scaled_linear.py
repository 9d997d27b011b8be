"""Linear layers whose weight and input are eight bits wide, and are multiplied as such, forward and backward.

    x ~ x8 * sx[:, None]      one scale a token, made as it comes
    W ~ W8 * sw[:, None]      one scale an output feature, made once
    y = (x8 @ W8^T) * sx[:, None] * sw + b
    grad_x = (g8 @ W8) * sg[:, None]      where g8 * sg[:, None] ~ grad_y * sw

The scales are applied to the product of the codes, where a compiler joins them to what follows: on a Hopper card that
is as fast as kernels that scale rows themselves, and every card with 8-bit products has the kernel. Where a device has
none the same numbers are multiplied in fp32.

M tokens, N output features, K input features.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from ltx_module.precision.frozen_linear import FrozenLinear

ScaledFormat = Literal["fp8", "int8"]

_CODES: dict[str, tuple[torch.dtype, float]] = {"fp8": (torch.float8_e4m3fn, 448.0), "int8": (torch.int8, 127.0)}
_SMALLEST_SCALE = 1e-30  # gradients of long clips are small, and rows of zeros need any scale at all
_FEWEST_INT8_ROWS = 17  # of cuBLAS' int8 product
_FP8 = (8, 9)  # compute capability of cards with fp8 products


class ScaledLinear(FrozenLinear):
    """A frozen linear layer in fp8 (e4m3) or int8.

    Args:
        in_features: Features of the input, a multiple of 16.
        out_features: Features of the output, a multiple of 16.
        bias: Whether there is one.
        number_format: `fp8` or `int8`.
    """

    scale: Tensor

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, number_format: ScaledFormat = "fp8"
    ) -> None:
        super().__init__(in_features, out_features, bias)
        self.number_format: ScaledFormat = number_format
        self.register_buffer("scale", torch.empty(out_features, device="meta"), persistent=False)

    def store(self, weight: Tensor, scale: Tensor | None = None) -> None:
        """Quantise with one scale a row; a float8 weight keeps its codes and its scale."""
        dtype, _ = _CODES[self.number_format]
        if scale is not None and weight.dtype == dtype:
            codes, scales = weight, scale.float().expand(self.out_features).contiguous()
        else:
            whole = weight.float() if scale is None else weight.float() * scale
            codes, scales = quantise_rows(whole, self.number_format)
        self.weight = nn.Parameter(codes.contiguous(), requires_grad=False)
        self.scale = scales.reshape(-1)

    def dequantised(self, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        """The weight that the layer computes with, `(out, in)`."""
        codes = self.weight.to(self.scale.device)  # they may wait in host memory
        return (codes.float() * self.scale[:, None]).to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply, `(..., in)` -> `(..., out)` in the dtype of the input."""
        product: Tensor = _ScaledProduct.apply(  # type: ignore[no-untyped-call]
            x.flatten(0, -2), self.weight, self.scale, self.bias, self.number_format
        )
        return product.view(*x.shape[:-1], self.out_features)


def quantise_rows(x_MK: Tensor, number_format: ScaledFormat) -> tuple[Tensor, Tensor]:
    """Codes and fp32 scales, `(M, K)` and `(M, 1)`: the largest value of a row becomes the largest code."""
    dtype, largest = _CODES[number_format]
    wide = x_MK.float()
    scale = (wide.abs().amax(dim=-1, keepdim=True) / largest).clamp(min=_SMALLEST_SCALE)
    codes = (wide / scale).clamp(-largest, largest)
    return (codes if dtype.is_floating_point else codes.round()).to(dtype), scale


def scaled_product(
    a_MK: Tensor, b_NK: Tensor, a_scale_M1: Tensor, b_scale_N: Tensor | None, bias_N: Tensor | None, out: torch.dtype
) -> Tensor:
    """`(a @ b^T) * a_scale * b_scale + bias`, `(M, N)`; codes of one format, both row-major."""
    if a_MK.dtype == torch.float8_e4m3fn and a_MK.is_cuda and torch.cuda.get_device_capability(a_MK.device) >= _FP8:
        one = a_scale_M1.new_ones(())
        product = torch._scaled_mm(a_MK, b_NK.t(), one, one, out_dtype=torch.bfloat16, use_fast_accum=True)
    elif a_MK.dtype == torch.int8 and a_MK.is_cuda and len(a_MK) >= _FEWEST_INT8_ROWS:
        product = torch._int_mm(a_MK, b_NK.t())
    else:
        with torch.autocast(a_MK.device.type, enabled=False):
            product = a_MK.float() @ b_NK.float().t()
    scaled = product.float() * a_scale_M1
    scaled = scaled if b_scale_N is None else scaled * b_scale_N
    return (scaled if bias_N is None else scaled + bias_N).to(out)


class _ScaledProduct(torch.autograd.Function):
    """The product and its gradient; nothing of the input is kept."""

    @staticmethod
    def forward(
        ctx: Any, x_MK: Tensor, codes_NK: Tensor, scale_N: Tensor, bias_N: Tensor | None, number_format: ScaledFormat
    ) -> Tensor:
        ctx.save_for_backward(codes_NK, scale_N)
        ctx.number_format = number_format
        x_codes, x_scale = quantise_rows(x_MK, number_format)
        return scaled_product(x_codes, codes_NK, x_scale, scale_N, bias_N, x_MK.dtype)

    @staticmethod
    def backward(ctx: Any, grad_MN: Tensor) -> tuple[Tensor, None, None, None, None]:  # type: ignore[override]
        codes_NK, scale_N = ctx.saved_tensors
        g_codes, g_scale = quantise_rows(grad_MN.float() * scale_N, ctx.number_format)
        transposed_KN = codes_NK.t().contiguous()
        grad_MK = scaled_product(g_codes, transposed_KN, g_scale, None, None, grad_MN.dtype)
        return grad_MK, None, None, None, None
