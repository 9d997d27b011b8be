"""How a recipe's model is held and run: the recipe's settings, its largest step and the card brought together."""

import dataclasses
from typing import TYPE_CHECKING

import torch
from lightning.pytorch import Trainer

from datamodules.latents import LatentDataModule
from ltx_module.largest_job import largest_job
from ltx_module.precision.card import Card
from ltx_module.precision.choose import Wanted, choose
from ltx_module.precision.execution import Execution
from ltx_module.strategies import ShardedStrategy, require_fit

if TYPE_CHECKING:
    from ltx_module.module import LTXModule


def choose_execution(model: "LTXModule", num_blocks: int) -> Execution:
    """The recipe's `dtype`, `gradient_checkpointing`, `swap_blocks` and `compile`, settled; the same on every rank.

    Args:
        model: The recipe's model with its trainer, not built.
        num_blocks: Blocks of its base model.

    Raises:
        ValueError: If they are left to `auto` and nothing fits the card, or the card cannot compute in `dtype`.
    """
    wanted, trainer = wanted_of(model), model.trainer
    if isinstance(trainer.strategy, ShardedStrategy):
        require_fit(trainer, model.swap_blocks)
        wanted = dataclasses.replace(wanted, swap_blocks=0)
    card = smallest_card(trainer)
    if card is not None and wanted.dtype == "fp8" and "fp8" not in card.formats:
        raise ValueError(
            f"`model.dtype` is fp8, but {card.name} has no products of such numbers: use `--model.dtype int8`."
        )
    if card is None or not wanted.is_open:
        return wanted.settled(num_blocks, "bf16" if "16" in str(trainer.precision) else "fp32")
    data = trainer.datamodule  # type: ignore[attr-defined]
    job = largest_job(model, data if isinstance(data, LatentDataModule) else None, trainer)
    execution = choose(wanted, job, card, training=trainer.training)
    shared: Execution = trainer.strategy.broadcast(execution)
    return shared


def wanted_of(model: "LTXModule") -> Wanted:
    """What a recipe says of how its model is held and run."""
    return Wanted(
        dtype=model.dtype_name,
        gradient_checkpointing=model.gradient_checkpointing,
        swap_blocks=model.swap_blocks,
        compile=model.compile_blocks,
    )


def smallest_card(trainer: Trainer) -> Card | None:
    """This rank's card with what is free on the fullest of all ranks'; every rank must call. None without a card."""
    card = Card.of(trainer.strategy.root_device)
    return None if card is None else dataclasses.replace(card, free=-int(largest_of_ranks(trainer, -card.free)))


def largest_of_ranks(trainer: Trainer, value: float) -> float:
    """The largest of all ranks' numbers; every rank must call."""
    number = torch.tensor(value, device=trainer.strategy.root_device, dtype=torch.float64)
    return float(trainer.strategy.reduce(number, reduce_op="max"))
