"""Where the time of a step goes on the card, by kind of kernel, for the transformer without the trainer around it.

    python -m benchmarks.kernels [--blocks 4] [--format fp8] [--recomputed 0] [--rank 32] [--option NAME=VALUE ...]
                                 [--whole] [--plain] [--out DIRECTORY]

A transformer of full width and fewer blocks with random weights takes forward, backward, clipping and AdamW on
960x544x49 with sound. Milliseconds and the peak are of steps replayed as CUDA graphs, as `model.compile` trains.
Options are the compiler's (`--option coordinate_descent_tuning=True`); `--whole` computes the streams of a block one
after the other, `--plain` launches kernels one by one. `kernels.txt` lists every kernel, microseconds a block.
"""

import argparse
import ast
import json
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks import memory
from benchmarks.provenance import provenance
from benchmarks.random_tokens import random_modalities
from benchmarks.random_weights import drawn_when_read
from benchmarks.timed_fit import drawn_model
from benchmarks.timing import time_steps
from ltx_module.adapters import LoRAConfig, inject_lora
from ltx_module.checkpoint import Checkpoint
from ltx_module.console import quiet_foreign_output
from ltx_module.precision.execution import Execution

logger = logging.getLogger("ltx_module.benchmark")
_KINDS = {
    "8-bit products": ("qqtst", "cutlass"),
    "attention": ("cudnn", "flash"),
    "other products": ("nvjet", "splitK", "gemm"),
    "compiled reductions": ("triton_red", "triton_per"),
    "compiled element-wise": ("triton_poi", "triton_"),
    "optimizer": ("multi_tensor",),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, profile, and write the list."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kernels", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--format", default="fp8", choices=["bf16", "fp8", "int8", "nf4"])
    parser.add_argument("--recomputed", type=int, default=0)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--option", nargs="*", default=[], help="Of the compiler, NAME=VALUE.")
    parser.add_argument("--whole", action="store_true", help="One stream of a block after the other.")
    parser.add_argument("--plain", action="store_true", help="Without CUDA graphs.")
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args(arguments)
    quiet_foreign_output()
    with tempfile.TemporaryDirectory() as directory, drawn_when_read():
        step = _trained(Checkpoint(drawn_model(Path(directory), blocks=options.blocks)), options)
        begin = time.perf_counter()
        step()
        torch.cuda.synchronize()
        first = time.perf_counter() - begin
        timing = time_steps(step, torch.device("cuda"), warmup=2, steps=8)
        peak, reserved = memory.peaks()
        kernels = _profiled(step, options.blocks)
    figures = {
        **provenance(),
        **{name: value for name, value in vars(options).items() if name != "out"},
        "step_ms": timing.median_ms,
        "ms_a_block": timing.median_ms / options.blocks,
        "first_s": first,
        "peak_gib": peak,
        "reserved_gib": reserved,
        "us_a_block": dict(_by_kind(kernels)),
    }
    lines = [f"{time_us:9.1f} us  {name}" for name, time_us in kernels.most_common()]
    (options.out / "kernels.txt").write_text("\n".join([json.dumps(figures), *lines]))
    logger.info("%s", json.dumps(figures))
    logger.info("%s", "\n".join(lines[:20]))


def _trained(checkpoint: Checkpoint, options: argparse.Namespace) -> Callable[[], None]:
    """The whole step of a transformer."""
    device = torch.device("cuda")
    execution = Execution(dtype=options.format, checkpointed_blocks=options.recomputed, compile=True)
    transformer = checkpoint.load_transformer("av", execution.compute_dtype, device, quantised=execution.quantised)
    inject_lora(transformer, LoRAConfig(rank=options.rank), seed=0)
    transformer.train()
    blocks = transformer.blocks
    blocks.num_recomputed = options.recomputed
    if options.option:
        pairs = (option.split("=", 1) for option in options.option)
        blocks.compiler["options"] = {name: ast.literal_eval(value) for name, value in pairs}
    blocks.compile_blocks()
    parameters = [parameter for parameter in transformer.parameters() if parameter.requires_grad]
    if not options.plain:
        blocks.record_steps(parameters, side_by_side=not options.whole)
    optimizer = torch.optim.AdamW(parameters, fused=True)
    inputs = random_modalities(checkpoint, device)

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            outputs = [output.float() for output in transformer(*inputs) if isinstance(output, Tensor)]
            loss = torch.stack([output.square().mean() for output in outputs]).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def _profiled(step: Callable[[], None], blocks: int) -> Counter[str]:
    """Microseconds a block of each kernel."""
    rounds = 2
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        for _ in range(rounds):
            step()
        torch.cuda.synchronize()
    kernels: Counter[str] = Counter()
    for event in profiled.key_averages():
        if not event.key.startswith("Optimizer.step"):  # a range, whose kernels are counted by themselves
            kernels[event.key] += event.self_device_time_total / rounds / blocks
    return kernels


def _by_kind(kernels: Counter[str]) -> list[tuple[str, Any]]:
    kinds: Counter[str] = Counter()
    for name, microseconds in kernels.items():
        found = (kind for kind, marks in _KINDS.items() if any(mark in name for mark in marks))
        kinds[next(found, "other")] += round(microseconds)
    return kinds.most_common()


if __name__ == "__main__":
    main()
