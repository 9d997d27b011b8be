"""The golden files, pico, and small damaged copies of them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ltx_module.checkpoint import Checkpoint
from ltx_module.pico import write_pico

GOLDEN = Path(__file__).parents[1] / "golden"
TINY = GOLDEN / "tiny-ltx-2.3.safetensors"


@pytest.fixture(scope="session")
def golden() -> dict[str, Tensor]:
    return load_file(GOLDEN / "golden.safetensors")


@pytest.fixture(scope="session")
def tiny() -> Checkpoint:
    return Checkpoint(TINY)


@pytest.fixture(scope="session")
def tiny_fp8() -> Checkpoint:
    return Checkpoint(GOLDEN / "tiny-ltx-2.3-fp8.safetensors")


@pytest.fixture(scope="session")
def pico_file(tmp_path_factory) -> Path:
    return write_pico(tmp_path_factory.mktemp("pico"))


@pytest.fixture(scope="session")
def gemma_directory(pico_file) -> Path:
    return pico_file.parent / "gemma"


@pytest.fixture(scope="session")
def tiny_content() -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of the tiny checkpoint."""
    with safe_open(TINY, "pt") as file:
        return load_file(TINY), file.metadata()


@pytest.fixture
def edited(tmp_path, tiny_content) -> Callable[..., Path]:
    """Writes a copy of the tiny checkpoint with tensors and config changed by functions that edit them in place."""

    def write(
        tensors: Callable[[dict[str, Tensor]], object] = lambda _: None,
        config: Callable[[dict], object] = lambda _: None,
        name: str = "edited.safetensors",
        **metadata: str,
    ) -> Path:
        state, stored = dict(tiny_content[0]), dict(tiny_content[1])
        sections = json.loads(stored["config"])
        tensors(state)
        config(sections)
        path = tmp_path / name
        save_file(state, path, stored | {"config": json.dumps(sections)} | metadata)
        return path

    return write


@pytest.fixture
def clip() -> Tensor:
    """Smooth moving colours, (1, 3, 17, 64, 96) in [-1, 1]."""
    coarse = torch.randn(1, 3, 4, 3, 4, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=(17, 64, 96), mode="trilinear").clamp(-1, 1)
