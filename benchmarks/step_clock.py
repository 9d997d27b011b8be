"""Times the steps of a run from within, and reads its peaks of memory."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor
from typing_extensions import override

from benchmarks import memory
from benchmarks.random_data import Stretch
from benchmarks.timing import Series, SeriesTiming
from ltx_module.largest_job import largest_job
from ltx_module.module import LTXModule
from ltx_module.precision.memory import MemoryEstimate


@dataclass(frozen=True, kw_only=True)
class StretchFigures:
    """What the steps on one bucket took."""

    bucket: str
    timing: SeriesTiming
    first_step_s: float
    """Seconds until its first step was done, its shapes compiled; of the run's first, from the loaded model on."""
    peak_gib: float
    reserved_gib: float
    loss: float
    """Of its last step."""


class StepClock(Callback):
    """Times each stretch of steps: the first one by itself, those after the warm-up together.

    The device is waited for at the first step's end and around the timed ones, never between them.

    Args:
        stretches: What the data will serve.
        warmup: Steps of each stretch that do not count, the first among them.

    Attributes:
        figures: Those of the stretches that are done.
        phases: Seconds since this was made, by what had happened by then.
        loaded_gib: GiB that tensors took once all was loaded.
        load_peak_gib: GiB that they took at most until then.
        load_reserved_gib: GiB that the allocator held at most until then.
        execution: How the model was held and run.
        optimizer: Package and class.
        planned_gib: GiB of the step by the project's own estimate.
    """

    def __init__(self, stretches: Sequence[Stretch], warmup: int) -> None:
        self.figures: list[StretchFigures] = []
        self.phases: dict[str, float] = {}
        self.loaded_gib = self.load_peak_gib = self.load_reserved_gib = 0.0
        self.execution: dict[str, Any] = {}
        self.optimizer = ""
        self.planned_gib = 0.0
        self._stretches, self._warmup = list(stretches), warmup
        self._made = self._begin = time.perf_counter()
        self._done = 0  # steps of this stretch

    def note(self, phase: str) -> None:
        """Remember when something had happened."""
        self.phases[phase] = time.perf_counter() - self._made

    @override
    def setup(self, trainer: Trainer, pl_module: LTXModule, stage: str) -> None:
        self.note("data")
        memory.reset_peaks()

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LTXModule) -> None:
        self._synchronise(pl_module)
        self.note("load")
        self.load_peak_gib, self.load_reserved_gib = memory.peaks()
        self.loaded_gib = memory.allocated()
        memory.reset_peaks()
        self._series = Series(pl_module.device)
        self._begin = time.perf_counter()

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LTXModule, batch: Any, batch_idx: int) -> None:
        if self._done == 0 and self.figures:  # what comes before the run's first step is its own
            self._synchronise(pl_module)
            self._begin = time.perf_counter()
            memory.reset_peaks()

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LTXModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._done += 1
        if self._done == 1:
            self._synchronise(pl_module)
            self._first_step_s = time.perf_counter() - self._begin
            self.phases.setdefault("first step", time.perf_counter() - self._made)
        if self._done == self._warmup:
            self._series.begin()
        elif self._done > self._warmup:
            self._series.mark()
        if self._done == self._stretches[len(self.figures)].steps:
            self._close(outputs["loss"])
            self._ask(trainer, pl_module)

    def let_go(self) -> None:
        """Hold nothing of the run but its figures; Lightning gives every callback methods of the module."""
        for name in ("log", "log_dict"):
            self.__dict__.pop(name, None)

    def _close(self, loss: Tensor) -> None:
        """The stretch is done."""
        timing = self._series.end()
        peak_gib, reserved_gib = memory.peaks()
        self.figures.append(
            StretchFigures(
                bucket=str(self._stretches[len(self.figures)].bucket),
                timing=timing,
                first_step_s=self._first_step_s,
                peak_gib=peak_gib,
                reserved_gib=reserved_gib,
                loss=loss.item(),
            )
        )
        self._done = 0

    def _ask(self, trainer: Trainer, pl_module: LTXModule) -> None:
        """What the run has come to; the trial before the first step may have changed it."""
        assert pl_module.execution is not None
        self.execution = dict(vars(pl_module.execution))
        job = largest_job(pl_module, trainer.datamodule, trainer)
        self.planned_gib = MemoryEstimate.of(job, pl_module.execution).step / memory.GIB
        kind = type(trainer.optimizers[0])
        self.optimizer = f"{kind.__module__.partition('.')[0]} {kind.__name__}"

    def _synchronise(self, pl_module: LTXModule) -> None:
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize()
