"""Learning-rate schedules with warm-up, each a function of the step alone.

    lr(step) = base * min(1, (step + 1) / (warmup + 1)) * decay(progress),  progress in [0, 1] after warm-up

Being closed forms, they continue exactly after a resume and stretch when a finished run is given more steps.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any, Literal

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from typing_extensions import override

logger = logging.getLogger(__name__)

Decay = Literal["constant", "linear", "cosine"]


class WarmupDecay(LRScheduler):
    """Linear warm-up, then a constant, linear or cosine decay to a fraction of the rate.

    Args:
        optimizer: The optimizer whose groups are scheduled.
        warmup_steps: Optimizer steps over which the rate rises to its full value; in a shorter run, a tenth of it.
        decay: Shape after the warm-up.
        final_fraction: Fraction of the rate at the last step; without effect when `decay` is constant.
        total_steps: Steps over which to decay; the run's `trainer.max_steps` when null.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        warmup_steps: int = 0,
        decay: Decay = "constant",
        final_fraction: float = 0.1,
        total_steps: int | None = None,
    ) -> None:
        self.warmup_steps = warmup_steps
        self.decay = decay
        self.final_fraction = final_fraction
        self.total_steps = total_steps
        super().__init__(optimizer)

    def stretch(self, total_steps: int) -> None:
        """Decay over this many steps unless the recipe fixed a number; sets the optimizer's current rate."""
        self.total_steps = self.total_steps or total_steps
        if self.warmup_steps >= self.total_steps:
            shorter = self.total_steps // 10
            logger.info("the warm-up of %d steps is cut to %d of %d", self.warmup_steps, shorter, self.total_steps)
            self.warmup_steps = shorter
        self.apply()

    def apply(self) -> None:
        """Write the rate of the current step into the optimizer's groups."""
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = lr
        self._last_lr = self.get_lr()

    @override
    def get_lr(self) -> list[float | Tensor]:
        return [base * self.factor(self.last_epoch) for base in self.base_lrs]

    def factor(self, step: int) -> float:
        """Fraction of the base rate at a step, counted from 0."""
        warmup = min(1.0, (step + 1) / (self.warmup_steps + 1))
        if self.decay == "constant" or self.total_steps is None:
            return warmup
        progress = (step - self.warmup_steps) / max(1, self.total_steps - 1 - self.warmup_steps)
        progress = min(1.0, max(0.0, progress))
        shape = 1 - progress if self.decay == "linear" else (1 + math.cos(math.pi * progress)) / 2
        return warmup * (self.final_fraction + (1 - self.final_fraction) * shape)

    @override
    def state_dict(self) -> dict[str, Any]:
        """The position alone: rates come from the recipe."""
        return {"last_epoch": self.last_epoch}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.last_epoch = state_dict["last_epoch"]
        self.apply()


def group_options(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Settings of each group of an optimizer: what its constructor takes, and not what it keeps there of its own."""
    kinds = [kind for kind in type(optimizer).__mro__ if issubclass(kind, Optimizer)]
    settings = {name for kind in kinds for name in signature(kind.__init__).parameters} - {"self", "params"}
    return [{key: value for key, value in group.items() if key in settings} for group in optimizer.param_groups]


def restore_options(optimizer: Optimizer, schedule: object, options: Sequence[Mapping[str, Any]]) -> None:
    """Let the recipe's settings win over those that a resume has brought back.

    Args:
        optimizer: With the state of the run that is resumed.
        schedule: Its learning-rate schedule, if it has one.
        options: From `group_options` of the optimizer that the recipe makes.
    """
    for group, wanted in zip(optimizer.param_groups, options, strict=True):
        factor = wanted["lr"] / group.get("initial_lr", group["lr"])
        scaled = 1.0 if isinstance(schedule, WarmupDecay) else factor  # that one follows the recipe by itself
        group.update({**wanted, "lr": group["lr"] * scaled})
    if isinstance(schedule, WarmupDecay) and schedule.decay != "constant":
        logger.info("the learning rate falls until step %d", schedule.total_steps)
