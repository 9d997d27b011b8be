import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import docstring_parser
import pytest

from ltx_module.cli import main
from ltx_module.pico import write_pico

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "recipes"


@pytest.fixture(scope="session", autouse=True)
def _docstrings_read_once() -> Iterator[None]:
    """A command line reads the docstrings of its classes in half a second; a hundred of them need it once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(docstring_parser, "parse_from_object", cache(docstring_parser.parse_from_object))
        yield


@pytest.fixture(scope="session")
def pico(tmp_path_factory) -> Path:
    """The embedded model."""
    directory = tmp_path_factory.mktemp("model") / "pico"
    write_pico(directory)
    return directory


@pytest.fixture(scope="session")
def arguments(pico, demo_folder) -> Callable[..., list[str]]:
    """A command line on pico and the demo's clips; sizes small enough for a step in milliseconds."""

    def build(verb: str, recipe: str, *more: str) -> list[str]:
        overlay = [] if recipe == "demo" else ["--config", str(RECIPES / "overlays" / "pico.yaml")]
        return [
            *(verb, "--config", str(RECIPES / f"{recipe}.yaml"), *overlay),
            f"--model.base_model={pico / 'ltx-2.3-pico.safetensors'}",
            f"--model.text_encoder={pico / 'gemma'}",
            f"--data.path={demo_folder}",
            "--data.buckets=[64x64x9,64x64x1]",
            *("--data.trigger=demoshape", "--data.batch_size=1"),
            *("--model.lora.alpha=32", "--model.gradient_checkpointing=true"),
            *("--sample.size=64x64x9", "--sample.steps=2", '--sample.prompts=["a red circle moves left"]'),
            *more,
        ]

    return build


@pytest.fixture
def cli(arguments, tmp_path, monkeypatch) -> Callable[..., Path]:
    """Runs a verb in an empty working directory, where `runs/` appears."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ltx_module"])
    monkeypatch.setitem(os.environ, "LTX_RUN", "")

    def run(verb: str, recipe: str, *more: str) -> Path:
        main(arguments(verb, recipe, *more))
        return tmp_path

    return run
