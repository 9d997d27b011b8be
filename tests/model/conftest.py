"""The tiny checkpoint's transformer and the golden inputs, read with safetensors alone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from ltx_module.model import LTXConfig, LTXTransformer, Modality, Streams

GOLDEN = Path(__file__).parents[1] / "golden"
PREFIX = "model.diffusion_model."
BOTH = "transformer.first_frame_audio_prefix"


def read_transformer(name: str) -> tuple[dict, dict[str, Tensor]]:
    """Transformer section of the config, and its float32 weights by published name (fp8 scales applied)."""
    with safe_open(GOLDEN / name, "pt") as file:
        config = json.loads(file.metadata()["config"])["transformer"]
        keys = [key for key in file.keys() if key.startswith(PREFIX) and "connector" not in key]  # noqa: SIM118
        stored = {key.removeprefix(PREFIX): file.get_tensor(key).float() for key in keys}
    weights = {key: value for key, value in stored.items() if not key.endswith("_scale")}
    for key in weights:
        if f"{key}_scale" in stored:
            weights[key] = weights[key] * stored[f"{key}_scale"]
    return config, weights


def build(config: LTXConfig, weights: dict[str, Tensor], streams: Streams = "av") -> LTXTransformer:
    with torch.device("meta"):
        transformer = LTXTransformer(config, streams)
    names = transformer.state_dict().keys()
    transformer.load_state_dict({name: weights[name].clone() for name in names}, assign=True)
    return transformer


@pytest.fixture(scope="session")
def golden() -> dict[str, Tensor]:
    return load_file(GOLDEN / "golden.safetensors")


@pytest.fixture(scope="session")
def weights() -> dict[str, Tensor]:
    return read_transformer("tiny-ltx-2.3.safetensors")[1]


@pytest.fixture(scope="session")
def metadata() -> dict:
    return read_transformer("tiny-ltx-2.3.safetensors")[0]


@pytest.fixture(scope="session")
def config(metadata: dict) -> LTXConfig:
    return LTXConfig.from_metadata(metadata)


@pytest.fixture
def build_transformer(config: LTXConfig, weights: dict[str, Tensor]) -> Callable[..., LTXTransformer]:
    """Builds the tiny transformer anew: `build_transformer(streams="av", weights=...)`."""

    def make(streams: Streams = "av", weights: dict[str, Tensor] = weights) -> LTXTransformer:
        return build(config, weights, streams)

    return make


@pytest.fixture(scope="session")
def transformer(config: LTXConfig, weights: dict[str, Tensor]) -> LTXTransformer:
    """The tiny transformer with both streams, shared: do not change it."""
    return build(config, weights).requires_grad_(False)


@pytest.fixture(scope="session")
def modality(golden: dict[str, Tensor]) -> Callable[[str, str], Modality | None]:
    """Golden inputs: `modality("transformer.shared_sigma", "video")`, None where the case has no such tokens."""

    def make(case: str, name: str) -> Modality | None:
        if f"{case}.{name}_latent" not in golden:
            return None
        keys = ("latent", "sigma", "timesteps", "positions", "context")
        tensors = {key: golden[f"{case}.{name}_{key}"] for key in keys}
        return Modality(**tensors, attention_mask=golden.get(f"{case}.{name}_attention_mask"))

    return make


@pytest.fixture(scope="session")
def fp8_weights() -> dict[str, Tensor]:
    return read_transformer("tiny-ltx-2.3-fp8.safetensors")[1]


@pytest.fixture(scope="session")
def lora_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights with the golden LoRA merged at strength 0.7."""
    lora = load_file(GOLDEN / "tiny-lora-comfyui.safetensors")
    merged = dict(weights)
    for key in lora:
        if key.endswith(".lora_A.weight"):
            module = key.removesuffix(".lora_A.weight")
            delta = lora[f"{module}.lora_B.weight"].float() @ lora[key].float()
            name = module.removeprefix("diffusion_model.") + ".weight"
            merged[name] = weights[name] + 0.7 * delta
    return merged


@pytest.fixture
def inputs(modality) -> tuple[Modality, Modality]:
    """The golden inputs of a case with both streams and tokens of several noise levels."""
    return modality(BOTH, "video"), modality(BOTH, "audio")
