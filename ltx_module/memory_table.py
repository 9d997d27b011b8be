"""What `check` says of memory: the parts of the largest step, a sample and a save, beside what the card has."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from lightning.pytorch import Trainer

from ltx_module.execution_choice import wanted_of
from ltx_module.precision.card import Card
from ltx_module.precision.choose import fastest, less_memory, told, usable
from ltx_module.precision.execution import Execution
from ltx_module.precision.memory import MemoryEstimate
from ltx_module.precision.memory_job import MemoryJob

if TYPE_CHECKING:
    from ltx_module.module import LTXModule

_GIB = 2**30
_WORDS = {
    "weights": "frozen weights",
    "adapters": "adapters",
    "optimizer": "optimizer",
    "gradients": "gradients",
    "kept": "kept for backward",
    "working": "block at work",
    "tables": "texts and tables",
}


@dataclass(frozen=True, kw_only=True)
class MemoryTable:
    """An estimate beside the card it is for."""

    execution: Execution
    """How the model is held and run."""
    estimate: MemoryEstimate
    """Bytes by part."""
    num_blocks: int
    """Blocks of the base model."""
    card: Card | None
    """None on a CPU."""
    way_out: str
    """Settings that would take less memory."""

    @property
    def fits(self) -> bool | None:
        """Whether the card has room for all of it; None where there is no card."""
        return None if self.card is None else self.estimate.needed <= usable(self.card)

    def lines(self) -> list[str]:
        """The table for a terminal."""
        of = self.estimate
        parts = ", ".join(f"{gib(size / _GIB)} {_WORDS[name]}" for name, size in vars(of.parts).items() if size)
        rows = [("step", of.step, parts), ("sample", of.sample, ""), ("saving", of.saving, "")]
        rows += [("main memory", of.host, "of swapped blocks")] if of.host else []
        return [
            f"memory: {told(self.execution, self.num_blocks, of.needed)}",
            *(f"  {name:<12}{gib(size / _GIB):>9}  {what}".rstrip() for name, size, what in rows if size),
            *self._verdict(),
        ]

    def _verdict(self) -> list[str]:
        if self.card is None:
            return []
        fits = "it fits" if self.fits else f"it does not fit: {self.way_out[0].lower()}{self.way_out[1:]}"
        room = f"free on {self.card.name}, of which {usable(self.card) / _GIB:.1f} may be filled: {fits}"
        return [f"  {'card':<12}{gib(self.card.free / _GIB):>9}  {room}"]


def memory_table(model: "LTXModule", job: MemoryJob, device: torch.device, trainer: Trainer) -> MemoryTable:
    """The estimate for a recipe on a device; what it leaves to `auto` is settled as training would.

    Args:
        model: The recipe's model, not built.
        job: Its largest step and sample.
        device: Where it would run.
        trainer: Tells the precision where there is no card.
    """
    wanted, card = wanted_of(model), Card.of(device)
    if job.shards > 1:
        wanted = dataclasses.replace(wanted, swap_blocks=0)
    if wanted.is_open and card is not None:
        execution, _ = fastest(wanted, job, card)
    else:
        execution = wanted.settled(job.sizes.num_blocks, "bf16" if "16" in str(trainer.precision) else "fp32")
    return MemoryTable(
        execution=execution,
        estimate=MemoryEstimate.of(job, execution),
        num_blocks=job.sizes.num_blocks,
        card=card,
        way_out=less_memory(wanted),
    )


def gib(size: float) -> str:
    """Memory in the unit that suits it.

    Args:
        size: GiB.
    """
    return f"{size:.1f} GiB" if size >= 1 else f"{1024 * size:.0f} MiB"
