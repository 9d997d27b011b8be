"""Settles how a recipe's model is held and run on a card.

What the recipe leaves to `auto` is tried from the fastest to the slowest, and the first way that fits is taken:

    the fastest number format of the card; no block recomputed, one, two, ... all; then blocks swapped, fewest first;
    then the same in nf4

It fits if there is room, with some to spare, for the step of the largest bucket, for a sample (decoded in tiles if need
be) and for saving. What the recipe pins stays as it is.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ltx_module.precision import memory_constants as constants
from ltx_module.precision.card import GIB, Card
from ltx_module.precision.execution import Execution, WeightFormat
from ltx_module.precision.memory import MemoryEstimate, inference
from ltx_module.precision.memory_job import MemoryJob

logger = logging.getLogger(__name__)

Auto = Literal["auto"]
_FEWEST_SWAPPED = 3  # two blocks' room stays on the card, so fewer save nothing
HOST_SHARE = 0.7  # of the free main memory may be page-locked


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a recipe says of how its model is held and run."""

    dtype: WeightFormat | Auto = "bf16"
    gradient_checkpointing: bool | int | Auto = True
    swap_blocks: int | Auto = 0
    compile: bool = False

    @property
    def is_open(self) -> bool:
        """Whether anything is left to `auto`."""
        return "auto" in (self.dtype, self.gradient_checkpointing, self.swap_blocks)

    def settled(self, num_blocks: int, dtype: WeightFormat = "bf16") -> Execution:
        """The execution without a look at a card: everything recomputed, nothing swapped.

        Args:
            num_blocks: Blocks of the base model.
            dtype: Number format where the recipe leaves it open.
        """
        recomputed = num_blocks if self.gradient_checkpointing in (True, "auto") else int(self.gradient_checkpointing)
        return Execution(
            dtype=dtype if self.dtype == "auto" else self.dtype,
            checkpointed_blocks=min(recomputed, num_blocks),
            swap_blocks=0 if self.swap_blocks == "auto" else min(self.swap_blocks, num_blocks),
            compile=self.compile,
        )

    def ways(self, num_blocks: int, card: Card) -> Iterator[Execution]:
        """Every way that the recipe leaves open, the fastest first."""
        most = self.settled(num_blocks)
        formats = card.formats if self.dtype == "auto" else (self.dtype,)
        recomputed = [most.checkpointed_blocks]
        if self.gradient_checkpointing == "auto":
            recomputed = list(range(num_blocks + 1))
        swapped = range(_FEWEST_SWAPPED, num_blocks + 1) if self.swap_blocks == "auto" else ()
        for dtype in formats:
            for blocks in recomputed:
                yield Execution(
                    dtype=dtype, checkpointed_blocks=blocks, swap_blocks=most.swap_blocks, compile=self.compile
                )
            for count in swapped:
                yield Execution(
                    dtype=dtype, checkpointed_blocks=recomputed[-1], swap_blocks=count, compile=self.compile
                )


def choose(wanted: Wanted, job: MemoryJob, card: Card, *, training: bool = True) -> Execution:
    """The fastest way to hold and run the model that fits the card; says what it is.

    Args:
        wanted: What the recipe leaves open.
        job: Its largest step and sample.
        card: Where it runs.
        training: Whether adapters are trained, or only samples made.

    Raises:
        ValueError: If nothing fits.
    """
    execution, fits = fastest(wanted, job, card, training=training)
    line = told(execution, job.sizes.num_blocks, needed_bytes(job, execution, training=training))
    if not fits:
        raise ValueError(
            f"`model` does not fit {card}: the smallest way that the recipe leaves open is {line}, of"
            f" {usable(card) / GIB:.1f} GiB that can be used. {less_memory(wanted)}"
        )
    logger.info("auto: %s: %s", card, line)
    return execution


def fastest(wanted: Wanted, job: MemoryJob, card: Card, *, training: bool = True) -> tuple[Execution, bool]:
    """The fastest way that fits and true, or the smallest way and false; takes what `choose` takes."""
    found = list[tuple[int, Execution]]()
    for execution in wanted.ways(job.sizes.num_blocks, card):
        needed = needed_bytes(job, execution, training=training)
        if needed <= usable(card) and host_bytes(job, execution) <= HOST_SHARE * card.host_free:
            return execution, True
        found.append((needed, execution))
    return min(found, key=lambda one: one[0])[1], False


def usable(card: Card) -> int:
    """Bytes of a card that a plan may fill."""
    return int((1 - constants.HEADROOM) * card.free)


def needed_bytes(job: MemoryJob, execution: Execution, *, training: bool = True) -> int:
    """Bytes that must be there for the largest step, a sample and saving."""
    return MemoryEstimate.of(job, execution).needed if training else inference(job, execution)


def host_bytes(job: MemoryJob, execution: Execution) -> int:
    """Bytes of main memory that swapped blocks take."""
    return MemoryEstimate.of(job, execution).host


def told(execution: Execution, num_blocks: int, needed: int) -> str:
    """An execution and what it takes, in one line."""
    compiled = ", compiled" if execution.compile else ""
    return (
        f"{execution.dtype}{compiled}, {execution.checkpointed_blocks} of {num_blocks} blocks recomputed,"
        f" {execution.swap_blocks} swapped: about {needed / GIB:.1f} GiB"
    )


def less_memory(wanted: Wanted) -> str:
    """What in a recipe would take less memory, as settings."""
    ways = []
    if wanted.dtype in ("bf16", "fp32"):
        ways.append("--model.dtype auto")
    if wanted.gradient_checkpointing is not True and wanted.gradient_checkpointing != "auto":
        ways.append("--model.gradient_checkpointing auto")
    if wanted.swap_blocks != "auto":
        ways.append("--model.swap_blocks auto")
    settings = f"add {' '.join(ways)}, or " if ways else ""
    return f"{settings[:1].upper()}{settings[1:]}{'make' if ways else 'Make'} the largest of `data.buckets` smaller."
