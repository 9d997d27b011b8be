"""Bytes that a recipe takes on the card, by part, before anything is loaded.

    step    weights + adapters + optimizer + tables + max over the stages of
              end of forward       gradients of the step before + what all blocks keep
              backward of block b  gradients of the blocks after b + what blocks up to b keep + b recomputed
                                   + temporaries
              optimizer            gradients + its temporaries
    sample  what stays, and a forward pass with the distilled LoRA, or the decoder; it takes tiles rather than more
            memory than the step, down to the smallest ones
    saving  what stays, with gradients, and one tensor at a time

A block that is recomputed keeps its input alone; the first blocks are, so that the last ones have freed theirs by then.
Swapped blocks are recomputed too, and two of them are on the card.
"""

from dataclasses import dataclass
from typing import Self

from ltx_module.precision import memory_constants as constants
from ltx_module.precision.execution import Execution
from ltx_module.precision.memory_job import MemoryJob

_RING = 2  # blocks' room that swapping keeps on the card


@dataclass(frozen=True, kw_only=True)
class StepParts:
    """Bytes at the peak of a training step."""

    weights: int
    """The frozen model, as far as it stays on the card."""
    adapters: int
    """Trainable parameters in fp32."""
    optimizer: int
    """State held between steps."""
    gradients: int
    """What there is of them at the peak."""
    kept: int
    """Activations that wait for backward."""
    working: int
    """The block at work, or the optimizer's temporaries."""
    tables: int
    """Text contexts, position tables and workspace."""

    @property
    def total(self) -> int:
        """All of it."""
        return sum(vars(self).values())


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Bytes on the card."""

    parts: StepParts
    """Of the step of the largest bucket."""
    sample: int
    """Peak of a sample between two steps; 0 where nothing is sampled."""
    saving: int
    """Peak of saving."""
    host: int
    """Page-locked host memory of swapped blocks."""

    @property
    def step(self) -> int:
        """Peak of the step."""
        return self.parts.total

    @property
    def needed(self) -> int:
        """The most that a run takes."""
        return max(self.step, self.sample, self.saving)

    @classmethod
    def of(cls, job: MemoryJob, execution: Execution) -> Self:
        """The estimate for a way to hold and run the model."""
        away = max(0, min(execution.swap_blocks, job.sizes.num_blocks) - _RING)
        resting = _resting(job, execution, away)
        step = max(_stages(job, execution, resting), key=lambda parts: parts.total)
        least, most = (resting.total + _sampling(job, execution, tiled=tiled) for tiled in (True, False))
        return cls(
            parts=step,
            sample=0 if job.sample is None else max(least, min(most, step.total)),
            saving=resting.total + 4 * (job.trainable + job.sizes.largest),
            host=0 if not away else round(execution.swap_blocks * job.sizes.block_bytes(execution.dtype)),
        )


def inference(job: MemoryJob, execution: Execution) -> int:
    """Bytes at the peak of a sample without training: `sample`, `evaluate` and their like."""
    away = max(0, min(execution.swap_blocks, job.sizes.num_blocks) - _RING)
    resting = _resting(job, execution, away)
    adapters = resting.adapters // 2  # loaded in bf16
    return resting.weights + adapters + resting.tables + _sampling(job, execution, tiled=True)


def block_constants(execution: Execution) -> constants.BlockConstants:
    """The fitted constants that belong to a way to run the model."""
    return constants.COMPILED if execution.compile else constants.EAGER


def _resting(job: MemoryJob, execution: Execution, away: int) -> StepParts:
    """What stays on the card all the time."""
    sizes, dtype = job.sizes, execution.dtype
    held = (sizes.num_blocks - away) / job.shards + (_RING if job.shards > 1 else 0)
    contexts = 2 * job.graphs * job.prompt_widths
    positions = 2 * (1 + job.both_streams) * job.geometries * job.widths  # cosine and sine, of half a head each
    return StepParts(
        weights=round(held * sizes.block_bytes(dtype) + sizes.rest_bytes(dtype)),
        adapters=4 * job.trainable,
        optimizer=round(job.optimizer.state * job.trainable),
        gradients=0,
        kept=0,
        working=0,
        tables=constants.WORKSPACE + contexts + positions,
    )


def _stages(job: MemoryJob, execution: Execution, resting: StepParts) -> list[StepParts]:
    """The step's parts at each stage that may be its peak."""
    whole, temporaries = _whole_block(job, execution), _temporaries(job, execution)
    wide = 2 if execution.dtype == "fp32" else 1
    inputs = round(wide * constants.KEPT_INPUT * job.widths)
    blocks = job.sizes.num_blocks
    recomputed = max(execution.checkpointed_blocks, execution.swap_blocks)
    kept = [inputs if number < recomputed else whole for number in range(blocks)]
    waiting = job.graphs * sum(kept)
    # Recorded steps have a place of their own for gradients, from which those of several micro-batches are copied.
    is_recorded = execution.compile and not execution.swap_blocks
    all_gradients = 4 * job.trainable * (2 if is_recorded and job.keeps_gradients else 1)
    keeps_gradients = job.keeps_gradients or is_recorded
    stages = [
        _at(resting, gradients=all_gradients, kept=waiting, working=0),
        _at(resting, gradients=all_gradients, kept=0, working=round(job.optimizer.working * job.trainable)),
    ]
    for graph in range(job.graphs):  # the last graph is propagated first
        for number in reversed(range(blocks)):
            there = (job.graphs - 1 - graph) * sum(kept) + sum(kept[: number + 1])
            done = 1.0 if graph or keeps_gradients else (blocks - 1 - number) / blocks
            working = temporaries + (whole if number < recomputed else 0)
            stages.append(_at(resting, gradients=round(done * all_gradients), kept=there, working=working))
    return stages


def _at(resting: StepParts, *, gradients: int, kept: int, working: int) -> StepParts:
    """What stays, with what a stage adds."""
    return StepParts(**{**vars(resting), "gradients": gradients, "kept": kept, "working": working})


def _whole_block(job: MemoryJob, execution: Execution) -> int:
    """Bytes that a block keeps which is not recomputed."""
    of = block_constants(execution)
    each = of.stream + (of.cross if job.both_streams else 0)
    wide = 2 if execution.dtype == "fp32" else 1
    return round(wide * (each * job.widths + of.prompt * job.prompt_widths))


def _temporaries(job: MemoryJob, execution: Execution) -> int:
    """Bytes that the block at work takes beyond what it keeps."""
    of = block_constants(execution)
    each, fixed = of.working, 0
    if execution.dtype in ("fp8", "int8"):
        each += constants.EIGHT_BIT_WORKING[execution.compile]
        fixed = job.sizes.largest  # the transposed codes
    elif execution.dtype == "nf4":
        fixed = 2 * job.sizes.largest  # the weight in bf16
    return round(each * job.widths * (2 if execution.dtype == "fp32" else 1)) + fixed


def _sampling(job: MemoryJob, execution: Execution, *, tiled: bool) -> int:
    """Bytes that a sample takes beside what stays: a forward pass, then the decoder, whole or in the smallest tiles."""
    sample = job.sample
    if sample is None:
        return 0
    forward = block_constants(execution).forward * sample.widths * (2 if execution.dtype == "fp32" else 1)
    decoding = constants.DECODER_BYTES_PER_PIXEL * sample.pixels
    if tiled:
        tile = constants.DECODER_BYTES_PER_PIXEL * min(sample.pixels, constants.SMALLEST_TILE)
        decoding = min(decoding, tile + constants.TILED_BYTES_PER_PIXEL * sample.pixels)
    return round(max(sample.distilled + forward, sample.decoder + decoding))
