"""Samples of a placed model: the adapters that take part, and nothing left behind."""

from types import SimpleNamespace

import pytest
import torch

from datamodules.geometry import Bucket
from ltx_module.adapters import LoRAConfig, active_adapters, inject_lora, lora_pairs, save_lora
from ltx_module.checkpoint import Checkpoint
from ltx_module.diffusion.denoiser import Denoiser
from ltx_module.diffusion.guidance import JointGuidance
from ltx_module.diffusion.presets import PRESETS
from ltx_module.distilled import DISTILLED, DistilledLoRA
from ltx_module.generator import Generator
from ltx_module.model import evaluating
from ltx_module.sample_config import SampleRequest

PICO = "assets/pico/ltx-2.3-pico.safetensors"
_CUDA = pytest.param(
    "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
)
DEVICES = ["cpu", _CUDA]


def contexts(prompt: str) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(len(prompt))
    video, audio = (torch.randn(16, width, generator=generator) for width in Checkpoint(PICO).context_widths)
    return video, audio


def request(preset: str, steps: int | None = 1) -> SampleRequest:
    return SampleRequest(
        prompt="a star",
        negative_prompt="ugly",
        bucket=Bucket.parse("64x64x9"),
        fps=24.0,
        seed=1,
        preset=preset,
        steps=None if preset == "fast" else steps,
    )


def trained(device: str):
    """Pico with an adapter that has learnt something."""
    transformer = Checkpoint(PICO).load_transformer("av", torch.float32, device)
    inject_lora(transformer, LoRAConfig(rank=4, alpha=4), 0)
    with torch.no_grad():
        for number, pair in enumerate(lora_pairs(transformer).values()):
            pair.up.normal_(0, 0.05, generator=torch.Generator(device).manual_seed(number))
    return transformer


@pytest.fixture
def generator(request, tmp_path) -> Generator:
    transformer, path = trained(request.param), tmp_path / "distilled.safetensors"
    save_lora(transformer, path)
    undecoded = SimpleNamespace(frames=lambda _: None, sound=lambda latents: latents[0, :, :, 0])
    return Generator(
        transformer=transformer,
        checkpoint=Checkpoint(PICO),
        contexts=contexts,
        distilled=DistilledLoRA(path),
        decoders=undecoded,
    )


@pytest.mark.parametrize("generator", DEVICES, indirect=True)
def test_fast_previews_use_both_adapters_and_leave_the_trained_one_as_it_was(generator):
    with evaluating(generator.transformer):
        before, fast, after = (generator.sample(request(preset)) for preset in ("quality", "fast", "quality"))
    assert torch.equal(before.video_latents, after.video_latents)
    assert active_adapters(generator.transformer) == ("default",)
    assert (fast.record["adapters"], after.record["adapters"]) == ([DISTILLED], [])
    strengths = [
        layer.scaling[DISTILLED]
        for layer in generator.transformer.modules()
        if DISTILLED in getattr(layer, "lora_A", {})
    ]
    assert set(strengths) == {0.5}  # alpha is folded in, so the scale is the preset's strength


@pytest.mark.parametrize("generator", [_CUDA], indirect=True)
def test_what_a_sample_needs_is_on_the_device_only_while_it_is_made(generator):
    with evaluating(generator.transformer):
        generator.sample(request("fast"))
        held = torch.cuda.memory_allocated()
        generator.sample(request("fast"))
    assert torch.cuda.memory_allocated() <= held
    pairs = lora_pairs(generator.transformer, DISTILLED).values()
    assert {half.device.type for pair in pairs for half in (pair.down, pair.up)} == {"cpu"}


@pytest.mark.parametrize("generator", [_CUDA], indirect=True)
def test_a_step_of_the_sampler_never_waits_for_the_device(generator):
    targets = generator.targets(request("quality"))
    guidance = JointGuidance(video=PRESETS["quality"].video, audio=PRESETS["quality"].audio)
    latents = tuple(target.noise.float() for target in targets)
    with evaluating(generator.transformer):
        denoiser = Denoiser(generator.transformer, targets, guidance)
        denoiser(latents, 0.9)  # places contexts and tables
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            denoiser(latents, 0.8)
        finally:
            torch.cuda.set_sync_debug_mode("default")
