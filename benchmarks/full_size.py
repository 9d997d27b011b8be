"""The 22B model at full size with random weights: write, load, train, sample, export; memory and seconds of each.

    python -m benchmarks.full_size DIRECTORY [--steps 10] [--size 960x544x49] [--streams av] [--keep-activations]
                                             [--reference 1]

Needs a CUDA card of 80 GB or more and 50 GB of disk. Weights and text contexts are random, so pictures mean nothing:
what counts is that the published layout loads, trains, samples and exports at its real size, and at what cost.
"""

import argparse
import json
import logging
import math
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback

from benchmarks.full_size_config import full_size_config
from benchmarks.memory import GIB, HostMemory
from benchmarks.random_data import RandomLatents
from benchmarks.random_weights import write_whole
from benchmarks.timed_fit import RandomTextModule
from callbacks import ExportComfyUI, LossBySigma, SampleVideos, SaveLoRA, SaveResumeState
from datamodules.geometry import Bucket
from ltx_module.adapters import LoRAConfig
from ltx_module.checkpoint import Checkpoint
from ltx_module.console import quiet_foreign_output
from ltx_module.diffusion.conditioning import Reference
from ltx_module.pico import parts
from ltx_module.sample_config import SampleConfig, SamplePrompt
from ltx_module.trainer import RecipeTrainer

logger = logging.getLogger("ltx_module.benchmark")


def main() -> None:
    """Run all stages and write `full_size.json`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.full_size", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--size", default="960x544x49")
    parser.add_argument("--streams", default="av", choices=["av", "video"])
    parser.add_argument("--sample-steps", type=int, default=30)
    parser.add_argument("--keep-activations", action="store_true", help="No recomputation in backward.")
    parser.add_argument("--reference", type=int, default=0, help="Train an IC-LoRA: how many times smaller it is.")
    options = parser.parse_args()
    quiet_foreign_output()
    figures: dict[str, Any] = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, **vars(options)}
    model_file = options.directory / "ltx-2.3-22b-random.safetensors"
    if not model_file.exists():
        options.directory.mkdir(parents=True, exist_ok=True)
        figures["write_s"] = _timed(partial(write_whole, model_file))
        figures["file_gb"] = model_file.stat().st_size / 1e9
    figures |= load(model_file)
    figures |= train(model_file, options)
    figures["directory"] = str(options.directory)
    (options.directory / "full_size.json").write_text(json.dumps(figures, indent=1))
    logger.info("%s", json.dumps(figures, indent=1))


def load(model_file: Path) -> dict[str, Any]:
    """Load the transformer alone: seconds, and host memory beyond the page cache."""
    checkpoint = Checkpoint(model_file)
    with HostMemory() as host:
        seconds = _timed(lambda: checkpoint.load_transformer(device="cuda"))
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    largest = max(parameter.numel() for parameter in _meta_transformer().parameters()) * 2
    return {
        "load_transformer_s": seconds,
        "load_transformer_host_gib": host.peak_gib,
        "largest_tensor_gib": largest / GIB,
    }


def train(model_file: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Load, train, save, sample and export through the project's own trainer, module and callbacks."""
    model = RandomTextModule(
        base_model=model_file,
        text_encoder=model_file.parent,
        streams=options.streams,
        lora=LoRAConfig(targets="all_attention" if options.streams == "av" else "video"),
        gradient_checkpointing=not options.keep_activations,
        conditions=[Reference()] if options.reference else [],
    )
    bucket = Bucket.parse(options.size)
    prompt = SamplePrompt(prompt="random", reference_video=Path("random") if options.reference else None)
    model.sample_config = SampleConfig(prompts=(prompt,), size=options.size, steps=options.sample_steps)
    data = RandomLatents(
        model_file.parent,
        buckets=[options.size],
        base_model=model_file,
        text_encoder=model_file.parent,
        with_audio=options.streams == "av",
    )
    data.reference = options.reference
    model.given, model.contexts = lambda *_: data.reference_of(bucket), data.context
    watch = Watch()
    trainer = RecipeTrainer(
        max_steps=options.steps,
        accelerator="gpu",
        devices=1,
        log_every_n_steps=1,
        default_root_dir=options.directory
        / f"run-{options.streams}-{'keep' if options.keep_activations else 'recompute'}-{options.reference}",
        callbacks=[
            LossBySigma(),
            SaveLoRA(every_n_steps=options.steps),
            SaveResumeState(every_n_steps=options.steps),
            SampleVideos(every_n_steps=options.steps, at_start=False),
            ExportComfyUI(),
            watch,
        ],
        use_distributed_sampler=False,
    )
    trainer.fit(model, datamodule=data)
    return watch.figures


class Watch(Callback):
    """Times each stage and reads the peaks of memory."""

    def __init__(self) -> None:
        self.figures: dict[str, Any] = {}
        self._begin = time.perf_counter()
        self._steps: list[float] = []
        self._host = HostMemory()

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Loading begins after this."""
        self._begin = time.perf_counter()
        self._host.start()

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Loading has ended."""
        torch.cuda.synchronize()
        self.figures["load_s"] = time.perf_counter() - self._begin
        self._host.stop()
        self.figures["load_host_gib"] = self._host.peak_gib
        self.figures["loaded_gpu_gib"] = torch.cuda.memory_allocated() / GIB

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """A step begins."""
        torch.cuda.synchronize()
        self._begin = time.perf_counter()

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """A step has ended; what follows it is saving and sampling."""
        torch.cuda.synchronize()
        if not self._steps:
            self.figures["first_loss"] = outputs["loss"].item()
        if trainer.global_step < trainer.max_steps:  # in the last one the earlier callbacks have saved and sampled
            self._steps.append(time.perf_counter() - self._begin)
            self.figures["train_peak_gib"] = torch.cuda.max_memory_allocated() / GIB
            self.figures["reserved_peak_gib"] = torch.cuda.max_memory_reserved() / GIB
        else:
            self.figures["last_step_save_and_sample_s"] = time.perf_counter() - self._begin
            self.figures["sample_peak_gib"] = torch.cuda.max_memory_allocated() / GIB
            self.figures["last_loss"] = outputs["loss"].item()
        self._begin = time.perf_counter()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """The export, which stands earlier in the list, has been made."""
        self.figures["export_s"] = time.perf_counter() - self._begin
        steady = sorted(self._steps[2:]) or self._steps
        self.figures["step_ms"] = 1000 * steady[len(steady) // 2]
        self.figures["first_step_s"] = self._steps[0] if self._steps else math.nan


def _meta_transformer() -> torch.nn.Module:
    """The transformer without memory."""
    with torch.device("meta"):
        return parts.transformer(full_size_config()).module


def _timed(work: Any) -> float:
    """Seconds of a call."""
    begin = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
