"""The card's matrix products at their best: large, square, one after the other."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.timing import time_steps

_SIZES = (8192, 16384)
_STEPS = 20


def ceilings(device: torch.device, sizes: tuple[int, ...] = _SIZES) -> dict[str, float]:
    """TFLOP/s by number format, the best over the sizes; formats that the device cannot multiply are left out.

    Args:
        device: Where.
        sizes: Sides of the matrices.
    """
    found = {}
    for name in ("bf16", "fp8", "int8"):
        if rates := [rate for size in sizes if (rate := _rate(name, size, device)) is not None]:
            found[name] = max(rates)
    return found


def _rate(name: str, size: int, device: torch.device) -> float | None:
    product = _product(name, size, device)
    if product is None:
        return None
    timing = time_steps(product, device, warmup=_STEPS // 2, steps=_STEPS)
    return 2 * size**3 / timing.mean_ms * 1e-9


def _product(name: str, size: int, device: torch.device) -> Callable[[], Tensor] | None:
    """A product of values that make the card work: its power, and so its clock, depends on them."""
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in "ab")
    if name == "bf16":
        return lambda: left @ right
    if device.type != "cuda":
        return None
    if name == "int8":
        codes = [(40 * values).clamp(-127, 127).to(torch.int8) for values in (left, right)]
        return lambda: torch._int_mm(codes[0], codes[1].t())
    if torch.cuda.get_device_capability(device) < (8, 9):
        return None
    codes = [values.to(torch.float8_e4m3fn) for values in (left, right)]
    one = torch.ones((), device=device)
    return lambda: torch._scaled_mm(
        codes[0], codes[1].t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16, use_fast_accum=True
    )
