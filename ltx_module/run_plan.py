"""What a run will leave behind and need, told from its trainer before it begins."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lightning.pytorch import Trainer

from callbacks import AdapterEMA, DropCaptions, SampleVideos, SaveLoRA, SaveResumeState
from datamodules.latents import LatentDataModule
from datamodules.manifest.sets import ClipSet
from ltx_module.precision.execution import Execution
from ltx_module.preservation import Preservation
from ltx_module.preview_plan import plan_previews, run_cost

if TYPE_CHECKING:
    from ltx_module.module import LTXModule

logger = logging.getLogger(__name__)


def run_size(trainer: Trainer, trainable: int) -> tuple[int, int]:
    """Bytes of LoRA files and resume states of a whole run, and bytes free where they go.

    Args:
        trainer: With the recipe's callbacks.
        trainable: Trainable parameters.
    """
    averages = any(isinstance(callback, AdapterEMA) for callback in trainer.callbacks)
    size, each_state = 0, (16 if averages else 12) * trainable  # weights, two moments, averages
    for callback in trainer.callbacks:
        if isinstance(callback, SaveLoRA):
            files = -(-trainer.max_steps // callback.every_n_steps)
            size += 2 * trainable * min(files, callback.keep_last or files)
        elif isinstance(callback, SaveResumeState):
            size += each_state * (callback.keep_last + 1)  # the next one beside the kept
    directory = Path(trainer.default_root_dir).absolute()
    existing = next(parent for parent in (directory, *directory.parents) if parent.exists())
    return size, shutil.disk_usage(existing).free


def told_samples(trainer: Trainer, model: "LTXModule", datamodule: LatentDataModule, execution: Execution) -> str:
    """Which samples a run will make, and what they cost; empty where it makes none.

    Args:
        trainer: With the recipe's callbacks.
        model: The recipe's, not built.
        datamodule: The recipe's data.
        execution: How the model would be held and run.
    """
    config = model.sample_config
    for callback in trainer.callbacks:
        if isinstance(callback, SampleVideos) and config.prompts:
            cost = run_cost(trainer, model, callback.every_n_steps, callback.at_start, before=(datamodule, execution))
            return plan_previews(config, cost).text(len(config.prompts))
    return ""


def say_what_is_lacking(trainer: Trainer, resume_step: int | None) -> None:
    """Warn of a run that would leave nothing behind, or has nothing left to do.

    Args:
        trainer: With the recipe's callbacks.
        resume_step: Step of the state it resumes from.
    """
    for kind in (SaveLoRA, SaveResumeState):
        if not any(isinstance(callback, kind) for callback in trainer.callbacks):
            logger.warning("the recipe has no callbacks.%s: nothing of that kind will be saved", kind.__name__)
    if resume_step is not None and resume_step >= trainer.max_steps:
        logger.warning(
            "step %d of %d is done already: give a larger --trainer.max_steps", resume_step, trainer.max_steps
        )


def say_what_contradicts(trainer: Trainer, preservation: Preservation | None, sets: Sequence[ClipSet] = ()) -> None:
    """Warn of a run that teaches the empty caption the concept and holds it back at once.

    Args:
        trainer: With the recipe's callbacks.
        preservation: The recipe's, if it has one.
        sets: The recipe's sets of clips.
    """
    if preservation is None or not preservation.blank_probability:
        return
    for callback in trainer.callbacks:
        if isinstance(callback, DropCaptions):
            share = max([callback.probability, *(each.caption_dropout or 0.0 for each in sets)])
            if share:
                logger.warning(
                    "callbacks.DropCaptions trains the empty caption on %g of the clips, and"
                    " `model.preservation.init_args.blank_probability` keeps it as the base has it: set one of them"
                    " to 0",
                    share,
                )


def say_what_is_unused(trainer: Trainer, sets: Sequence[ClipSet]) -> None:
    """Warn of caption dropout of a set that no callback does.

    Args:
        trainer: With the recipe's callbacks.
        sets: The recipe's sets of clips.
    """
    wanted = [number for number, each in enumerate(sets) if each.caption_dropout]
    if wanted and not any(isinstance(callback, DropCaptions) for callback in trainer.callbacks):
        logger.warning(
            "`data.sets[%d].caption_dropout` is %g, but the recipe has no callbacks.DropCaptions, which does it: add"
            " it, with `probability: 0` to leave the other sets alone",
            wanted[0],
            sets[wanted[0]].caption_dropout,
        )
