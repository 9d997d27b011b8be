"""Noise levels: how training draws them, and the steps that sampling takes.

Longer clips need more noise to be destroyed, so both shift towards 1 by mu(tokens), a line through 0.95 at 1024
tokens and 2.05 at 4096. Sampling uses the mu of 4096 tokens whatever the clip, as every published workflow does.
Training follows the tokens; the reference extrapolates the line, which at 8160 tokens puts 77 % of the draws above
0.75 against 62 % when clamped at 4096.
"""

import math
from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Literal

import torch
from torch import Generator, Tensor

DISTILLED_SIGMAS = (1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875, 0.0)
"""The eight steps that the distilled model was trained for."""

_MIN_TOKENS, _MIN_MU = 1024, 0.95
_MAX_TOKENS, _MAX_MU = 4096, 2.05
_LAST_SIGMA = 0.1  # of the inference schedule, before 0
_LOW_QUANTILE, _HIGH_QUANTILE = -2.5758, 3.0902  # of the normal distribution: 0.5 % and 99.9 %


def shift_mu(tokens: int) -> float:
    """The shift for a number of tokens, on the line through both published points."""
    return _MIN_MU + (tokens - _MIN_TOKENS) * (_MAX_MU - _MIN_MU) / (_MAX_TOKENS - _MIN_TOKENS)


def inference_sigmas(steps: int, tokens: int = _MAX_TOKENS) -> tuple[float, ...]:
    """Noise levels of the reference schedule, from 1 to 0.

        sigma(t) = e^mu / (e^mu + 1/t - 1)      t evenly spaced, then stretched so that the last one before 0 is 0.1

    Args:
        steps: Sampling steps.
        tokens: Latent tokens of the clip; workflows leave it at 4096.

    Returns:
        `steps + 1` values, strictly decreasing.

    Raises:
        ValueError: Fewer than one step.
    """
    if steps < 1:
        raise ValueError(f"`sample.steps` is {steps}, but a schedule needs at least 1: 30 is the reference's.")
    if steps == 1:
        return (1.0, 0.0)
    shift = math.exp(shift_mu(tokens))
    clean = [1 - shift / (shift + 1 / (1 - i / steps) - 1) for i in range(1, steps)]
    stretch = (1 - _LAST_SIGMA) / clean[-1]
    return (1.0, *(1 - stretch * value for value in clean), 0.0)


def check_sigmas(sigmas: tuple[float, ...]) -> None:
    """Refuse a list that no sampler can follow.

    Raises:
        ValueError: Not at least two values that fall within [0, 1].
    """
    falling = all(after < before for before, after in pairwise(sigmas))
    if len(sigmas) < 2 or not falling or sigmas[0] > 1 or sigmas[-1] < 0:
        raise ValueError(
            f"the sampling sigmas are {sigmas}, but they must fall from at most 1 to at least 0 in one step or more."
        )


class SigmaSampler(ABC):
    """Draws the noise level of each item of a training batch."""

    @abstractmethod
    def draw(self, batch: int, tokens: int, generator: Generator | None = None) -> Tensor:
        """Draw noise levels.

        Args:
            batch: Items.
            tokens: Tokens of this modality to generate.
            generator: Source of randomness; None is torch's global one on the CPU.

        Returns:
            Noise levels in [0, 1], float32, `(batch,)`, on the generator's device.
        """


class Uniform(SigmaSampler):
    """Every noise level equally often.

    Args:
        min_value: Lowest noise level.
        max_value: Highest noise level.
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0) -> None:
        if not 0 <= min_value < max_value <= 1:
            raise ValueError(
                f"`min_value` and `max_value` of the sigma sampler are {min_value} and {max_value}, "
                "but noise levels lie in [0, 1] and the first must be the lower: use 0 and 1."
            )
        self.min_value = min_value
        self.max_value = max_value

    def draw(self, batch: int, tokens: int, generator: Generator | None = None) -> Tensor:  # noqa: ARG002
        """Draw noise levels; the tokens do not matter."""
        drawn_B = torch.rand(batch, generator=generator, device=_device(generator))
        return self.min_value + (self.max_value - self.min_value) * drawn_B


class ShiftedLogitNormal(SigmaSampler):
    """The reference's distribution: a logit-normal one that moves towards 1 for longer clips.

    z ~ N(mu(tokens), std); sigmoid(z) is stretched so that its 0.5 % and 99.9 % quantiles become 0 and 1, what falls
    below eps is mirrored above it, and a part of the draws is uniform instead.

    Args:
        shift: mu: `extrapolate` follows the line for every clip, as the reference does; `clamp` keeps it between
            its values at 1024 and 4096 tokens; a number is used for every clip (2.05 is that of sampling).
        std: Width of the normal distribution.
        eps: Lowest noise level.
        uniform_probability: Part of the draws that is uniform.
    """

    def __init__(
        self,
        shift: float | Literal["extrapolate", "clamp"] = "extrapolate",
        std: float = 1.0,
        eps: float = 1.0e-3,
        uniform_probability: float = 0.1,
    ) -> None:
        if isinstance(shift, str) and shift not in ("extrapolate", "clamp"):
            raise ValueError(
                f"`shift` of the sigma sampler is {shift!r}, but must be 'extrapolate', 'clamp' or a number."
            )
        for name, value, valid in (
            ("std", std, std > 0),
            ("eps", eps, 0 <= eps < 0.5),
            ("uniform_probability", uniform_probability, 0 <= uniform_probability <= 1),
        ):
            if not valid:
                rule = {"std": "above 0", "eps": "in [0, 0.5)", "uniform_probability": "in [0, 1]"}[name]
                raise ValueError(f"`{name}` of the sigma sampler is {value}, but must be {rule}.")
        self.shift = shift
        self.std = std
        self.eps = eps
        self.uniform_probability = uniform_probability

    def mu(self, tokens: int) -> float:
        """The shift used for a clip of so many tokens."""
        if not isinstance(self.shift, str):
            return self.shift
        return shift_mu(tokens if self.shift == "extrapolate" else min(max(tokens, _MIN_TOKENS), _MAX_TOKENS))

    def draw(self, batch: int, tokens: int, generator: Generator | None = None) -> Tensor:
        """Draw noise levels; always three numbers an item, whatever they decide."""
        device, mu = _device(generator), self.mu(tokens)
        normal_B = torch.randn(batch, generator=generator, device=device)
        uniform_B = self.eps + (1 - self.eps) * torch.rand(batch, generator=generator, device=device)
        choice_B = torch.rand(batch, generator=generator, device=device)
        low, high = (_sigmoid(mu + quantile * self.std) for quantile in (_LOW_QUANTILE, _HIGH_QUANTILE))
        stretched_B = (torch.sigmoid(normal_B * self.std + mu) - low) / (high - low)
        mirrored_B = torch.where(stretched_B < self.eps, 2 * self.eps - stretched_B, stretched_B).clamp(0, 1)
        return torch.where(choice_B <= self.uniform_probability, uniform_B, mirrored_B)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _device(generator: Generator | None) -> torch.device:
    return torch.device("cpu") if generator is None else generator.device
