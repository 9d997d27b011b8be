"""How far a LoRA's samples have gone from the base's samples towards the clips: 0 is the base, 1 is the training set.

The base is sampled with a clip's own caption, so sample and clip differ in what the caption does not say: the concept.
Over several pairs that difference has a mean and a spread for each feature, and a linear discriminant with a diagonal
covariance (Fisher) weighs features by how surely they tell the two apart:

    w = mean / variance        adoption of a change c = sum(w * c) / sum(w * mean)

Each family of features is judged on its own, so a style shows in textures and a motion in motion, and a family of many
features does not win by its number. What separates base and clips most clearly may be that samples are softer than real
clips, which no LoRA is to blame for. So once there are samples, the two families count in which LoRAs have gone
furthest, each by how clearly it separates base and clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from ltx_module.evaluation.video_features import Features

_LEAST_SEPARATION = 0.1
_FAMILIES = 2


@dataclass(frozen=True)
class _Family:
    weights: Tensor
    length: float
    """`sum(w * mean)`, which makes the whole way 1."""
    separation: float
    """Mean over the features of `mean^2 / variance`, less what chance gives."""


@dataclass(frozen=True)
class Direction:
    """The way from the base's samples to the clips, in the features that tell them apart."""

    families: dict[str, _Family]

    @classmethod
    def fit(cls, pairs: Sequence[tuple[Features, Features]]) -> "Direction | None":
        """Find the way from pairs of one caption.

        Args:
            pairs: Features of a base sample and of the clip whose caption it was made with.

        Returns:
            None where there are fewer than two pairs, or nothing tells base and clips apart: then there is nothing to
            adopt that these features see.
        """
        if len(pairs) < 2:
            return None
        names = [name for name in pairs[0][0] if all(name in base and name in clip for base, clip in pairs)]
        families = {}
        for name in names:
            family = _fit_family(torch.stack([clip[name] - base[name] for base, clip in pairs]))
            if family is not None:
                families[name] = family
        return cls(families) if families else None

    def adoption(self, before: Features, after: Features) -> float:
        """Share of the way that a sample went.

        Args:
            before: Features of the base's sample.
            after: Features of the LoRA's sample of the same prompt and seed.
        """
        weight = moved = 0.0
        for name, family in self.families.items():
            if name in before and name in after:
                change = float((family.weights * (after[name] - before[name])).sum())
                moved += family.separation * change / family.length
                weight += family.separation
        return moved / weight if weight else 0.0

    def focused(self, changes: Sequence[tuple[Features, Features]]) -> "Direction":
        """The families in which samples have gone furthest.

        Args:
            changes: Features of samples of the base and of LoRAs, by the same prompt with the trigger and seed.
        """
        if not changes:
            return self
        moved = {
            name: fmean(Direction({name: family}).adoption(before, after) for before, after in changes)
            for name, family in self.families.items()
        }
        weights = {name: min(moved[name], 1.0) * family.separation**0.5 for name, family in self.families.items()}
        chosen = sorted(weights, key=lambda name: weights[name], reverse=True)[:_FAMILIES]
        return Direction({name: self.families[name] for name in chosen})


def _fit_family(differences_KD: Tensor) -> _Family | None:
    count = len(differences_KD)
    mean, variance = differences_KD.mean(0), differences_KD.var(0)
    variance = variance + variance.median() + 1e-8  # few pairs make small variances by chance
    effects = mean.square() / variance
    separation = float(effects.mean()) - 1 / count  # a mean of `count` differences without any effect
    # Where chance gives more than the effect, a feature says nothing.
    weights = torch.where(effects * count > 1, mean / variance, torch.zeros_like(mean))
    length = float((weights * mean).sum())
    if separation < _LEAST_SEPARATION or length <= 0:
        return None
    return _Family(weights=weights, length=length, separation=separation)
