"""The answer to a full GPU: which part, how much it wanted, and the settings with which it fits."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lightning.pytorch.trainer.states import TrainerFn

from datamodules.latents import LatentDataModule
from ltx_module.execution_choice import wanted_of
from ltx_module.failures import GPUMemoryError, is_full_gpu
from ltx_module.largest_job import largest_job
from ltx_module.precision.card import GIB, Card
from ltx_module.precision.smaller import smaller

if TYPE_CHECKING:
    from ltx_module.module import LTXModule
    from ltx_module.trainer import RecipeTrainer

logger = logging.getLogger(__name__)

# Of torch's "Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB of which 1.23 GiB is free."
_WANTED = re.compile(r"Tried to allocate ([\d.]+ \w+)")
_FREE = re.compile(r"of which ([\d.]+ \w+) is free")
_PROFILES = {16: "gpu_16gb", 24: "gpu_24gb", 32: "gpu_32gb", 48: "gpu_48gb", 80: "gpu_80gb", 141: "gpu_141gb"}
_SMALLER_SAMPLE = "make samples smaller, `--sample.size 768x448x33`"


@contextmanager
def answering(trainer: "RecipeTrainer", model: "LTXModule", data: object, part: str = "") -> Iterator[None]:
    """Turn a full GPU inside the block into an error that says what to do.

    Args:
        trainer: The recipe's trainer.
        model: The recipe's model.
        data: The recipe's data, or a list of work.
        part: What the block does; empty in a fit, which knows better.

    Raises:
        GPUMemoryError: In place of torch's error.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_full_gpu(error):
            raise
        text, part = str(error), part or trainer.guard.part(trainer.status, model)
        wanted, free = _WANTED.search(text), _FREE.search(text)
        amount = f": {wanted[1]} more were needed" + (f", {free[1]} were free" if free else "") if wanted else ""
        fix = _way_out(trainer, model, data if isinstance(data, LatentDataModule) else None, part)
        raise GPUMemoryError(f"the GPU's memory was full in {part}{amount}.", fix) from error


def _way_out(trainer: "RecipeTrainer", model: "LTXModule", data: LatentDataModule | None, part: str) -> str:
    """Settings that fit, and how the run goes on."""
    if part.startswith("encoding"):
        return (
            "stop other programs on the GPU, or take smaller `data.buckets`; captions take less with"
            " `--data.text_encoder_precision nf4`. What is encoded is kept: give the same command again."
        )
    fits = trainer.state.fn == TrainerFn.FITTING
    fix = _smaller_execution(trainer, model, data, fits=fits)
    if part.startswith("sampling"):
        fix = f"{_SMALLER_SAMPLE}; or {fix}"
    return f"{fix}. {_going_on(trainer)}" if fits else fix


def _smaller_execution(
    trainer: "RecipeTrainer", model: "LTXModule", data: LatentDataModule | None, *, fits: bool
) -> str:
    """The profile of the card, settings by which the model is held in less memory than it was, and smaller data."""
    card, ways = Card.of(trainer.strategy.root_device), []
    if card is not None:
        in_int8 = "" if "fp8" in card.formats else " --model.dtype int8"
        ways.append(f"add `--config recipes/overlays/{_profile_of(card)}.yaml{in_int8}`")
    try:
        job = largest_job(model, data, trainer)
    except (OSError, ValueError):  # what the recipe lacks was told before anything was loaded
        logger.debug("no estimate", exc_info=True)
    else:
        settings = smaller(wanted_of(model), model.execution, job, card, training=fits)
        ways += [] if settings is None else [f"add `{settings}`"]
    return " or ".join([*ways, "lower the largest of `data.buckets` or `data.batch_size`" if fits else _SMALLER_SAMPLE])


def _profile_of(card: Card) -> str:
    """The overlay for a card's size."""
    fitting = [size for size in _PROFILES if size <= card.total / GIB * 1.07]  # 24 GB are 23.6 GiB
    return _PROFILES[max(fitting)] if fitting else "gpu_auto"


def _going_on(trainer: "RecipeTrainer") -> str:
    """How the run goes on from what it has saved."""
    run = trainer.run_directory
    if run.states():
        return (
            f"Nothing that was saved is lost: `python -m ltx_module fit --config {run.latest_recipe} --ckpt_path last`"
            " with these settings goes on"
        )
    return "Nothing was saved yet, and what is encoded is kept: give the same command again with these settings"
