"""Obey the files `stop`, `save` and `sample` in the run's `control/` directory."""

import logging
from itertools import compress
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, Trainer
from typing_extensions import override

from callbacks.period import finished_step
from callbacks.sample_videos import SampleVideos
from callbacks.saving import SavingCallback
from callbacks.stop_on_signal import stop_after_this_step
from ltx_module.agreement import Agreement
from ltx_module.module import LTXModule
from ltx_module.run_directory import RunDirectory

logger = logging.getLogger(__name__)
_COMMANDS = ("stop", "save", "sample")


class WatchControl(Callback):
    """Looks for control files after each optimizer step, removes them and does what they say on all ranks."""

    def __init__(self) -> None:
        self._agreement = Agreement()

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LTXModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if finished_step(trainer, batch_idx) is None:
            return
        commands = self._take(trainer)
        if "stop" in commands:
            stop_after_this_step(trainer)
        if "save" in commands:
            for callback in trainer.callbacks:
                if isinstance(callback, SavingCallback):
                    callback.save(trainer, pl_module)
        if "sample" in commands:
            for callback in trainer.callbacks:
                if isinstance(callback, SampleVideos):
                    callback.sample(trainer, pl_module)

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LTXModule) -> None:
        """A command that came too late must not stop the next run here."""
        if trainer.is_global_zero:
            for name in _COMMANDS:
                (RunDirectory(Path(trainer.default_root_dir)).control / name).unlink(missing_ok=True)

    def _take(self, trainer: Trainer) -> list[str]:
        """Names of the control files present, which are removed; the same list on every rank."""
        present = [False] * len(_COMMANDS)
        if trainer.is_global_zero:
            control = RunDirectory(Path(trainer.default_root_dir)).control
            present = [(control / name).exists() for name in _COMMANDS]
            for name in compress(_COMMANDS, present):
                (control / name).unlink(missing_ok=True)
                logger.info("control: %s", name)
        return list(compress(_COMMANDS, self._agreement.reached(present, trainer.strategy)))
