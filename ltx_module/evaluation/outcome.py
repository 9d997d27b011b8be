"""What is known of a checkpoint when the verdict is given."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from ltx_module.evaluation.config import TRAINED
from ltx_module.evaluation.profile import Profile
from ltx_module.evaluation.scoring import Scores
from ltx_module.evaluation.strength_curve import AROUND, optimal_strength

_GAINS = {
    "gain_train": ("train", "video"),
    "gain_held_out": ("validation", "video"),
    "gain_train_audio": ("train", "audio"),
    "gain_held_out_audio": ("validation", "audio"),
}


@dataclass(frozen=True, kw_only=True)
class RecipeFacts:
    """What a remedy refers to."""

    trigger: str
    max_steps: int
    with_audio: bool
    audio_loss_weight: float | None
    """None for `auto`."""
    train_clips: int
    """All training clips of the recipe, whether compared or not."""
    held_out_clips: int
    lora_rank: int
    base_sound_gap: float | None = None
    """`sound_gap` of the base's samples: whether there is a sound to learn; None where that cannot be told."""
    keeps_base: str = ""
    """Recipe key of the preservation that is on; empty without any."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Scores of one checkpoint."""

    name: str
    file: str
    step: int | None
    profile: Profile
    base_profile: Profile
    by_strength: Mapping[float, Scores] = field(default_factory=dict)
    """Scores of the samples at each strength that was sampled."""

    @property
    def scores(self) -> Scores:
        """All scores at strength 1, those of the losses included."""
        return {**self.at(TRAINED), **_trained_scores(self.profile)}

    def at(self, strength: float) -> Scores:
        """Scores at one strength: those of the samples, and the losses taken away."""
        gains: Scores = {}
        for name, (split, modality) in _GAINS.items():
            value = self.gain(split, modality, strength)
            if value is not None:
                gains[name] = 100 * value
        return {**self.by_strength.get(strength, {}), **gains}

    def gain(self, split: str, modality: str = "video", strength: float = TRAINED) -> float | None:
        """Share of the base's loss that the LoRA takes away; None where it was not measured."""
        before, after = self.base_profile.loss(split, 0, modality), self.profile.loss(split, strength, modality)
        return None if before is None or after is None else 1 - after / before

    def best_measured(self, split: str = "train") -> tuple[float, float] | None:
        """The measured strength that takes most of the video loss off a split's clips, and what share that is."""
        strengths = [float(strength) for strength in self.profile.losses.get(split, {})]
        gains = [
            (gain, strength) for strength in strengths if (gain := self.gain(split, strength=strength)) is not None
        ]
        return (max(gains)[1], max(gains)[0]) if gains else None

    def optimum(self, split: str = "train") -> float | None:
        """Strength of the lowest video loss on a split's clips; None where it was not measured."""
        return _optimum(self.profile, split)


def _trained_scores(profile: Profile) -> Scores:
    """Scores of the LoRA as it was trained, which need no samples."""
    scores: Scores = {}
    best = _optimum(profile, "train")
    if best is not None:
        scores["strength_balance"] = -math.log2(max(best, 0.1))
    changes = profile.changes.get("video", {})
    unwanted = [changes[kind] for kind in ("no_trigger", "off_topic") if kind in changes]
    if unwanted and changes.get("trigger"):
        scores["trigger_selectivity"] = max(unwanted) / changes["trigger"]
    return scores


def _optimum(profile: Profile, split: str) -> float | None:
    losses = [profile.loss(split, strength, "video") for strength in AROUND]
    found = [loss for loss in losses if loss is not None]
    return optimal_strength(*found) if len(found) == len(AROUND) else None
