"""Gemma 3 12B at full size with random weights: each way to load it, with seconds a caption and peak memory.

    python -m benchmarks.gemma DIRECTORY

Needs a CUDA card of 40 GB or more and 25 GB of disk; int8 and nf4 need bitsandbytes. Weights are random, so only the
cost and the agreement of the precisions with bf16 mean something.
"""

import argparse
import json
import logging
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ltx_module.checkpoint.gemma import GemmaEncoder
from ltx_module.checkpoint.gemma_precision import Precision
from ltx_module.console import quiet_foreign_output
from ltx_module.pico import GEMMA_DIRECTORY, write_pico
from ltx_module.pico.file import write_streaming
from ltx_module.pico.gemma import gemma_shapes, initial

logger = logging.getLogger("ltx_module.benchmark")
_GIB = 2**30
_WINDOW = 1024
_BATCH = 4
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
    directory = parser.parse_args().directory
    quiet_foreign_output()
    gemma = directory / "gemma-3-12b-random"
    if not (gemma / "model.safetensors.index.json").exists():
        write_gemma(gemma)
    figures: dict[str, Any] = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
    reference = None
    for precision in _PRECISIONS:
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
    for shard in directory.glob("*.safetensors*"):
        shard.unlink()
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


def measure(directory: Path, precision: Precision) -> tuple[dict[str, float], Tensor]:
    """Load once, encode two batches.

    Returns:
        Figures, and the hidden states of the first batch's valid tokens, `(B, layers, S, D)` on the CPU.
    """
    captions = [f"a {colour} circle moves left on a white background" for colour in ("red", "green", "blue", "pink")]
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    begin = time.perf_counter()
    encoder = GemmaEncoder(directory, precision=precision, device="cuda", text_window=_WINDOW)
    states, mask = encoder.encode(captions[:_BATCH])
    torch.cuda.synchronize()
    loaded = time.perf_counter()
    encoder.encode(captions[:_BATCH])
    torch.cuda.synchronize()
    figures = {
        "load_and_first_batch_s": loaded - begin,
        "caption_s": (time.perf_counter() - loaded) / _BATCH,
        "peak_gib": torch.cuda.max_memory_allocated() / _GIB,
    }
    valid = int(mask.sum(dim=1).min())  # left padded
    return figures, states[:, :, -valid:].cpu()


if __name__ == "__main__":
    main()
