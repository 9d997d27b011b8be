"""One line of progress: step, loss, learning rate, seconds a step, time left."""

import sys
import time
from datetime import timedelta
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ProgressBar
from tqdm.auto import tqdm
from typing_extensions import override

from callbacks.period import finished_step
from callbacks.write_status import WriteStatus
from ltx_module.module import LTXModule

_SECONDS_BETWEEN_LINES = 30.0


class RunProgress(ProgressBar):
    """A bar over optimizer steps on a terminal; elsewhere (a log file, a pipe) a line every half minute.

    Args:
        status: Measures the time of a step.
    """

    def __init__(self, status: WriteStatus) -> None:
        super().__init__()
        self._status = status
        self._bar: tqdm[Any] | None = None
        self._enabled = True
        self._last_line = 0.0
        self._loss: float | None = None

    @override
    def disable(self) -> None:
        self._enabled = False

    @override
    def enable(self) -> None:
        self._enabled = True

    @override
    def print(self, *args: Any, **kwargs: Any) -> None:
        """Write above the bar."""
        tqdm.write(" ".join(map(str, args)), file=sys.stderr)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LTXModule) -> None:
        if self._enabled and trainer.is_global_zero and sys.stderr.isatty():
            total = trainer.max_steps if trainer.max_steps > 0 else None
            self._bar = tqdm(initial=trainer.global_step, total=total, desc="train", unit="step", dynamic_ncols=True)

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LTXModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = finished_step(trainer, batch_idx)
        if step is None or not self._enabled or not trainer.is_global_zero:
            return
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(step - self._bar.n)
            self._bar.set_postfix_str(self._figures(trainer, outputs), refresh=False)
        elif now - self._last_line > _SECONDS_BETWEEN_LINES or step == trainer.max_steps:
            self._last_line = now
            self._loss = None  # a line is rare enough to wait for the device
            sys.stderr.write(f"step {step}/{trainer.max_steps}  {self._figures(trainer, outputs)}\n")

    def _figures(self, trainer: Trainer, outputs: Any) -> str:
        """Loss, rate, time; the loss is read every tenth step only, since reading waits for the device."""
        if self._loss is None or trainer.global_step % 10 == 0:
            self._loss = outputs["loss"].item()
        figures = f"loss {self._loss:.4f}  lr {trainer.optimizers[0].param_groups[0]['lr']:.2e}"
        if self._status.seconds_per_step is None:
            return figures
        left = self._status.seconds_per_step * max(0, trainer.max_steps - trainer.global_step)
        return f"{figures}  {self._status.seconds_per_step:.2f} s/step  {timedelta(seconds=round(left))} left"

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LTXModule) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
