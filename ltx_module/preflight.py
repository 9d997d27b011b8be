"""Before step 1: will the largest bucket's step, a sample and a save all fit?

The step of the largest bucket is computed once, forward and backward, with nothing of the run changed by it: no
gradient, no random number, no position in the data, no optimizer state, no log. Its measured peak, the optimizer's
state that is yet to come, and the planned peaks of a sample and of saving are held against the card. Where the recipe
leaves the choice to `auto`, more blocks are recomputed until it fits; else the run ends here, and not at step 2000.

One bucket with nothing left to `auto` needs no trial: the first step is one.
"""

import dataclasses
import logging
from itertools import count

import torch
from lightning.pytorch import Trainer

from datamodules.batch import LatentBatch
from datamodules.latents import LatentDataModule
from ltx_module.execution_choice import largest_of_ranks, smallest_card, wanted_of
from ltx_module.failures import GPUMemoryError, is_full_gpu
from ltx_module.largest_job import largest_bucket, largest_job
from ltx_module.module import LTXModule
from ltx_module.precision.card import GIB
from ltx_module.precision.memory import MemoryEstimate
from ltx_module.precision.memory_job import MemoryJob
from ltx_module.precision.smaller import smaller
from ltx_module.strategies import ShardedStrategy

logger = logging.getLogger(__name__)

_SPARE = 0.01  # of the card, which other programs may take between here and the step


def preflight(trainer: Trainer, model: LTXModule) -> None:
    """Try the largest bucket where that is worth it.

    Raises:
        GPUMemoryError: If the step, a sample or a save would not fit.
    """
    data = trainer.datamodule  # type: ignore[attr-defined]
    card = smallest_card(trainer)
    if card is None or not isinstance(data, LatentDataModule) or not _is_due(trainer, model, data):
        return
    batch = data.batch_of(largest_bucket(data))
    if batch is None:
        return
    batch = dataclasses.replace(batch, index=_hardest(model))
    job = largest_job(model, data, trainer)
    while True:
        needed = _needed(trainer, model, job, batch)
        most = largest_of_ranks(trainer, needed_at_most(needed))
        if most <= (1 - _SPARE) * card.free:
            logger.info("largest bucket %s tried: %s of %.1f GiB", batch.bucket, _told(needed), card.free / GIB)
            return
        if not _recompute_more(model, job):
            settings = smaller(wanted_of(model), model.execution, job, card)
            raise GPUMemoryError(
                f"the largest bucket, {batch.bucket}, does not fit {card}: {_told(needed)}.",
                f"{'' if settings is None else f'add `{settings}`, or '}lower the largest of `data.buckets` or"
                " `data.batch_size`. Nothing was trained yet, and what is encoded is kept.",
            )
        assert model.execution is not None
        blocks = model.execution.checkpointed_blocks
        logger.warning("auto: %s does not fit (%s): %d blocks are recomputed", batch.bucket, _told(needed), blocks)


def needed_at_most(needed: dict[str, int | None]) -> float:
    """Bytes of the largest part; infinite where one did not fit at all."""
    return max(float("inf") if size is None else size for size in needed.values())


def _is_due(trainer: Trainer, model: LTXModule, data: LatentDataModule) -> bool:
    """Whether a trial tells more than the first step would; ranks that share one model would wait for each other."""
    if isinstance(trainer.strategy, ShardedStrategy):
        return False
    return wanted_of(model).is_open or len(data.used_buckets) > 1


def _hardest(model: LTXModule) -> int:
    """Number of a micro-batch in which the base is preserved, if it ever is."""
    kept = model.preservation
    if kept is None or not kept.probability:
        return 0
    return next(number for number in count() if kept.draw(model.seed, number) is not None)


def _needed(trainer: Trainer, model: LTXModule, job: MemoryJob, batch: LatentBatch) -> dict[str, int | None]:
    """Bytes of a step, as tried, of a sample and of saving, as planned; None where the trial did not fit."""
    assert model.execution is not None
    estimate = MemoryEstimate.of(job, model.execution)
    state = sum(
        tensor.numel() * tensor.element_size()
        for optimizer in trainer.optimizers
        for values in optimizer.state.values()
        for tensor in values.values()
        if isinstance(tensor, torch.Tensor)
    )
    missing = max(0, round(job.optimizer.state * job.trainable) - state)
    tried = _try(trainer, model, batch)
    return {
        "step": None if tried is None else tried + missing,
        "sample": estimate.sample,
        "saving": estimate.saving,
    }


def _try(trainer: Trainer, model: LTXModule, batch: LatentBatch) -> int | None:
    """Bytes that the allocator held at most in a step of a batch; None where they did not suffice."""
    device = model.device
    on_card = [device.index or 0] if device.type == "cuda" else []
    loss = model.training_loss
    model.training_loss = dataclasses.replace(loss, balance=None)  # it joins all ranks, and keeps what it sees
    torch.cuda.empty_cache()
    for index in on_card:
        torch.cuda.reset_peak_memory_stats(index)
    try:
        with torch.random.fork_rng(devices=on_card), trainer.precision_plugin.train_step_context():
            model.losses(batch.to(device)).total.backward()  # type: ignore[no-untyped-call]
        return max((torch.cuda.max_memory_reserved(index) for index in on_card), default=0)
    except RuntimeError as error:
        if not is_full_gpu(error):
            raise
        logger.debug("the trial did not fit", exc_info=True)
        return None
    finally:
        for optimizer in trainer.optimizers:
            optimizer.zero_grad(set_to_none=True)
        model.training_loss = loss
        torch.cuda.empty_cache()


def _recompute_more(model: LTXModule, job: MemoryJob) -> bool:
    """Recompute an eighth of the blocks more; false where the recipe forbids it or all of them are."""
    execution, blocks = model.execution, job.sizes.num_blocks
    assert execution is not None
    if model.gradient_checkpointing != "auto" or execution.checkpointed_blocks >= blocks:
        return False
    model.recompute(min(blocks, execution.checkpointed_blocks + max(1, blocks // 8)))
    return True


def _told(needed: dict[str, int | None]) -> str:
    """The parts and their sizes."""
    return ", ".join(
        f"{name} {'too much' if size is None else f'{size / GIB:.1f} GiB'}" for name, size in needed.items()
    )
