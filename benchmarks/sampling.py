"""What samples and saves cost beside training: seconds, and memory against the peak of the training steps.

    python -m benchmarks.sampling [--row 80gb] [--steps 8] [--batched] [--out FILE] [WORDS ...]

Trains a few steps of a row's overlay on random weights and latents, then does what a checkpoint does: passes of the
model one by one (and as a batch), a `fast` preview (with a distilled LoRA of rank 384 and zeros, read from a file), a
`quality` sample, decoding, writing, LoRA file and resume state. Each is done once unseen, which compiles and reads what
it needs, and once timed; the long `quality` sample, for which all is ready then, once. From that follows what share of
a run of 2000 steps the default plan of samples takes.

Peaks are those since training began: a line above that of the steps raised it.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from safetensors.torch import save_file
from typing_extensions import override

from benchmarks import memory
from benchmarks.overlays import runnable
from benchmarks.provenance import provenance
from benchmarks.random_data import Stretch
from benchmarks.rows import BUCKET, ROOT, ROWS
from benchmarks.startup import append
from benchmarks.step_clock import StepClock
from benchmarks.timed_fit import drawn_model, timed_fit, tiny_words
from benchmarks.timing import time_steps
from datamodules.geometry import Bucket
from ltx_module.adapters.targets import linear_shapes
from ltx_module.checkpoint import Checkpoint
from ltx_module.console import quiet_foreign_output
from ltx_module.diffusion.denoiser import Denoiser
from ltx_module.diffusion.guidance import JointGuidance
from ltx_module.diffusion.presets import PRESETS
from ltx_module.generator import Generator
from ltx_module.model import LTXConfig, LTXTransformer, evaluating
from ltx_module.module import LTXModule
from ltx_module.preview_plan import PreviewPlan, plan_previews, run_cost
from ltx_module.sample_config import SampleRequest, VideoSample, with_preset
from ltx_module.sample_files import write_sample
from ltx_module.sample_targets import nothing_given

logger = logging.getLogger("ltx_module.benchmark")
RESULTS = ROOT / "benchmarks" / "results" / "sampling.jsonl"
_PROMPTS = '["a woman walks along a beach at sunset", "a red car drives through a rainy city at night"]'
_RUN_STEPS, _EVERY = 2000, 250


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a piece of work took."""

    seconds: float
    first_seconds: float
    """The first time, with what is compiled or read then."""
    peak_gib: float
    """The most that tensors have taken until its end."""


class SamplingClock(StepClock):
    """Times the steps, then, when the last one is done, what a checkpoint does.

    Args:
        stretches: What the data will serve.
        warmup: Steps that do not count.
        directory: For files.
        batched: Time a guided step as one batch, too.

    Attributes:
        costs: By name.
        plans: The default plan with and without a distilled LoRA, and its share of a run.
    """

    def __init__(self, stretches: Sequence[Stretch], warmup: int, directory: Path, *, batched: bool = False) -> None:
        super().__init__(stretches, warmup)
        self.directory, self.batched = directory, batched
        self.costs: dict[str, Cost] = {}
        self.plans: dict[str, dict[str, Any]] = {}

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LTXModule) -> None:
        super().on_fit_start(trainer, pl_module)
        pl_module.given = nothing_given

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LTXModule) -> None:
        for optimizer in trainer.optimizers:
            optimizer.zero_grad(set_to_none=True)
        request = pl_module.sample_requests()[0]
        self._passes(trainer, pl_module, request)
        made: dict[str, VideoSample] = {}

        def make(preset: str) -> None:
            made[preset] = pl_module.sample(with_preset(request, preset))

        self._twice("fast", partial(make, "fast"))
        whole = _seconds(partial(make, "quality"))
        self._note("quality", whole, whole)
        self._decoding(pl_module, made["fast"])
        self._twice("write a sample", lambda: write_sample(self.directory / "samples", made["fast"], {}))
        self._twice("save LoRA", lambda: pl_module.save_lora(self.directory / "lora.safetensors"))
        self._twice("save resume state", lambda: trainer.save_checkpoint(self.directory / "resume.ckpt"))
        for name, distilled in (("with a distilled LoRA", True), ("without one", False)):
            run = replace(run_cost(trainer, pl_module, _EVERY), max_steps=_RUN_STEPS, has_distilled=distilled)
            plan = plan_previews(pl_module.sample_config, run)
            self.plans[name] = self._planned(plan, len(pl_module.sample_config.prompts))

    def _passes(self, trainer: Trainer, pl_module: LTXModule, request: SampleRequest) -> None:
        """Single steps of the sampler."""
        generator = Generator.of(pl_module)
        targets = generator.targets(request)
        latents = tuple(None if target is None else target.noise.float() for target in targets)
        for name, preset, batched in (
            ("pass without guidance", "unguided", False),
            ("guided step, one by one", "quality", False),
            *((("guided step, as a batch", "quality", True),) if self.batched else ()),
        ):
            guidance = JointGuidance(video=PRESETS[preset].video, audio=PRESETS[preset].audio)
            denoiser = Denoiser(generator.transformer, targets, guidance, batch_passes=batched)

            def step(denoiser: Denoiser = denoiser) -> object:
                return denoiser((latents[0], latents[1]), 0.9)

            with evaluating(generator.transformer), trainer.precision_plugin.forward_context():
                first = _seconds(step)
                timing = time_steps(step, pl_module.device, warmup=1, steps=4)
            self._note(name, timing.median_ms / 1000, first)

    def _decoding(self, pl_module: LTXModule, sample: VideoSample) -> None:
        decoders = pl_module.decoders
        assert decoders is not None
        for name, latents, decode in (
            ("decode pictures", sample.video_latents, decoders.frames),
            ("decode sound", sample.audio_latents, decoders.sound),
        ):
            if latents is not None:
                self._twice(name, lambda latents=latents, decode=decode: decode(latents[None]))  # type: ignore[misc]

    def _planned(self, plan: PreviewPlan, prompts: int) -> dict[str, Any]:
        """A plan's seconds and its share of the run, by what was measured."""
        samples = {series.preset: len(series.steps) * series.prompts for series in plan.series}
        seconds = sum(count * self.costs[preset].seconds for preset, count in samples.items())
        training = _RUN_STEPS * self.figures[0].timing.median_ms / 1000
        return {"plan": plan.text(prompts), "seconds": seconds, "share": seconds / training, "estimate": plan.share}

    def _twice(self, name: str, work: Callable[[], object]) -> None:
        first, seconds = _seconds(work), _seconds(work)
        self._note(name, seconds, first)

    def _note(self, name: str, seconds: float, first: float) -> None:
        self.costs[name] = Cost(seconds=seconds, first_seconds=first, peak_gib=memory.peaks()[0])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and append a line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sampling", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", choices=list(ROWS), default="80gb")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--bucket", default=BUCKET)
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--batched", action="store_true", help="Time a guided step as one batch, too.")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--tiny", action="store_true", help="Pico's sizes on a processor, to try the benchmark.")
    options, settings = parser.parse_known_args(arguments)
    quiet_foreign_output()
    with tempfile.TemporaryDirectory() as name, _limited(options) as limit:
        directory = Path(name)
        base = drawn_model(directory, tiny=options.tiny, blocks=options.blocks)
        stretches = [Stretch(bucket=Bucket.parse(options.bucket), steps=options.steps)]
        clock = SamplingClock(stretches, min(4, options.steps - 1), directory, batched=options.batched)
        timed_fit([*_words(options, directory, base), *settings], clock, stretches, base)
    steps = clock.figures[0]
    record = {
        **provenance(),
        "row": options.row,
        "limit_gib": limit,
        "settings": settings,
        "step_ms": steps.timing.median_ms,
        "training_peak_gib": steps.peak_gib,
        "execution": clock.execution,
        "costs": {name: asdict(cost) for name, cost in clock.costs.items()},
        "plans": clock.plans,
    }
    append(options.out, record)
    logger.info("%s", _table(clock))


def _words(options: argparse.Namespace, directory: Path, base: Path) -> list[str]:
    """The overlay and what samples are to be made."""
    distilled = directory / "distilled.safetensors"
    write_distilled(distilled, Checkpoint(base), rank=4 if options.tiny else 384)
    words = [f"--sample.prompts={_PROMPTS}", f"--sample.size={options.bucket}", f"--sample.distilled_lora={distilled}"]
    if options.tiny:
        return [*tiny_words(tiny=True), *words, "--sample.steps=2"]
    return ["--config", str(runnable(ROWS[options.row].overlay, directory)[0]), *words]


def write_distilled(path: Path, checkpoint: Checkpoint, rank: int) -> None:
    """Write a LoRA file of zeros for every linear layer of the blocks, as large as the published distilled one."""
    with torch.device("meta"):
        transformer = LTXTransformer(LTXConfig.from_metadata(checkpoint.config["transformer"]))
    tensors = {}
    for name, shape in linear_shapes(transformer.transformer_blocks).items():
        key = f"diffusion_model.transformer_blocks.{name}"
        tensors[f"{key}.lora_A.weight"] = torch.zeros(rank, shape[0], dtype=torch.bfloat16)
        tensors[f"{key}.lora_B.weight"] = torch.zeros(shape[1], rank, dtype=torch.bfloat16)
    save_file(tensors, path)


@contextmanager
def _limited(options: argparse.Namespace) -> Iterator[float | None]:
    """What a card of the row's size would leave the allocator."""
    limit = None if options.tiny else ROWS[options.row].usable_gib
    with memory.limited_to(limit):
        yield limit


def _seconds(work: Callable[[], object]) -> float:
    """Until the device has done it."""
    begin = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def _table(clock: SamplingClock) -> str:
    """What was measured, for a terminal."""
    steps = clock.figures[0]
    lines = [f"training step: {steps.timing.median_ms:.0f} ms, peak {steps.peak_gib:.2f} GiB"]
    lines += [
        f"{name:26s} {cost.seconds:8.3f} s  (first {cost.first_seconds:7.2f} s)  peak {cost.peak_gib:.2f} GiB"
        for name, cost in clock.costs.items()
    ]
    for name, plan in clock.plans.items():
        lines.append(f"{name}: {plan['plan']}")
        lines.append(f"  measured: {plan['seconds']:.1f} s, {plan['share']:.1%} of {_RUN_STEPS} steps")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
