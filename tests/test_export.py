"""What a recipe's model becomes as a ComfyUI package."""

import json
from pathlib import Path

import pytest
import torch

from ltx_module.adapters import (
    LoRAConfig,
    inject_lora,
    lora_pairs,
    read_lora_file,
    save_lora,
    validate_workflow,
)
from ltx_module.adapters.conditioning_metadata import conditioning_metadata
from ltx_module.checkpoint import Checkpoint
from ltx_module.diffusion.conditioning import FirstFrame, Prefix, Reference
from ltx_module.export import LoRAExport, require_workflows, workflow_request
from ltx_module.module import LTXModule
from ltx_module.sample_config import SampleConfig, SamplePrompt

PICO = Path(__file__).parents[1] / "assets" / "pico"


@pytest.fixture
def model():
    """A model as the command line makes it, without its weights."""

    def make(size="64x64x17", factor=1, media=None, **options):
        module = LTXModule(PICO / "ltx-2.3-pico.safetensors", PICO / "gemma", **options)
        prompt = SamplePrompt(prompt="a red circle", **(media or {}))
        module.sample_config = SampleConfig(prompts=(prompt,), size=size)
        module.trigger = "SKS"
        module.lora_metadata = conditioning_metadata(module.conditions, downscale_factor=factor)
        return module

    return make


@pytest.fixture
def exported(tmp_path):
    """Give the model a trained adapter, and export it."""

    def run(module, targets):
        transformer = Checkpoint(module.base_model).load_transformer(
            streams=module.streams, dtype=torch.float32, device="cpu"
        )
        inject_lora(transformer, LoRAConfig(rank=2, targets=targets), seed=1)
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for pair in lora_pairs(transformer).values():
                pair.up.normal_(std=0.05, generator=generator)
        module.transformer = transformer
        path = tmp_path / "step_000010.safetensors"
        save_lora(transformer, path, metadata=dict(module.lora_metadata))
        return LoRAExport(lora=path, directory=tmp_path / "export", name="mine", recipe_hash="x").run(module)

    return run


def test_sound_alone_is_checked_and_exported(model, exported):
    package = exported(model(size="2s", streams="audio"), "audio_ff")
    assert set(package.workflows) == {"fast", "quality"}
    graph = json.loads(package.workflows["fast"].read_text(encoding="utf-8"))
    assert graph["10"]["inputs"]["frames_number"] == 50


def test_an_ic_lora_is_exported_with_its_factor_and_both_its_ways(model, exported):
    module = model(factor=2, conditions=[Reference(), FirstFrame(0.2)], media={"reference_video": Path("a/edges.mp4")})
    package = exported(module, "video_ff")
    assert read_lora_file(package.lora).metadata["reference_downscale_factor"] == "2"
    assert {"reference-fast", "reference-image-quality"} < set(package.workflows)
    graph = json.loads(package.workflows["reference-fast"].read_text(encoding="utf-8"))
    validate_workflow(graph)
    assert {"file": "edges.mp4"} in [node["inputs"] for node in graph.values()]
    assert graph["6"]["inputs"]["text"] == "SKS a red circle"


def test_a_frozen_modality_is_exported(model, exported):
    package = exported(model(frozen="video"), "video_to_audio")
    assert set(package.workflows) == {"from-video-fast", "from-video-quality"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor": 2, "size": "96x64x17", "conditions": [Reference()]}, "multiples of 64"),
        ({"conditions": [Prefix(latent_frames=4)]}, r"`latent_frames` of Prefix is 4"),
    ],
)
def test_a_sample_size_that_no_workflow_can_have_is_found_before_training(model, options, message):
    with pytest.raises(ValueError, match=message):
        require_workflows(model(**options))


def test_sound_alone_takes_the_length_of_a_video_size(model):
    assert workflow_request(model(size="64x64x25", streams="audio"), "a.safetensors").bucket.seconds == 25 / 24
