"""Look before the first step whether memory will do, and lose nothing where it does not."""

import logging
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from typing_extensions import override

from callbacks.saving import SavingCallback
from callbacks.write_status import WriteStatus
from datamodules.batch import LatentBatch
from ltx_module.failures import is_full_gpu
from ltx_module.module import LTXModule
from ltx_module.preflight import preflight
from ltx_module.run_directory import RunDirectory

logger = logging.getLogger(__name__)


class MemoryGuard(Callback):
    """Tries the largest bucket before the first step, and saves the run when the GPU is full later.

    The first callback of every run. On one GPU a full memory in the middle of training costs the step that was being
    computed, and no more.
    """

    def __init__(self) -> None:
        self._bucket = ""

    def part(self, status: WriteStatus, pl_module: LTXModule) -> str:
        """What the run was doing, for people."""
        if pl_module.transformer is None:
            return "encoding the dataset" if pl_module.execution is None else "loading the model"
        if status.state == "sampling":
            return f"sampling {pl_module.sample_config.size}"
        if status.state == "saving":
            return "saving"
        return f"the step of bucket {self._bucket}" if self._bucket else "the first step"

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LTXModule) -> None:
        preflight(trainer, pl_module)

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LTXModule, batch: LatentBatch, batch_idx: int) -> None:
        self._bucket = str(batch.bucket)

    @override
    def on_exception(self, trainer: Trainer, pl_module: LTXModule, exception: BaseException) -> None:
        """Save the last whole step, unless other ranks wait in the middle of theirs."""
        if not is_full_gpu(exception) or trainer.world_size > 1 or not self._bucket:
            return
        for optimizer in trainer.optimizers:
            optimizer.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        run, step = RunDirectory(Path(trainer.default_root_dir)), trainer.global_step
        if step and not run.state(step).is_file():
            logger.info("saving step %d before the run ends", step)
            _save(trainer, pl_module)


def _save(trainer: Trainer, pl_module: LTXModule) -> None:
    """Let everything save that can."""
    savers: list[Any] = [callback for callback in trainer.callbacks if isinstance(callback, SavingCallback)]
    for saver in savers:
        saver.save(trainer, pl_module)
