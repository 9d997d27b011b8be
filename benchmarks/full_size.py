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
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback
from torch import Tensor

from benchmarks.full_size_config import TEXT_STATES, full_size_config
from benchmarks.full_size_data import RandomLatents, random_contexts, random_reference
from callbacks import ExportComfyUI, LossBySigma, SampleVideos, SaveLoRA, SaveResumeState
from datamodules.geometry import Bucket
from ltx_module.adapters import LoRAConfig
from ltx_module.checkpoint import Checkpoint
from ltx_module.console import quiet_foreign_output
from ltx_module.diffusion.conditioning import Reference
from ltx_module.module import LTXModule
from ltx_module.pico import parts
from ltx_module.pico.file import write_streaming
from ltx_module.pico.weights import initial, spectrogram_bases
from ltx_module.sample_config import SampleConfig, SamplePrompt
from ltx_module.trainer import RecipeTrainer

logger = logging.getLogger("ltx_module.benchmark")
_GIB = 2**30


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
        figures["write_s"] = _timed(partial(write_model, model_file))
        figures["file_gb"] = model_file.stat().st_size / 1e9
    figures |= load(model_file)
    figures |= train(model_file, options)
    figures["directory"] = str(options.directory)
    (options.directory / "full_size.json").write_text(json.dumps(figures, indent=1))
    logger.info("%s", json.dumps(figures, indent=1))


def write_model(path: Path) -> None:
    """Write the published layout with random weights, drawn on the GPU and streamed to the file."""
    config = full_size_config()
    shapes: dict[str, Tensor] = {}
    with torch.device("meta"):
        for part in parts.parts(config, TEXT_STATES):
            shapes |= {part.published(name): value.bfloat16() for name, value in part.module.state_dict().items()}
    vocoder = parts.vocoder(config)
    fixed = {vocoder.published(name): value for name, value in vocoder.module.state_dict().items() if "filter" in name}
    fixed |= spectrogram_bases(config["vocoder"])
    for name in shapes:
        if name.endswith(("mean-of-means", "std-of-means")):
            fixed[name] = torch.full(shapes[name].shape, float("std" in name))

    def noise(_: str, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, device="cuda", generator=generator)

    def value_of(name: str) -> Tensor:
        value = fixed[name] if name in fixed else initial(name, tuple(shapes[name].shape), noise)
        return value.bfloat16()

    generator = torch.Generator("cuda").manual_seed(0)
    metadata = {"config": json.dumps(config), "model_version": "2.3.0"}
    write_streaming(path, shapes, value_of, metadata)


def load(model_file: Path) -> dict[str, Any]:
    """Load the transformer alone: seconds, and host memory beyond the page cache."""
    watch, base = Watch(), _anonymous()
    checkpoint = Checkpoint(model_file)
    with watch.host_memory():
        seconds = _timed(lambda: checkpoint.load_transformer(device="cuda"))
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    largest = max(parameter.numel() for parameter in _meta_transformer().parameters()) * 2
    return {
        "load_transformer_s": seconds,
        "load_transformer_host_gib": (watch.anonymous_peak - base) / _GIB,
        "largest_tensor_gib": largest / _GIB,
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
    model.given = lambda *_: random_reference(bucket, options.reference)
    model.contexts = lambda prompt: random_contexts(len(prompt))
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
    with watch.host_memory():
        trainer.fit(model, datamodule=RandomLatents(bucket, options.streams, options.reference))
    return watch.figures


class RandomTextModule(LTXModule):
    """The module without a text encoder: contexts are random."""

    def require_files(self) -> None:
        """Check the base model alone."""
        Checkpoint(self.base_model)


class Watch(Callback):
    """Times each stage and reads the peaks of memory."""

    def __init__(self) -> None:
        self.figures: dict[str, Any] = {}
        self._begin = time.perf_counter()
        self._steps: list[float] = []
        self.anonymous_peak = 0

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Loading begins after this."""
        self._begin = time.perf_counter()
        self._base = _anonymous()
        self.anonymous_peak = 0

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Loading has ended."""
        torch.cuda.synchronize()
        self.figures["load_s"] = time.perf_counter() - self._begin
        self.figures["load_host_gib"] = (self.anonymous_peak - self._base) / _GIB
        self.figures["loaded_gpu_gib"] = torch.cuda.memory_allocated() / _GIB

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
            self.figures["train_peak_gib"] = torch.cuda.max_memory_allocated() / _GIB
            self.figures["reserved_peak_gib"] = torch.cuda.max_memory_reserved() / _GIB
        else:
            self.figures["last_step_save_and_sample_s"] = time.perf_counter() - self._begin
            self.figures["sample_peak_gib"] = torch.cuda.max_memory_allocated() / _GIB
            self.figures["last_loss"] = outputs["loss"].item()
        self._begin = time.perf_counter()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """The export, which stands earlier in the list, has been made."""
        self.figures["export_s"] = time.perf_counter() - self._begin
        steady = sorted(self._steps[2:]) or self._steps
        self.figures["step_ms"] = 1000 * steady[len(steady) // 2]
        self.figures["first_step_s"] = self._steps[0] if self._steps else math.nan

    def host_memory(self) -> "_Sampler":
        """Reads this process's own memory, the page cache apart, ten times a second."""
        return _Sampler(self)

    def see(self, anonymous: int) -> None:
        """Note a reading."""
        self.anonymous_peak = max(self.anonymous_peak, anonymous)


class _Sampler:
    """Reads host memory in a thread while its block runs."""

    def __init__(self, watch: Watch) -> None:
        self._watch, self._done = watch, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(0.02):
            self._watch.see(_anonymous())


def _meta_transformer() -> torch.nn.Module:
    """The transformer without memory."""
    with torch.device("meta"):
        return parts.transformer(full_size_config()).module


def _anonymous() -> int:
    """Bytes of this process that are not file-backed."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    return 0


def _timed(work: Any) -> float:
    """Seconds of a call."""
    begin = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
