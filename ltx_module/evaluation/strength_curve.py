"""What a loss says about the strength at which a LoRA would be best on the clips.

Around the trained strength 1, the loss is nearly a parabola in the strength. Training moves its lowest point on the
training clips towards 1: a LoRA that has only begun would be better at several times its strength; one that was scaled
up, or whose learning rate was too high, is best well below 1. The figure has no unit, so it is the same for a model of
any size. Farther from 1 it need not hold: a LoRA that answers to a trigger alone may do little at half strength.
"""

AROUND = (0.75, 1.0, 1.25)
"""The strengths from which the parabola is found."""

MEASURED = (0.25, 0.5, *AROUND)
"""The strengths at which losses are always measured."""

NO_OPTIMUM = 10.0
"""Stands for an optimum beyond ten, or out of sight."""


def optimal_strength(below: float, at_one: float, above: float) -> float | None:
    """Strength of the lowest loss, in [0, 10].

    Args:
        below: Loss at strength 0.75.
        at_one: Loss at strength 1.
        above: Loss at strength 1.25.

    Returns:
        None if the losses are equal, so that the LoRA does nothing.
    """
    if below == at_one == above:
        return None
    slope, bend = above - below, above - 2 * at_one + below  # times 2h and h^2, with h = 0.25
    if bend <= 0:
        return NO_OPTIMUM if slope < 0 else 0.0
    step = AROUND[2] - AROUND[1]
    return min(max(1 - step * slope / (2 * bend), 0.0), NO_OPTIMUM)
