"""A base model of random weights: whole in a file, or as a header alone whose values are drawn when they are read.

The second takes no disk and no time, and everything that looks at the file sees the published layout: what reads a
weight gets values drawn on the device that asks for them, one tensor at a time, as it would from the real file.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.full_size_config import TEXT_STATES, full_size_config
from ltx_module.checkpoint.file import SafetensorsFile
from ltx_module.pico import parts
from ltx_module.pico.config import TEXT_LAYERS, pico_config
from ltx_module.pico.file import header_bytes, write_streaming
from ltx_module.pico.weights import initial, spectrogram_bases

_METADATA = {"model_version": "2.3.0"}
_DRAWN = {"values": "drawn when read"}


def config_of(*, tiny: bool = False, blocks: int | None = None) -> dict[str, Any]:
    """The published `config`, or pico's.

    Args:
        tiny: Pico's sizes, for a try without a card.
        blocks: Transformer blocks in place of the config's.
    """
    config = pico_config() if tiny else full_size_config()
    if blocks is not None:
        config["transformer"]["num_layers"] = blocks
    return config


def write_whole(path: Path) -> None:
    """Write the published layout with random weights, drawn on the GPU and streamed to the file; 46 GB."""
    config = full_size_config()
    shapes = _shapes(config)
    vocoder = parts.vocoder(config)
    fixed = {vocoder.published(name): value for name, value in vocoder.module.state_dict().items() if "filter" in name}
    fixed |= spectrogram_bases(config["vocoder"])
    for name in shapes:
        if name.endswith(("mean-of-means", "std-of-means")):
            fixed[name] = torch.full(shapes[name].shape, float("std" in name))
    draw = _drawer("cuda")

    def value_of(name: str) -> Tensor:
        return fixed[name].bfloat16() if name in fixed else draw(name, tuple(shapes[name].shape))

    write_streaming(path, shapes, value_of, _METADATA | {"config": json.dumps(config)})


def write_header(path: Path, config: dict[str, Any]) -> None:
    """Write the header alone, and a hole in the place of the weights."""
    shapes = _shapes(config)
    metadata = _METADATA | _DRAWN | {"config": json.dumps(config)}
    path.write_bytes(header_bytes(shapes, metadata))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + sum(tensor.numel() * tensor.element_size() for tensor in shapes.values()))


@contextmanager
def drawn_when_read() -> Iterator[None]:
    """Let every file of `write_header` answer with random values."""
    read = SafetensorsFile.read

    def draw(
        self: SafetensorsFile, names: Iterable[str], device: torch.device | str = "cpu"
    ) -> Iterator[tuple[str, Tensor]]:
        if self.metadata.get("values") != _DRAWN["values"]:
            yield from read(self, names, device)
            return
        value_of = _drawer(device)
        for name in names:
            yield name, value_of(name, self.tensors[name].shape)

    SafetensorsFile.read = draw  # type: ignore[method-assign]
    try:
        yield
    finally:
        SafetensorsFile.read = read  # type: ignore[method-assign]


def _shapes(config: dict[str, Any]) -> dict[str, Tensor]:
    """All tensors of the single file, without memory."""
    states = TEXT_STATES if config["transformer"]["caption_channels"] > 1024 else TEXT_LAYERS + 1
    shapes: dict[str, Tensor] = {}
    with torch.device("meta"):
        for part in parts.parts(config, states):
            shapes |= {part.published(name): value.bfloat16() for name, value in part.module.state_dict().items()}
    return shapes


def _drawer(device: torch.device | str) -> Callable[[str, tuple[int, ...]], Tensor]:
    """Draws bf16 values of a name and a shape, at the scale that keeps a model's activations usable."""
    generator = torch.Generator(device).manual_seed(0)

    def noise(_: str, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, device=device, generator=generator, dtype=torch.bfloat16)

    return lambda name, shape: initial(name, shape, noise).to(device, torch.bfloat16)
