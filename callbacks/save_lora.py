"""Write the LoRA file that a run exists for."""

import logging
from pathlib import Path

from jsonargparse.typing import PositiveInt
from lightning.pytorch import Trainer
from typing_extensions import override

from callbacks.saving import SavingCallback
from callbacks.stop_on_nan import require_finite
from callbacks.write_status import report_state
from ltx_module.module import LTXModule
from ltx_module.run_directory import RunDirectory, step_of

logger = logging.getLogger(__name__)


class SaveLoRA(SavingCallback):
    """Saves the LoRA to `lora/step_<number>.safetensors`, whole or not at all.

    The last step and an early stop are always saved. An older file goes only when its successor is complete.

    Args:
        every_n_steps: Optimizer steps between files.
        keep_last: How many files to keep; null keeps all of them.
    """

    def __init__(self, every_n_steps: PositiveInt = 250, keep_last: PositiveInt | None = None) -> None:
        super().__init__(every_n_steps)
        self.keep_last = keep_last

    @override
    def save(self, trainer: Trainer, pl_module: LTXModule) -> None:
        """Write the file of the present step, then drop what `keep_last` leaves over."""
        if not trainer.is_global_zero:
            return
        require_finite(trainer)
        report_state(trainer, "saving")
        run = RunDirectory(Path(trainer.default_root_dir))
        path = run.lora(trainer.global_step)
        pl_module.save_lora(path)
        logger.info("saved %s (%.1f MB)", path, path.stat().st_size / 1e6)
        if self.keep_last is not None:
            earlier = [file for file in run.loras() if step_of(file) < trainer.global_step]
            for file in earlier[: max(0, len(earlier) + 1 - self.keep_last)]:
                file.unlink()
        report_state(trainer, "training")
