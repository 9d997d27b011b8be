"""Gemma 3 12B at full size with random weights: each way to load it, with captions a second and peak memory.

    python -m benchmarks.gemma DIRECTORY [--precisions bf16,int8,nf4,layerwise]

For each precision: Gemma alone, for captions of several lengths in batches of 1 to 32 and once padded to the window as
the connectors take them; then the path of the data module, with the connectors and the writing of contexts.

Needs a CUDA card of 80 GB or more and 30 GB of disk; int8 and nf4 need bitsandbytes. Weights are random, so only the
cost and the agreement of the precisions with bf16 mean something.
"""

import argparse
import json
import logging
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.provenance import provenance
from benchmarks.random_weights import config_of, drawn_when_read, write_header
from benchmarks.timing import time_steps
from datamodules.cache import LatentCache
from datamodules.encoding import text_encoder
from datamodules.encoding.latent_encoder import free_memory
from datamodules.encoding.text_encoder import TextEncoder, TextSettings
from ltx_module.checkpoint import Checkpoint
from ltx_module.checkpoint.gemma import GemmaEncoder
from ltx_module.checkpoint.gemma_precision import Precision
from ltx_module.console import quiet_foreign_output
from ltx_module.pico import GEMMA_DIRECTORY, write_pico
from ltx_module.pico.file import write_streaming
from ltx_module.pico.gemma import gemma_shapes, initial

logger = logging.getLogger("ltx_module.benchmark")
_GIB = 2**30
_WINDOW = 1024
_LENGTHS = (64, 256, 1024)  # tokens
_BATCHES = (1, 2, 4, 8, 16, 32)
_REPEATS = 3
_FEW, _MANY = 96, 480  # captions on their way into a cache; what both take is loading
_PRECISIONS: tuple[Precision, ...] = ("bf16", "int8", "nf4", "layerwise")
_SIZES = {
    "vocab_size": 262_208,
    "hidden_size": 3840,
    "intermediate_size": 15_360,
    "num_hidden_layers": 48,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 256,
    "query_pre_attn_scalar": 256,
    "sliding_window": 1024,
    "sliding_window_pattern": 6,
}


def main() -> None:
    """Write the directory, measure each precision, print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gemma", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--precisions", default=",".join(_PRECISIONS))
    options = parser.parse_args()
    directory: Path = options.directory
    wanted = options.precisions.split(",")
    quiet_foreign_output()
    gemma = directory / "gemma-3-12b-random"
    if not (gemma / "model.safetensors.index.json").exists():
        write_gemma(gemma)
    figures: dict[str, Any] = {**provenance()}
    reference = None
    for precision in [one for one in _PRECISIONS if one in wanted]:
        figures[precision], states = measure(gemma, precision)
        reference = states if reference is None else reference
        cosine = functional.cosine_similarity(states.float(), reference.float(), dim=-1).mean((0, 2))
        figures[precision]["cosine_to_bf16_last_layer"] = cosine[-1].item()
    (directory / "gemma.json").write_text(json.dumps(figures, indent=1))
    logger.info("%s", json.dumps(figures, indent=1))


def write_gemma(directory: Path) -> None:
    """Write config, tokenizer and one streamed shard in the published layout."""
    pico = directory.parent / "pico"
    write_pico(pico)
    shutil.copytree(pico / GEMMA_DIRECTORY, directory)
    for weights in directory.glob("*.safetensors*"):
        weights.unlink()
    config = json.loads((directory / "config.json").read_text())
    config["text_config"] |= _SIZES
    (directory / "config.json").write_text(json.dumps(config))
    shapes = gemma_shapes(directory)
    generator = torch.Generator("cuda").manual_seed(0)

    def noise(_: str, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, device="cuda", generator=generator)

    shard = "model-00001-of-00001.safetensors"
    write_streaming(
        directory / shard,
        shapes,
        lambda name: initial(name, tuple(shapes[name].shape), noise).bfloat16(),
        {"format": "pt"},
    )
    index = {"metadata": {"total_size": (directory / shard).stat().st_size}, "weight_map": dict.fromkeys(shapes, shard)}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))


def measure(directory: Path, precision: Precision) -> tuple[dict[str, Any], Tensor]:
    """Load once; encode captions of several lengths in batches of several sizes, then all the way into a cache.

    Returns:
        Figures, and the hidden states of the first batch's valid tokens, `(B, layers, S, D)` on the CPU.
    """
    captions = [f"a {colour} circle moves left on a white background" for colour in ("red", "green", "blue", "pink")]
    free_memory()
    torch.cuda.reset_peak_memory_stats()
    begin = time.perf_counter()
    encoder = GemmaEncoder(directory, precision=precision, device="cuda:0", text_window=_WINDOW)
    states, mask = encoder.encode(captions)
    torch.cuda.synchronize()
    figures: dict[str, Any] = {"load_and_first_batch_s": time.perf_counter() - begin}
    valid = int(mask.sum(dim=1).min())  # left padded
    states = states[:, :, -valid:].cpu()
    sizes = _BATCHES if precision != "layerwise" else _BATCHES[-1:]  # every pass brings all weights to the card
    figures["padded to the window, 4"] = _batch(encoder, captions, trimmed=False)
    for tokens in _LENGTHS:
        for size in sizes:
            figures[f"{tokens} tokens, {size}"] = _batch(encoder, [_caption(tokens)] * size, trimmed=True)
    if precision != "layerwise":
        figures["into the cache"] = into_cache(encoder)
    return figures, states


def into_cache(encoder: GemmaEncoder) -> dict[str, float]:
    """Captions a second with the connectors and the writing, for captions of 30 to 250 tokens; loading left out."""
    seconds = {}
    with tempfile.TemporaryDirectory() as name, drawn_when_read():
        model = Path(name) / "ltx-2.3-random.safetensors"
        write_header(model, config_of())
        settings = TextSettings(text_encoder=Path(name), gemma="random", text_window=_WINDOW, precision="auto")
        cache = LatentCache(Path(name) / "cache")
        text = TextEncoder(Checkpoint(model), cache, settings, device=encoder.device, shown=False)
        torch.cuda.reset_peak_memory_stats()
        with mock.patch.object(text_encoder, "GemmaEncoder", return_value=encoder):
            for captions in (24, _FEW, _MANY):
                lengths = [30 + 20 * (number % 12) for number in range(captions)]
                texts = [f"{_caption(tokens - 1)} {captions}-{number}" for number, tokens in enumerate(lengths)]
                begin = time.perf_counter()
                text.encode({f"text-{captions:08x}{number:032x}": caption for number, caption in enumerate(texts)})
                seconds[captions] = time.perf_counter() - begin
        at_once = not (cache.root / "hidden").exists()
    return {
        "captions_per_s": (_MANY - _FEW) / (seconds[_MANY] - seconds[_FEW]),
        "at_once": at_once,
        "peak_gib": torch.cuda.max_memory_allocated() / _GIB,
    }


def _batch(encoder: GemmaEncoder, captions: list[str], *, trimmed: bool) -> dict[str, float]:
    """Captions a second of Gemma alone, the states left on the card."""
    torch.cuda.reset_peak_memory_stats()
    timing = time_steps(
        lambda: encoder.encode(captions, trimmed=trimmed), torch.device("cuda"), warmup=1, steps=_REPEATS
    )
    return {
        "captions_per_s": 1000 * len(captions) / timing.mean_ms,
        "peak_gib": torch.cuda.max_memory_allocated() / _GIB,
    }


def _caption(tokens: int) -> str:
    """A caption of so many tokens, BOS included; a word is one in pico's tokenizer."""
    return "red " * (tokens - 1)


if __name__ == "__main__":
    main()
