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
from datamodules.geometry import AudioLatentSpec, Bucket, LatentSpec
from datamodules.planning.data_report import DataReport
from ltx_module.adapters import lora_parameters
from ltx_module.adapters.targets import linear_shapes
from ltx_module.checkpoint import Checkpoint
from ltx_module.condition_needs import tokens_beside
from ltx_module.dataset_health import dataset_health
from ltx_module.model import LTXConfig, LTXTransformer
from ltx_module.run_plan import run_size

if TYPE_CHECKING:
    from datamodules.latents import LatentDataModule
    from ltx_module.module import LTXModule
    from ltx_module.trainer import RecipeTrainer

_GIB = 2**30
_BYTES = {"bf16": 2, "fp32": 4}
_OPTIMIZER_BYTES = 4 + 4 + 8  # fp32 adapter, its gradient, two moments
# Bytes kept for backward, per token and unit of width, in one block: everything, or its input alone.
# Measured at 22B and 960x544x49 on one H200: 81.3 GiB with everything kept, 40.3 GiB with the inputs alone.
_KEPT_WHOLE, _KEPT_INPUT = 65, 2
_FIXING = "`python -m datamodules doctor DATASET --recipe RECIPE --fix DIRECTORY`"
_SECONDS_A_BLOCK = 0.015  # of the host's own work, which bounds small models
_EFFICIENCY = 0.22  # of a large matrix product's rate: what the same steps reached, in eager mode


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
    """Estimate: frozen weights, adapters with their optimizer, activations."""
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
                f" about {_gib(work.memory_gib)}, {work.step_tflop:.2g} TFLOP",
                f"about {work.seconds_per_step:.2f} s/step on {self.device}: {whole} for {self.max_steps} steps"
                " without samples (an estimate; the run shows the real one)",
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
    work = _workload(checkpoint, model, datamodule, report, device)
    run_bytes, free = run_size(trainer, sum(work.trainable.values()))
    return CheckReport(
        recipe=datamodule.recipe_name,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        data=report,
        work=work,
        given=model.objective.conditions.told,
        max_steps=trainer.max_steps,
        run_bytes=run_bytes,
        run_free_bytes=free,
        health=dataset_health(datamodule) if with_doctor else (),
    )


def _workload(
    checkpoint: Checkpoint,
    model: "LTXModule",
    datamodule: "LatentDataModule",
    report: DataReport,
    device: torch.device,
) -> Workload:
    """Size of the largest bucket in use."""
    config = LTXConfig.from_metadata(checkpoint.config["transformer"])
    with torch.device("meta"):
        transformer = LTXTransformer(config, model.streams)
    trainable = lora_parameters(linear_shapes(transformer), model.lora)
    frozen = sum(parameter.numel() for parameter in transformer.parameters())
    used = report.used_buckets or datamodule.settings.buckets
    bucket = max(used, key=lambda one: (LatentSpec().tokens(one), one.duration(datamodule.fps)))
    video, audio = (count * datamodule.batch_size for count in _tokens(model, datamodule, bucket))
    widths = video * config.video_dim + audio * config.audio_dim
    kept = _kept_for_backward(model, config.num_layers)
    bytes_each = _BYTES[model.dtype_name]
    memory = frozen * bytes_each + sum(trainable.values()) * _OPTIMIZER_BYTES + widths * kept * bytes_each / 2
    passes = 3 if model.gradient_checkpointing else 2  # forward, backward to the inputs, and recomputation
    attention = 4 * config.num_layers * (video**2 * config.video_dim + audio**2 * config.audio_dim)
    video_part = checkpoint.num_parameters("video") if model.streams != "audio" else 0
    plain_flop = passes * (2 * (video_part * video + (frozen - video_part) * max(audio, 1)) + attention)
    preserved = 0.0 if model.preservation is None else model.preservation.probability
    slowdown = 1 + preserved * (passes + 1) / passes  # the base's forward, and all passes once more
    flop = slowdown * plain_flop
    return Workload(
        bucket=bucket,
        video_tokens=video,
        audio_tokens=audio,
        trainable=trainable,
        frozen=frozen,
        memory_gib=memory / _GIB,
        step_tflop=flop / 1e12,
        seconds_per_step=max(
            flop / (_EFFICIENCY * _matrix_rate(device, model.dtype_name)),
            slowdown * config.num_layers * _SECONDS_A_BLOCK,
        ),
        preservation_slowdown=slowdown,
    )


def _tokens(model: "LTXModule", datamodule: "LatentDataModule", bucket: Bucket) -> tuple[int, int]:
    """Video and audio tokens of an item, with those of its references and keyframes."""
    reference = None
    if model.needs.video_reference:
        reference = datamodule.settings.pairing.reference_bucket(bucket, "data.buckets")
    video, audio = tokens_beside(model.objective.conditions, bucket, reference, datamodule.fps)
    video = LatentSpec().tokens(bucket) + video if model.streams != "audio" else 0
    with_audio = model.streams != "video" and not bucket.is_still
    return video, AudioLatentSpec().length(bucket.duration(datamodule.fps)) + audio if with_audio else 0


def _kept_for_backward(model: "LTXModule", num_layers: int) -> int:
    """Bytes kept per token and unit of width, in two-byte numbers."""
    recomputes = model.gradient_checkpointing
    kept = _KEPT_INPUT * num_layers + _KEPT_WHOLE * (1 if recomputes else num_layers)
    if model.preservation is None or not model.preservation.probability:
        return kept
    return 2 * kept - (_KEPT_WHOLE if recomputes else 0)  # two graphs wait, but one block at a time is recomputed


def _matrix_rate(device: torch.device, dtype: str) -> float:
    """Operations a second of a large matrix product on this device, timed for about a tenth of a second."""
    size = 4096 if device.type == "cuda" else 512
    matrix = torch.randn(size, size, device=device, dtype=torch.bfloat16 if dtype == "bf16" else torch.float32)
    for _ in range(3):
        matrix @ matrix
    _wait(device)
    begin, rounds = time.perf_counter(), 0
    while time.perf_counter() - begin < 0.1:
        matrix @ matrix
        _wait(device)
        rounds += 1
    return 2 * size**3 * rounds / (time.perf_counter() - begin)


def _gib(gib: float) -> str:
    """Memory in the unit that suits it."""
    return f"{gib:.1f} GiB" if gib >= 1 else f"{1024 * gib:.0f} MiB"


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
