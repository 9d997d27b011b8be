"""Outcomes made of numbers alone: what each fault looks like without a model."""

from typing import Any

from ltx_module.evaluation.outcome import Outcome, RecipeFacts
from ltx_module.evaluation.profile import Profile
from ltx_module.evaluation.strength_curve import MEASURED

GOOD: dict[str, float | None] = {
    "adoption": 0.9,
    "adoption_novel": 0.8,
    "adoption_no_trigger": 0.1,
    "adoption_off_topic": 0.05,
    "leak": 0.11,
    "side_effects": 0.3,
    "inconsistency": 0.1,
    "steering": 0.9,
    "nearest_latents": 1.0,
    "nearest_pixels": 1.0,
    "burn": 0.0,
    "broken": 0.0,
}


def facts(**changes: Any) -> RecipeFacts:
    values: dict[str, Any] = {
        "trigger": "blorp",
        "max_steps": 500,
        "with_audio": False,
        "audio_loss_weight": 1.0,
        "train_clips": 16,
        "held_out_clips": 4,
        "lora_rank": 32,
    }
    return RecipeFacts(**{**values, **changes})


Curve = tuple[float, float]
"""Largest share of the loss that is taken away, and the strength at which it is."""

TRAINED: Curve = (0.2, 1.0)
BEGUN: Curve = (0.4, 10.0)
"""So far only a tenth of the way."""


def losses(curve: Curve) -> dict[str, dict[str, dict[str, float]]]:
    """Losses by strength, a parabola that begins at the base's 1."""
    gain, best = curve
    return {f"{s:g}": {"video": {"0.20": 1 - gain * (2 * s / best - (s / best) ** 2)}} for s in MEASURED}


def profiles(train: Curve = TRAINED, held_out: Curve | None = (0.16, 1.0)) -> dict[str, Profile]:
    """Profiles of a LoRA and of the base."""
    own, base = {"train": losses(train)}, {"train": {"0": {"video": {"0.20": 1.0}}}}
    if held_out is not None:
        own["validation"], base["validation"] = losses(held_out), {"0": {"video": {"0.20": 1.0}}}
    return {"profile": Profile(losses=own), "base_profile": Profile(losses=base)}


def with_audio(outcome: Outcome, gain: float) -> Outcome:
    """The outcome of a recipe with sound, of whose audio loss on the training clips this share is taken away."""
    outcome.base_profile.losses["train"]["0"]["audio"] = {"0.20": 1.0}
    outcome.profile.losses["train"]["1"]["audio"] = {"0.20": 1 - gain}
    return outcome


def outcome(name: str = "step_000500", step: int | None = 500, /, **changes: Any) -> Outcome:
    """A good checkpoint, but for what is changed: scores by name, `profiles`, or `by_strength` in place of all."""
    made = changes.pop("profiles", None) or profiles()
    by_strength = changes.pop("by_strength", None) or {1.0: {**GOOD, **changes}}
    return Outcome(name=name, file=f"{name}.safetensors", step=step, by_strength=by_strength, **made)
