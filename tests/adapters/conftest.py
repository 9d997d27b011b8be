import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ltx_module.adapters import LoRAPair, lora_pairs
from ltx_module.model import LTXConfig, LTXTransformer, Modality

GOLDEN = Path(__file__).parents[1] / "golden"
PREFIX = "model.diffusion_model."


@pytest.fixture(scope="session")
def tiny_checkpoint():
    """Configuration and fp32 transformer weights of the golden file."""
    with safe_open(str(GOLDEN / "tiny-ltx-2.3.safetensors"), "pt") as handle:
        config = LTXConfig.from_metadata(json.loads(handle.metadata()["config"])["transformer"])
        keys = [key for key in handle.keys() if key.startswith(PREFIX)]  # noqa: SIM118
        return config, {key.removeprefix(PREFIX): handle.get_tensor(key).float() for key in keys}


@pytest.fixture
def build(tiny_checkpoint):
    """The golden transformer with the asked streams, in fp32."""

    def make(streams="av"):
        config, weights = tiny_checkpoint
        transformer = LTXTransformer(config, streams)
        transformer.load_state_dict({name: weights[name].clone() for name in transformer.state_dict()})
        return transformer.eval()

    return make


@pytest.fixture(scope="session")
def golden():
    return load_file(GOLDEN / "golden.safetensors")


@pytest.fixture
def modalities(golden):
    """Video and audio tokens of the golden LoRA case."""

    def modality(name):
        parts = ("latent", "sigma", "timesteps", "positions", "context")
        return Modality(**{part: golden[f"transformer.lora_strength_0.7.{name}_{part}"] for part in parts})

    return modality("video"), modality("audio")


@pytest.fixture
def comfyui_lora():
    """A rank-4 LoRA of every attention, in ComfyUI names."""
    return GOLDEN / "tiny-lora-comfyui.safetensors"


@pytest.fixture
def write(tmp_path):
    """Write tensors as a safetensors file."""

    def make(tensors, metadata=None, name="lora.safetensors"):
        path = tmp_path / name
        save_file({key: tensor.clone() for key, tensor in tensors.items()}, path, metadata=metadata)
        return path

    return make


@pytest.fixture
def train():
    """Give an adapter's B values as if it had been trained."""

    def make(transformer, scale=0.05, seed=5):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for pair in lora_pairs(transformer).values():
                pair.up.normal_(std=scale, generator=generator)

    return make


@pytest.fixture
def random_pair():
    """A, B and alpha with values."""

    def make(shape, rank=2, alpha=3.0, seed=7):
        generator = torch.Generator().manual_seed(seed)
        down = torch.randn(rank, shape[0], generator=generator)
        return LoRAPair(down=down, up=torch.randn(shape[1], rank, generator=generator), alpha=alpha)

    return make
