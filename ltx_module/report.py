"""What `check` says before any GPU time is spent: data, parameters, memory, time, disk."""

import dataclasses
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from datamodules.atomic import write_json
from datamodules.doctor.doctor_report import DoctorReport
from datamodules.geometry import Bucket
from datamodules.planning.data_report import DataReport
from ltx_module.adapters import lora_parameters
from ltx_module.adapters.targets import linear_shapes
from ltx_module.checkpoint import Checkpoint
from ltx_module.dataset_health import dataset_health
from ltx_module.largest_job import largest_bucket, largest_job, on_meta
from ltx_module.memory_table import MemoryTable, gib, memory_table
from ltx_module.run_plan import run_size, told_samples

if TYPE_CHECKING:
    from datamodules.latents import LatentDataModule
    from ltx_module.module import LTXModule
    from ltx_module.trainer import RecipeTrainer

_GIB = 2**30
_FIXING = "`python -m datamodules doctor DATASET --recipe RECIPE --fix DIRECTORY`"
_SECONDS_A_BLOCK = 0.015  # of the host's own work, which bounds small models unless they are compiled
# Of a large bf16 matrix product's rate, by `compile`: what the steps in RESULTS.md reached in eager mode, and the
# reference trainer's with compiled blocks.
_EFFICIENCY = {False: 0.22, True: 0.5}


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The largest bucket's step in numbers."""

    bucket: Bucket
    video_tokens: int
    audio_tokens: int
    trainable: dict[str, int]
    """Trainable parameters by group of modules."""
    frozen: int
    """Parameters of the streams that are built."""
    memory_gib: float
    """Estimate of the step's peak."""
    memory: MemoryTable
    """The same by part, and what the card has."""
    step_tflop: float
    """Arithmetic of a step on average: forward, backward, recomputation and preservation."""
    seconds_per_step: float
    """Estimate from a matrix product timed on this machine, preservation included."""
    preservation_slowdown: float = 1.0
    """Times that a step takes of what it would take without `model.preservation`."""


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What a recipe would do."""

    recipe: str
    device: str
    data: DataReport
    work: Workload
    max_steps: int
    run_bytes: int
    """Disk that the run will fill: LoRA files, resume states, samples."""
    run_free_bytes: int
    health: tuple[DoctorReport, ...] = ()
    """What the doctor found in each dataset, beside `data`; empty if it was not asked."""
    given: tuple[str, ...] = ()
    """What is given of each clip, or shown beside it."""
    samples: str = ""
    """Which samples the run makes; empty if it makes none."""

    def text(self) -> str:
        """The report for a terminal."""
        work = self.work
        whole = timedelta(seconds=round(work.seconds_per_step * self.max_steps))
        groups = ", ".join(f"{group} {count / 1e6:.2f} M" for group, count in work.trainable.items())
        return "\n".join(
            [
                self.data.table(),
                *(f"doctor: {report.text(_FIXING)}" for report in self.health),
                *(f"given: {line}" for line in self.given),
                f"trains {sum(work.trainable.values()) / 1e6:.2f} M parameters beside {work.frozen / 1e9:.3f} B frozen:"
                f" {groups}",
                f"largest step {work.bucket}: {work.video_tokens} video and {work.audio_tokens} audio tokens,"
                f" about {gib(work.memory_gib)}, {work.step_tflop:.2g} TFLOP",
                *work.memory.lines(),
                f"about {work.seconds_per_step:.2f} s/step on {self.device}: {whole} for {self.max_steps} steps"
                " without samples (an estimate; the run shows the real one)",
                *([self.samples] if self.samples else []),
                *self._preservation_lines(),
                f"the run fills about {self.run_bytes / 1e9:.2f} GB of {self.run_free_bytes / 1e9:.1f} GB free",
            ]
        )

    def _preservation_lines(self) -> list[str]:
        slowdown = self.work.preservation_slowdown
        if slowdown == 1:
            return []
        return [f"keeping the base intact (`model.preservation`) makes that {slowdown:.2f} times as long as without"]

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        work = {**dataclasses.asdict(self.work), "bucket": str(self.work.bucket)}
        write_json(path, {**dataclasses.asdict(self), "data": self.data.to_dict(), "work": work})


def check_recipe(
    trainer: "RecipeTrainer", model: "LTXModule", datamodule: "LatentDataModule", *, with_doctor: bool = False
) -> CheckReport:
    """Look at everything a run depends on, weights excepted.

    Args:
        trainer: The recipe's trainer.
        model: The recipe's model, not built.
        datamodule: The recipe's data.
        with_doctor: Whether the clips are examined, too.

    Raises:
        ValueError: If files, data or disk forbid the run; the text names everything found.
    """
    model.require_files()
    checkpoint = Checkpoint(model.base_model)
    checkpoint.require_trainable(model.allow_distilled)
    report = datamodule.plan()
    device = trainer.strategy.root_device
    work = _workload(checkpoint, model, datamodule, trainer)
    run_bytes, free = run_size(trainer, sum(work.trainable.values()))
    return CheckReport(
        recipe=datamodule.recipe_name,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        data=report,
        work=work,
        given=model.objective.conditions.told,
        samples=told_samples(trainer, model, datamodule, work.memory.execution),
        max_steps=trainer.max_steps,
        run_bytes=run_bytes,
        run_free_bytes=free,
        health=dataset_health(datamodule) if with_doctor else (),
    )


def _workload(
    checkpoint: Checkpoint,
    model: "LTXModule",
    datamodule: "LatentDataModule",
    trainer: "RecipeTrainer",
) -> Workload:
    """Size of the largest bucket in use."""
    device, transformer = trainer.strategy.root_device, on_meta(model, checkpoint)
    job = largest_job(model, datamodule, trainer)
    memory = memory_table(model, job, device, trainer)
    execution = memory.execution
    video, audio, frozen = job.video_tokens, job.audio_tokens, job.sizes.total
    passes = 2 + execution.checkpointed_blocks / job.sizes.num_blocks  # forward, backward to the inputs, recomputation
    attention = 4 * job.sizes.num_blocks * (video**2 * job.video_width + audio**2 * job.audio_width)
    video_part = checkpoint.num_parameters("video") if model.streams != "audio" else 0
    plain_flop = passes * (2 * (video_part * video + (frozen - video_part) * max(audio, 1)) + attention)
    preserved = 0.0 if model.preservation is None else model.preservation.probability
    slowdown = 1 + preserved * (passes + 1) / passes  # the base's forward, and all passes once more
    flop = slowdown * plain_flop
    return Workload(
        bucket=largest_bucket(datamodule),
        video_tokens=video,
        audio_tokens=audio,
        trainable=lora_parameters(linear_shapes(transformer), model.lora),
        frozen=frozen,
        memory_gib=memory.estimate.step / _GIB,
        memory=memory,
        step_tflop=flop / 1e12,
        seconds_per_step=max(
            flop / (_EFFICIENCY[execution.compile] * _matrix_rate(device, execution.dtype)),
            0.0 if execution.compile else slowdown * job.sizes.num_blocks * _SECONDS_A_BLOCK,
        ),
        preservation_slowdown=slowdown,
    )


def _matrix_rate(device: torch.device, dtype: str) -> float:
    """Operations a second of a large matrix product on this device, timed for about a tenth of a second."""
    size = 4096 if device.type == "cuda" else 512
    matrix = torch.randn(size, size, device=device, dtype=torch.float32 if dtype == "fp32" else torch.bfloat16)
    for _ in range(3):
        matrix @ matrix
    _wait(device)
    begin, rounds = time.perf_counter(), 0
    while time.perf_counter() - begin < 0.1:
        matrix @ matrix
        _wait(device)
        rounds += 1
    return 2 * size**3 * rounds / (time.perf_counter() - begin)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
