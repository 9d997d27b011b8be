"""Which checkpoint is best, and at which strength.

    quality = concept * (1 - leak / 2) * steering * (1 - burn) * (1 + generality) / 2

`concept` is the adoption with the trigger (mean of picture and sound where both have something to adopt), `steering`
how much prompts still decide, `generality` the loss taken off held-out clips as a share of the best checkpoint's. Each
is clipped to [0, 1]; what is unknown counts as 1, for all checkpoints alike. Nothing but the order depends on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from ltx_module.evaluation.config import TRAINED
from ltx_module.evaluation.outcome import Outcome
from ltx_module.evaluation.scoring import Scores

_AS_GOOD = 0.97
"""A strength nearer to 1 is taken if it reaches this share of the best quality: the figures are no more exact."""


@dataclass(frozen=True, kw_only=True)
class Best:
    """The checkpoint and strength to use."""

    checkpoint: str
    strength: float
    reason: str


def quality(outcome: Outcome, best_gain: float | None, strength: float = TRAINED) -> float:
    """Quality of a checkpoint at a strength, in [0, 1].

    Args:
        outcome: Its scores.
        best_gain: Largest gain on held-out clips of any checkpoint and strength.
        strength: One that was sampled.
    """
    scores = outcome.by_strength.get(strength, {})
    if scores.get("broken") == 1:
        return 0.0
    leak = outcome.by_strength.get(TRAINED, {}).get("leak")  # without the trigger, only strength 1 is sampled
    gain = outcome.gain("validation", strength=strength)
    generality = 1.0 if gain is None or not best_gain or best_gain <= 0 else _clip(gain / best_gain)
    return (
        _concept(scores)
        * (1 - _clip(leak or 0.0) / 2)
        * _clip(_or_one(scores.get("steering")))
        * (1 - _clip(scores.get("burn") or 0.0))
        * (1 + generality)
        / 2
        * (1 - (scores.get("broken") or 0.0))
    )


def rank(outcomes: Sequence[Outcome]) -> list[tuple[Outcome, float]]:
    """The checkpoints with their quality at strength 1, best first; of equals the later one."""
    best_gain = largest_gain(outcomes)
    scored = [(outcome, quality(outcome, best_gain)) for outcome in outcomes]
    return sorted(scored, key=lambda pair: (pair[1], pair[0].step or 0), reverse=True)


def largest_gain(outcomes: Sequence[Outcome]) -> float | None:
    """Largest gain on held-out clips of any checkpoint at any strength; None without such clips."""
    gains = [
        gain
        for outcome in outcomes
        for strength in map(float, outcome.profile.losses.get("validation", {}))
        if (gain := outcome.gain("validation", strength=strength)) is not None
    ]
    return max(gains, default=None)


def choose_strength(outcome: Outcome, best_gain: float | None) -> Best:
    """The strength with the best quality, or one nearer to 1 that is as good."""
    qualities = {strength: quality(outcome, best_gain, strength) for strength in outcome.by_strength}
    top = max(qualities.values())
    good = [strength for strength, value in qualities.items() if value >= _AS_GOOD * top]
    strength = min(good, key=lambda value: (abs(value - TRAINED), value))
    return Best(checkpoint=outcome.name, strength=strength, reason=_reason(outcome, strength, qualities))


def _reason(outcome: Outcome, strength: float, qualities: dict[float, float]) -> str:
    """What speaks for a strength, in words with figures."""
    scores = outcome.by_strength[strength]
    facts = [
        f"{label} {value:.0%}"
        for label, value in (
            ("concept with the trigger", scores.get("adoption")),
            ("sound with the trigger", scores.get("adoption_audio")),
            ("prompts still steer", scores.get("steering")),
        )
        if value is not None
    ]
    gain = outcome.gain("validation", strength=strength)
    if gain is not None:
        facts.append(f"{gain:.1%} less loss on held-out clips")
    trained = qualities.get(TRAINED, 0.0)
    if strength == TRAINED:
        facts.append("no other strength is clearly better" if len(qualities) > 1 else "no other strength was sampled")
    elif trained > 0:
        facts.append(f"quality {qualities[strength]:.2f} against {trained:.2f} at strength 1")
    return "; ".join(facts)


def _concept(scores: Scores) -> float:
    adoptions = [value for name in ("adoption", "adoption_audio") if (value := scores.get(name)) is not None]
    return _clip(fmean(adoptions)) if adoptions else 1.0


def _or_one(value: float | None) -> float:
    return 1.0 if value is None else value


def _clip(value: float) -> float:
    return min(max(value, 0.0), 1.0)
