"""Block swap by itself: how fast the card copies, and what a step costs by number format and number of swapped blocks.

    python -m benchmarks.swap [--blocks 12] [--formats fp8 nf4] [--eager] [--steps 5] [--out FILE] [--tiny]

Loads a transformer of full width and fewer blocks with random weights, trains adapters of rank 16 on 960x544x49 with
sound (3570 and 51 tokens) without an optimizer, everything recomputed, and swaps none, half and all of the blocks. A
line each: milliseconds, GiB while loading and at the peak of the steps, GiB that were copied a step, and how often a
block was not ordered ahead. Where copies are hidden, the milliseconds are the same on each line.
"""

import argparse
import gc
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import memory
from benchmarks.provenance import provenance
from benchmarks.random_tokens import random_modalities
from benchmarks.random_weights import drawn_when_read
from benchmarks.rows import ROOT
from benchmarks.startup import append
from benchmarks.timed_fit import drawn_model
from benchmarks.timing import time_steps
from ltx_module.adapters import LoRAConfig, inject_lora
from ltx_module.checkpoint import Checkpoint
from ltx_module.console import quiet_foreign_output
from ltx_module.precision.block_swap import BlockSwap
from ltx_module.precision.execution import Execution
from ltx_module.precision.host_memory import copy_rate

logger = logging.getLogger("ltx_module.benchmark")
RESULTS = ROOT / "benchmarks" / "results" / "swap.jsonl"
_WARMUP = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every format and number of blocks in turn."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.swap", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--formats", nargs="+", default=["fp8"], choices=["bf16", "fp8", "int8", "nf4"])
    parser.add_argument("--eager", action="store_true", help="Do not compile.")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--tiny", action="store_true", help="Pico's sizes on a processor, to try the command.")
    options = parser.parse_args(arguments)
    quiet_foreign_output()
    device = torch.device("cpu" if options.tiny else "cuda")
    shared: dict[str, Any] = {**provenance(), "blocks": options.blocks, "compile": not options.eager}
    if not options.tiny:
        shared["copy_gib_s"] = copy_rate(device) / memory.GIB
    with tempfile.TemporaryDirectory() as directory, drawn_when_read():
        checkpoint = Checkpoint(drawn_model(Path(directory), tiny=options.tiny, blocks=options.blocks))
        for number_format in options.formats:
            memory.release()
            for swapped in (0, options.blocks // 2, options.blocks):
                execution = Execution(
                    dtype=number_format,
                    checkpointed_blocks=options.blocks,
                    swap_blocks=swapped,
                    compile=not options.eager,
                )
                append(options.out, shared | _measured(checkpoint, execution, device, options.steps))


def _measured(checkpoint: Checkpoint, execution: Execution, device: torch.device, steps: int) -> dict[str, Any]:
    gc.collect()  # what is compiled stays, for it serves every number of swapped blocks
    memory.reset_peaks()
    left_over = memory.allocated()
    transformer = checkpoint.load_transformer(
        "av",
        execution.compute_dtype,
        device,
        quantised=execution.quantised,
        swap_blocks=execution.swap_blocks,
    )
    load_peak, _ = memory.peaks()
    inject_lora(transformer, LoRAConfig(rank=16), seed=0)
    transformer.blocks.num_recomputed = execution.checkpointed_blocks
    if execution.compile:
        transformer.blocks.compile_blocks()
    inputs = random_modalities(checkpoint, device)

    def step() -> None:
        transformer.zero_grad()
        video, audio = transformer(*inputs)
        assert isinstance(video, Tensor)
        assert isinstance(audio, Tensor)
        (video.square().mean() + audio.square().mean()).backward()  # type: ignore[no-untyped-call]

    step()
    memory.reset_peaks()
    timing = time_steps(step, device, warmup=_WARMUP, steps=steps)
    loader, copies = transformer.blocks.loader, 2 * max(execution.swap_blocks - 2, 0)
    held = loader.host_bytes if isinstance(loader, BlockSwap) else 0
    return {
        "dtype": execution.dtype,
        "swap_blocks": execution.swap_blocks,
        "step_ms": timing.median_ms,
        "peak_gib": memory.peaks()[0],
        "load_peak_gib": load_peak,
        "left_over_gib": left_over,
        "host_gib": held / memory.GIB,
        "copied_gib": copies * held / max(execution.swap_blocks, 1) / memory.GIB,
        "num_late": loader.num_late if isinstance(loader, BlockSwap) else 0,
    }


if __name__ == "__main__":
    main()
