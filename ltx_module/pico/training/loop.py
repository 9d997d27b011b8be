"""A training loop for a given time: warm-up and cosine over its share, clipped gradients, averaged weights."""

import logging
import math
import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

logger = logging.getLogger(__name__)

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
"""Where pico is trained; a CPU serves to try the code."""

_WARMUP = 0.03
_FINAL = 0.01
_EMA = 0.999
_LOG_SECONDS = 15.0

Step = Callable[[int], dict[str, Tensor]]
"""From the number of a step to its losses; the entry `loss` is minimised."""


class AveragedWeights:
    """Exponential averages of the parameters, warmed up so that the first steps are forgotten."""

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self.live = [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]
        self.average = [parameter.detach().clone() for parameter in self.live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes in the parameters after a step."""
        decay = min(_EMA, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.average, [parameter.detach() for parameter in self.live], 1 - decay)

    @torch.no_grad()
    def apply(self) -> None:
        """Puts the averages in place of the parameters."""
        for parameter, average in zip(self.live, self.average, strict=True):
            parameter.copy_(average)


def train(modules: list[nn.Module], step: Step, *, minutes: float, rate: float, name: str) -> int:
    """Trains until the time is up and leaves the averaged weights in the modules.

    Args:
        modules: What is trained.
        step: Draws a batch and computes its losses.
        minutes: Time to train.
        rate: Highest learning rate.
        name: For the log.

    Returns:
        Number of steps.
    """
    average = AveragedWeights(modules)
    matrices = [parameter for parameter in average.live if parameter.ndim > 1]
    others = [parameter for parameter in average.live if parameter.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}],
        lr=rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    begin = reported = time.monotonic()
    number, share = 0, 0.0
    while share < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(
                1, (share + 1e-3) / _WARMUP, _FINAL + (1 - _FINAL) * (1 + math.cos(math.pi * share)) / 2
            )
        losses = step(number)
        optimizer.zero_grad()
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        if nn.utils.clip_grad_norm_(average.live, 1.0).isfinite():
            optimizer.step()
            average.update(number)
        else:
            logger.info("%s step %d has a gradient that is not finite and is left out", name, number)
        number += 1
        now = time.monotonic()
        if now - reported > _LOG_SECONDS:
            values = " ".join(f"{key} {value.item():.4f}" for key, value in losses.items())
            logger.info("%s step %d (%.0f %%): %s", name, number, 100 * share, values)
            reported = now
        share = (time.monotonic() - begin) / (60 * minutes)
    average.apply()
    logger.info("%s: %d steps in %.1f minutes", name, number, minutes)
    return number
