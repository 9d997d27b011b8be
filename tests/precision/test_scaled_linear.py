"""Eight-bit linear layers: how near they are to the weight they came from, forward and backward."""

import pytest
import torch
from torch import nn

from ltx_module.precision.scaled_linear import ScaledLinear, quantise_rows, scaled_product

ERROR = {"fp8": 0.04, "int8": 0.02}  # relative, of normally distributed values: three and seven bits of mantissa
FORMATS = list(ERROR)


def layer(number_format: str, out: int = 96, features: int = 64) -> tuple[ScaledLinear, nn.Linear]:
    plain = nn.Linear(features, out)
    scaled = ScaledLinear(features, out, number_format=number_format)
    scaled.store(plain.weight.detach())
    scaled.bias = nn.Parameter(plain.bias.detach(), requires_grad=False)
    return scaled, plain


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found.detach().float() - wanted.detach().float()).norm() / wanted.float().norm())


@pytest.mark.parametrize("number_format", FORMATS)
def test_outputs_and_input_gradients_are_near_those_of_the_plain_layer(number_format):
    torch.manual_seed(0)
    scaled, plain = layer(number_format)
    x = torch.randn(3, 40, 64)
    towards = torch.randn(3, 40, 96)
    found, wanted = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, y_plain = scaled(found), plain(wanted)
    y.backward(towards)
    y_plain.backward(towards)
    assert y.shape == (3, 40, 96)
    assert y.dtype == x.dtype
    assert 0 < relative(y, y_plain) < ERROR[number_format]
    assert 0 < relative(found.grad, wanted.grad) < ERROR[number_format]


@pytest.mark.parametrize("number_format", FORMATS)
def test_the_product_is_that_of_the_quantised_numbers(number_format):
    """An oracle in float64 of the very codes."""
    torch.manual_seed(0)
    scaled, _ = layer(number_format)
    x = torch.randn(20, 64)
    codes, scale = quantise_rows(x, number_format)
    wanted = (codes.double() * scale) @ (scaled.weight.double() * scaled.scale.double()[:, None]).T + scaled.bias
    assert relative(scaled(x), wanted) < 1e-6


@pytest.mark.parametrize("number_format", FORMATS)
def test_a_token_does_not_depend_on_its_neighbours(number_format):
    """Scales are of rows, so that one large token leaves the others exact."""
    scaled, _ = layer(number_format)
    x = torch.randn(8, 64)
    loud = x.clone()
    loud[3] *= 1000
    kept = [0, 1, 2, 4, 5, 6, 7]
    assert torch.equal(scaled(x)[kept], scaled(loud)[kept])


def test_a_row_of_zeros_stays_zero_and_nothing_becomes_nan():
    for number_format in FORMATS:
        scaled, _ = layer(number_format)
        x = torch.zeros(2, 64, requires_grad=True)
        y = scaled(x)
        y.backward(torch.zeros_like(y))
        assert torch.equal(y, scaled.bias.expand_as(y))
        assert torch.equal(x.grad, torch.zeros_like(x))


def test_codes_and_scale_of_an_fp8_file_are_kept_bit_for_bit():
    codes, scale = torch.randn(96, 64).to(torch.float8_e4m3fn), torch.tensor(0.03)
    scaled = ScaledLinear(64, 96)
    scaled.store(codes, scale)
    assert torch.equal(scaled.weight.view(torch.uint8), codes.view(torch.uint8))
    assert torch.equal(scaled.dequantised(torch.float32), codes.float() * scale)


def test_int8_takes_the_weight_that_an_fp8_file_means():
    codes, scale = torch.randn(96, 64).to(torch.float8_e4m3fn), torch.tensor(0.03)
    scaled = ScaledLinear(64, 96, number_format="int8")
    scaled.store(codes, scale)
    assert relative(scaled.dequantised(torch.float32), codes.float() * scale) < 0.02


def test_nothing_of_the_input_is_kept_for_backward():
    scaled, _ = layer("fp8")
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        scaled(torch.randn(8, 64, requires_grad=True))
    assert {tensor.data_ptr() for tensor in kept} == {scaled.weight.data_ptr(), scaled.scale.data_ptr()}


def test_autocast_changes_nothing():
    scaled, _ = layer("fp8")
    x = torch.randn(8, 64)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(scaled(x), scaled(x))
        cast = scaled(x)
    assert torch.equal(cast, scaled(x))


@pytest.mark.gpu
@pytest.mark.parametrize("number_format", FORMATS)
@pytest.mark.parametrize(
    ("rows", "features", "out"), [(3570, 4096, 4096), (51, 8192, 2048), (51, 2048, 8192), (5, 256, 512)]
)
def test_the_cards_kernels_give_what_the_codes_mean(number_format, rows, features, out):
    generator = torch.Generator("cuda").manual_seed(0)
    a, a_scale = quantise_rows(torch.randn(rows, features, device="cuda", generator=generator), number_format)
    b, b_scale = quantise_rows(torch.randn(out, features, device="cuda", generator=generator), number_format)
    bias = torch.randn(out, device="cuda", generator=generator)
    wanted = (a.float() * a_scale) @ (b.float() * b_scale).T + bias
    found = scaled_product(a, b, a_scale, b_scale.reshape(-1), bias, torch.bfloat16)
    assert found.dtype == torch.bfloat16
    assert relative(found, wanted) < 4e-3
