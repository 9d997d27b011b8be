import sys

import pytest
import torch
from torch import Tensor, nn

from ltx_module.precision import nf4_linear
from ltx_module.precision.nf4_linear import NF4Linear

pytest.importorskip("bitsandbytes")
OUT, IN = 256, 320


def nf4_codes() -> Tensor:
    """QLoRA (Dettmers et al. 2023), section 3: quantiles of a normal distribution on either side of zero, 8 and 7."""
    outermost = 0.9677083
    above = torch.special.ndtri(torch.linspace(outermost, 0.5, 9, dtype=torch.float64)[:-1])
    below = -torch.special.ndtri(torch.linspace(outermost, 0.5, 8, dtype=torch.float64)[:-1])
    codes = torch.cat([above, torch.zeros(1, dtype=torch.float64), below]).sort().values
    return (codes / codes.max()).float()


@pytest.fixture
def weight() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(OUT, IN, generator=generator) * torch.rand(OUT, 1, generator=generator).add(0.1)
    return rows.bfloat16()


@pytest.fixture
def layer(weight: Tensor) -> NF4Linear:
    layer = NF4Linear(IN, OUT)
    layer.store(weight)
    layer.bias = nn.Parameter(torch.randn(OUT, generator=torch.Generator().manual_seed(1)), requires_grad=False)
    return layer


def given(*shape: int) -> Tensor:
    return torch.randn(*shape, IN, generator=torch.Generator().manual_seed(2), requires_grad=True)


def test_weights_are_the_nearest_codes_of_their_block(layer, weight):
    blocks = weight.float().reshape(-1, 64)
    absmax = blocks.abs().amax(1, keepdim=True)
    codes = nf4_codes()
    nearest = codes[((blocks / absmax)[..., None] - codes).abs().argmin(-1)]
    # absmax is stored in a byte, in parts of the largest deviation from their mean among 256 blocks; the widest step
    # between two of its codes is 1.41 % of that, and half of it is rounded away at most.
    furthest = (absmax - absmax.mean()).reshape(-1, 256).abs().amax(1).repeat_interleave(256)[:, None]
    difference = (layer.dequantised(torch.float32).reshape(-1, 64) - nearest * absmax).abs()
    assert (difference <= 0.00706 * furthest).all()
    assert (difference / absmax).median() < 1e-3


def test_a_weight_of_the_fp8_file_is_multiplied_by_its_scale_first(weight):
    layer, codes, scale = NF4Linear(IN, OUT), weight.to(torch.float8_e4m3fn), torch.tensor(0.25)
    layer.store(codes, scale)
    again = NF4Linear(IN, OUT)
    again.store(0.25 * codes.bfloat16())  # a power of two is exact
    assert torch.equal(layer.dequantised(), again.dequantised())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(5,), (2, 3)])
def test_output_and_gradient_are_those_of_the_dequantised_weight(layer, shape, dtype):
    x, again = given(*shape).detach().to(dtype).requires_grad_(), given(*shape).detach().to(dtype).requires_grad_()
    found = layer(x)
    expected = nn.functional.linear(again, layer.dequantised(dtype), layer.bias.to(dtype))
    towards = torch.randn(expected.shape, generator=torch.Generator().manual_seed(3)).to(dtype)
    found.backward(towards)
    expected.backward(towards)
    assert found.dtype == dtype
    assert torch.equal(found, expected)
    assert torch.equal(x.grad, again.grad)


def test_it_holds_4_13_bits_a_weight_and_keeps_nothing_else_for_backward(layer):
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        layer(given(1000))
    stored = [layer.weight, layer.absmax, layer.absmax_scale]
    assert 8 * sum(tensor.nbytes for tensor in stored) / (OUT * IN) == pytest.approx(4 + 8 / 64 + 32 / 64 / 256)
    assert sum(tensor.nbytes for tensor in kept) - sum(tensor.nbytes for tensor in stored) == 4 * 256 + 4  # map, offset


def test_it_compiles_as_one_graph(layer):
    eager, x = layer(given(7)), given(7)
    torch._dynamo.reset()
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)(x)
    compiled.sum().backward()
    assert torch.equal(compiled, eager)
    assert x.grad.isfinite().all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_it_moves_to_the_gpu_with_its_values(layer):
    x = given(7).detach()
    expected, weight = layer(x), layer.dequantised(torch.float32)
    layer.cuda()
    assert (layer.dequantised(torch.float32).cpu() - weight).abs().max() < 1e-6
    assert (layer(x.cuda()).cpu() - expected).abs().max() < 1e-3


def test_a_missing_bitsandbytes_is_told_with_its_key(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ValueError, match=r"`model.dtype` is `nf4`.*pip install bitsandbytes.*`fp8` or `int8`"):
        NF4Linear(IN, OUT)


def test_a_device_without_support_is_told_with_its_key(weight, monkeypatch):
    def unsupported(*_: object, **__: object) -> None:
        raise NotImplementedError("Could not run 'bitsandbytes::quantize_4bit'")

    nf4_linear._require.cache_clear()
    monkeypatch.setattr(nf4_linear._bitsandbytes().functional, "quantize_4bit", unsupported)
    with pytest.raises(ValueError, match=r"`model.dtype` is `nf4`, but .* does not work on cpu .*quantize_4bit"):
        NF4Linear(IN, OUT).store(weight)
