"""Write what a run resumes from: adapters, optimizer, schedule, position in the data."""

import logging
import os
from pathlib import Path

from jsonargparse.typing import PositiveInt
from lightning.pytorch import Trainer
from typing_extensions import override

from callbacks.saving import SavingCallback
from callbacks.stop_on_nan import require_finite
from ltx_module.module import LTXModule
from ltx_module.run_directory import RunDirectory

logger = logging.getLogger(__name__)


class SaveResumeState(SavingCallback):
    """Saves `checkpoints/step_<number>.ckpt`; the base model is not in it.

    A state is written beside its final name and renamed when it is on the disk, so a kill leaves the older ones
    intact. The last step and an early stop are always saved.

    Args:
        every_n_steps: Optimizer steps between states.
        keep_last: How many states to keep.
    """

    def __init__(self, every_n_steps: PositiveInt = 250, keep_last: PositiveInt = 2) -> None:
        super().__init__(every_n_steps)
        self.keep_last = keep_last

    @override
    def save(self, trainer: Trainer, pl_module: LTXModule) -> None:
        """Write the state of the present step, then drop the oldest."""
        require_finite(trainer)
        run = RunDirectory(Path(trainer.default_root_dir))
        final = run.state(trainer.global_step)
        partial = final.with_suffix(".partial")
        trainer.save_checkpoint(partial)
        if trainer.is_global_zero:
            _flush(partial)
            partial.replace(final)
            for old in run.states()[: -self.keep_last]:
                old.unlink()


def _flush(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
