"""How a LoRA is evaluated: the recipe's `evaluate:` block."""

from dataclasses import dataclass
from pathlib import Path

from jsonargparse.typing import PositiveInt

OFF_TOPIC = ("a cat sleeps on a sofa", "waves break on a rocky shore", "a man reads a newspaper in a cafe")
"""Ordinary prompts that hardly any LoRA is about."""

TRAINED = 1.0
"""The strength at which a LoRA was trained."""


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """The recipe's `evaluate:` block; size, preset, steps and first seed of a sample are those of `sample:`.

    Samples made for k checkpoints: `(k + 1) * seeds * (2 * captions + off_topic + novel)`, and for the best of them
    `(strengths - 1) * seeds * (captions + novel)` more.
    """

    seeds: PositiveInt = 2
    """Seeds of each prompt, counted up from `sample.seed`; each is used with and without the LoRA."""
    strengths: tuple[float, ...] = (0.5, 0.75, 1.0, 1.25)
    """Strengths of the LoRA to compare; every checkpoint is sampled at 1, the best one at all of them."""
    captions: PositiveInt = 4
    """Clips whose captions are sampled with and without the trigger; held-out clips come first."""
    novel: tuple[str, ...] = ()
    """Prompts that no clip shows; the trigger is put in front of those that lack it. Empty means `sample.prompts`."""
    off_topic: tuple[str, ...] = OFF_TOPIC
    """Ordinary prompts without the trigger, on which the LoRA should change nothing."""
    checkpoints: PositiveInt = 4
    """LoRA files of a run to compare where `--lora` names none: so many evenly spread ones, the last among them."""
    clips: PositiveInt = 8
    """Clips of each split that samples and losses are compared on, at most."""
    clip_model: Path | None = None
    """Directory of a CLIP model of transformers for text and image agreement; null leaves these scores out."""

    def __post_init__(self) -> None:
        """Check the strengths and the directory where they are written."""
        wrong = [strength for strength in self.strengths if not 0 < strength <= 4]
        if wrong:
            raise ValueError(
                f"`evaluate.strengths` has {wrong[0]:g}, but a strength to compare lies above 0 and is at most 4;"
                " strength 0 is the base model, which is always sampled."
            )
        if self.clip_model is not None and not (self.clip_model / "config.json").is_file():
            raise FileNotFoundError(
                f"`evaluate.clip_model` is {self.clip_model}, but there is no config.json in it: give the directory of"
                " a CLIP model as transformers saves it, or null to leave its scores out."
            )

    @property
    def sweep(self) -> tuple[float, ...]:
        """Strengths in ascending order, 1 among them."""
        return tuple(sorted({*self.strengths, TRAINED}))
