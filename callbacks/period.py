"""When a callback acts: after an optimizer step, on its period, at the last step and when the run stops."""

from lightning.pytorch import Trainer


def finished_step(trainer: Trainer, batch_idx: int) -> int | None:
    """The optimizer step that this micro-batch completed, counted from 1, or None inside an accumulation."""
    if (batch_idx + 1) % trainer.accumulate_grad_batches:
        return None
    return int(trainer.global_step)


def is_nth_step(trainer: Trainer, batch_idx: int, every_n_steps: int) -> bool:
    """Whether this micro-batch completed a step that a row of the logs falls on."""
    step = finished_step(trainer, batch_idx)
    return step is not None and step % every_n_steps == 0


def is_due(trainer: Trainer, batch_idx: int, every_n_steps: int) -> bool:
    """Whether a periodic action falls on this micro-batch.

    Args:
        trainer: The running trainer.
        batch_idx: Micro-batch that has just ended.
        every_n_steps: Period in optimizer steps.

    Returns:
        True after each n-th optimizer step, after the last one, and after the one on which the run stops early.
    """
    step = finished_step(trainer, batch_idx)
    if step is None:
        return False
    return step % every_n_steps == 0 or step == trainer.max_steps or trainer.should_stop
