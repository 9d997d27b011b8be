"""Keep `status.json` true: what the run is doing, how far it is, what went wrong."""

import os
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from typing_extensions import override

from callbacks.period import finished_step
from datamodules.atomic import read_json, write_json
from ltx_module.module import LTXModule
from ltx_module.run_directory import RunDirectory

SCHEMA = 1
_SECONDS_BETWEEN_WRITES = 2.0


class WriteStatus(Callback):
    """Writes the run's state, progress and heartbeat; the page and any script read this file.

    States: checking, encoding, training, sampling, saving, stopped, finished, failed. While nothing changes the file
    is rewritten every two seconds at most, at the end of a step.
    """

    def __init__(self) -> None:
        self._state = "checking"
        self._error: dict[str, str] | None = None
        self._suggestion: dict[str, Any] | None = None
        self._loss: float | None = None
        self.seconds_per_step: float | None = None
        """Smoothed time of a step, samples and saves left out; None before the second step."""
        self._last_write = 0.0
        self._began = time.time()
        self._last_step: tuple[int, float] | None = None

    @property
    def state(self) -> str:
        """What the run is doing."""
        return self._state

    def report(self, trainer: Trainer, state: str, *, error: tuple[str, str] | None = None) -> None:
        """Enter a state and write it now.

        Args:
            trainer: The running trainer; only rank 0 writes, and whichever rank fails first.
            state: One of the states above.
            error: What went wrong and the way out, for the state `failed`.
        """
        self._state = state
        self._error = {"text": error[0], "fix": error[1]} if error else None
        self._last_step = None
        if error is None:
            self.write(trainer)
        elif not self._has_failed(trainer):  # a rank that fails because another one did has less to say
            self._write(trainer)

    def suggest(self, suggestion: dict[str, Any] | None) -> None:
        """Remember advice for the person who trains; the next write shows it.

        Args:
            suggestion: `text`, `best_step` and `lora`, or None where there is none.
        """
        self._suggestion = suggestion

    def write(self, trainer: Trainer) -> None:
        """Write the file, whole or not at all."""
        if trainer.is_global_zero:
            self._write(trainer)

    def _has_failed(self, trainer: Trainer) -> bool:
        """Whether another rank has told of its failure since this one began."""
        told = read_json(RunDirectory(Path(trainer.default_root_dir)).status)
        if not isinstance(told, dict) or trainer.world_size == 1:
            return False
        return told.get("state") == "failed" and float(told.get("heartbeat", 0)) >= self._began

    def _write(self, trainer: Trainer) -> None:
        self._last_write = time.monotonic()
        run = RunDirectory(Path(trainer.default_root_dir))
        remaining = max(0, trainer.max_steps - trainer.global_step)
        seconds = self.seconds_per_step
        record = {
            "schema": SCHEMA,
            "state": self._state,
            "step": trainer.global_step,
            "max_steps": trainer.max_steps,
            "seconds_per_step": seconds,
            "eta_s": None if seconds is None else seconds * remaining,
            "loss": self._loss,
            "peak_gib": torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else None,
            "pid": os.getpid(),
            "heartbeat": time.time(),
            "error": self._error,
            "suggestion": self._suggestion,
        }
        write_json(run.status, record)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LTXModule) -> None:
        self.report(trainer, "training")

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LTXModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = finished_step(trainer, batch_idx)
        if step is None:
            return
        now = time.monotonic()
        if self._last_step is not None and step > self._last_step[0]:
            seconds = (now - self._last_step[1]) / (step - self._last_step[0])
            smooth = self.seconds_per_step
            self.seconds_per_step = seconds if smooth is None else 0.9 * smooth + 0.1 * seconds
        self._last_step = (step, now)
        if now - self._last_write > _SECONDS_BETWEEN_WRITES or step == trainer.max_steps:
            self._loss = outputs["loss"].item()
            self.write(trainer)


def report_state(trainer: Trainer, state: str) -> None:
    """Enter a state in the status file, where the trainer keeps one."""
    for callback in trainer.callbacks:
        if isinstance(callback, WriteStatus):
            callback.report(trainer, state)
