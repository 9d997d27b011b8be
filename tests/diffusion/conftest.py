"""The tiny checkpoint's transformer and the golden numbers, read with safetensors alone."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from ltx_module.model import LTXConfig, LTXTransformer

GOLDEN = Path(__file__).parents[1] / "golden"
PREFIX = "model.diffusion_model."


@pytest.fixture(scope="session")
def golden() -> dict[str, Tensor]:
    return load_file(GOLDEN / "golden.safetensors")


@pytest.fixture(scope="session")
def transformer() -> LTXTransformer:
    """The tiny transformer with both streams in float32, shared: leave its weights as they are."""
    with safe_open(GOLDEN / "tiny-ltx-2.3.safetensors", "pt") as file:
        config = LTXConfig.from_metadata(json.loads(file.metadata()["config"])["transformer"])
        keys = [key for key in file.keys() if key.startswith(PREFIX) and "connector" not in key]  # noqa: SIM118
        weights = {key.removeprefix(PREFIX): file.get_tensor(key).float() for key in keys}
    with torch.device("meta"):
        transformer = LTXTransformer(config)
    transformer.load_state_dict(weights, assign=True)
    return transformer
