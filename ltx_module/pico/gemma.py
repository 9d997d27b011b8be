"""pico's Gemma directory: config, tokenizer and a tiny Gemma 3 with random weights in two shards."""

import json
import math
import re
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ltx_module.pico.config import gemma_config
from ltx_module.pico.file import write_safetensors
from ltx_module.pico.tokenizer import build_vocabulary, tokenizer_config_file, tokenizer_file
from ltx_module.pico.weights import NoiseOf, Tensors, draw


def write_gemma(directory: Path, seed: int, weights: Tensors | None = None) -> None:
    """Writes config, tokenizer and two shards with their index into an existing directory.

    Args:
        directory: Where to.
        seed: Of the random weights.
        weights: Values that take the place of random ones, by published name.
    """
    vocabulary, merges = build_vocabulary()
    config = gemma_config(vocabulary)
    _write_json(directory / "config.json", config)
    _write_json(directory / "tokenizer.json", tokenizer_file(vocabulary, merges))
    _write_json(directory / "tokenizer_config.json", tokenizer_config_file(vocabulary))
    tensors = _gemma_tensors(directory, seed)
    for name, value in (weights or {}).items():
        tensors[name] = value.reshape(tensors[name].shape).bfloat16()
    _write_shards(directory, tensors)


def gemma_shapes(directory: Path) -> Tensors:
    """Tensors of the meta device by published name, for the config in a directory."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    config = Gemma3Config.from_pretrained(str(directory), local_files_only=True)
    with torch.device("meta"):
        state = Gemma3ForConditionalGeneration(config).state_dict()
    # the output layer is tied to the embedding and not stored
    return {_published(name): value.bfloat16() for name, value in state.items() if name != "lm_head.weight"}


def _gemma_tensors(directory: Path, seed: int) -> Tensors:
    noise_of = partial(draw, seed=seed)
    shapes = gemma_shapes(directory)
    return {name: initial(name, tuple(value.shape), noise_of).bfloat16() for name, value in shapes.items()}


def _published(name: str) -> str:
    name = re.sub(r"^model\.language_model\.", "language_model.model.", name)
    return re.sub(r"^model\.(vision_tower|multi_modal_projector)\.", r"\1.", name)


def initial(name: str, shape: tuple[int, ...], noise_of: NoiseOf) -> torch.Tensor:
    """The first value of a weight of Gemma, by published name and shape."""
    if "norm" in name and len(shape) == 1:
        # Gemma's norms multiply by 1 + weight, the vision tower's by weight
        centred = name.startswith("language_model") or "soft_emb_norm" in name
        return torch.full(shape, 1.0 if name.endswith("weight") and not centred else 0.0)
    # the embedding is multiplied by sqrt(width) in the model, so that rows come out at about unit variance
    fan_in = math.prod(shape[1:]) if len(shape) > 1 else 1
    scale = 0.02 if name.endswith("bias") else 1 / math.sqrt(fan_in)
    return scale * noise_of(name, shape)


def _write_shards(directory: Path, tensors: Tensors) -> None:
    names = sorted(tensors)
    half = len(names) // 2
    weight_map: dict[str, str] = {}
    for number, part in enumerate((names[:half], names[half:]), start=1):
        file = f"model-{number:05d}-of-00002.safetensors"
        write_safetensors(directory / file, {name: tensors[name] for name in part}, {"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    _write_json(directory / "model.safetensors.index.json", index)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
