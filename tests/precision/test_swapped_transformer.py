"""Block swap in the transformer itself, from the file to the gradients."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from ltx_module.adapters import LoRAConfig, inject_lora, save_lora, verify_export
from ltx_module.checkpoint import Checkpoint
from ltx_module.model import LTXConfig, LTXTransformer, Modality
from ltx_module.precision import frozen_linear
from ltx_module.precision.block_swap import BlockSwap
from ltx_module.precision.frozen_linear import FrozenLinear

GOLDEN = Path(__file__).parents[1] / "golden"
CASE = "transformer.first_frame_audio_prefix"
ON_GPU = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
DEVICES = ["cpu", pytest.param("cuda", marks=ON_GPU)]


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return Checkpoint(GOLDEN / "tiny-ltx-2.3.safetensors")


def modality(name: str, device: str) -> Modality:
    golden, keys = load_file(GOLDEN / "golden.safetensors"), ("latent", "sigma", "timesteps", "positions", "context")
    return Modality(**{key: golden[f"{CASE}.{name}_{key}"].to(device) for key in keys})


def gradients(transformer: LTXTransformer, device: str) -> dict[str, Tensor]:
    """Of the adapters after three passes, one of which asks the frozen model as preservation does."""
    inject_lora(transformer, LoRAConfig(rank=4), seed=0)
    for name, parameter in transformer.named_parameters():
        if "lora_B" in name:  # zero in a fresh adapter, which would leave A without gradients
            with torch.no_grad():
                parameter.normal_(0, 0.05, generator=torch.Generator(device).manual_seed(1))
    inputs = modality("video", device), modality("audio", device)
    with sdpa_kernel(SDPBackend.MATH):  # the others add up in any order
        first = transformer(*inputs)
        with torch.no_grad():
            second = transformer(*inputs, skip_self_attention_blocks=(1,))
        third = transformer(*inputs, isolate_modalities=True)
        loss = sum(x.square().sum() for x in first) + sum((x - y).sum() for x, y in zip(third, second, strict=True))
        loss.backward()
    return {name: p.grad for name, p in transformer.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("device", DEVICES)
def test_a_deeper_transformer_has_the_same_gradients_bit_for_bit(checkpoint, device):
    def build() -> LTXTransformer:
        config = replace(LTXConfig.from_metadata(checkpoint.config["transformer"]), num_layers=6)
        torch.manual_seed(0)
        transformer = LTXTransformer(config).to(device).requires_grad_(False)
        for parameter in transformer.parameters():
            torch.nn.init.normal_(parameter, 0, 0.05)
        transformer.blocks.num_recomputed = 2
        return transformer

    swapped, swap = build(), BlockSwap((0, 1, 3, 5), torch.device(device))
    for index in swap.indices:
        swap.take(index, swapped.blocks[index])
    swapped.blocks.loader = swap
    found, expected = gradients(swapped, device), gradients(build(), device)
    assert len(expected) > 100
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("quantised", [None, "fp8", "nf4"])
def test_the_file_is_loaded_with_the_same_numbers(checkpoint, device, quantised, monkeypatch):
    if quantised == "nf4":
        pytest.importorskip("bitsandbytes")
    monkeypatch.setattr(frozen_linear, "_SMALLEST", 16)  # layers of the tiny file are small

    def load(swap_blocks: int) -> LTXTransformer:
        given = {"quantised": quantised, "swap_blocks": swap_blocks}
        return checkpoint.load_transformer("av", torch.float32, device, **given).to(device)

    swapped, plain = load(2), load(0)
    on_host = [name for name, p in swapped.named_parameters() if p.device.type == "cpu"]
    assert device == "cpu" or (on_host and all(name.endswith(".weight") for name in on_host))
    assert quantised is None or any(isinstance(module, FrozenLinear) for module in swapped.modules())
    found, expected = gradients(swapped, device), gradients(plain, device)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    layers = [[m for m in model.modules() if isinstance(m, FrozenLinear)] for model in (swapped, plain)]
    assert all(torch.equal(one.dequantised(), other.dequantised()) for one, other in zip(*layers, strict=True))


@pytest.mark.parametrize("quantised", ["fp8", "nf4"])
def test_an_export_from_a_swapped_quantised_model_passes_its_check(checkpoint, quantised, monkeypatch, tmp_path):
    if quantised == "nf4":
        pytest.importorskip("bitsandbytes")
    monkeypatch.setattr(frozen_linear, "_SMALLEST", 16)
    transformer = checkpoint.load_transformer("av", torch.bfloat16, "cpu", quantised=quantised, swap_blocks=2)
    gradients(transformer, "cpu")
    path = tmp_path / "lora.safetensors"
    save_lora(transformer, path)
    check = verify_export(transformer, path, (modality("video", "cpu"), modality("audio", "cpu")))
    assert check.max_difference < 0.2 * check.effect  # inputs in eight bits, and weights rounded once more
