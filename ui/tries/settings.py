"""What a try is made with: one prompt, the LoRAs, and how it is sampled."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from datamodules.geometry import Bucket
from ui.tries.needs import MEDIA_KEYS

PRESETS: Mapping[str, str] = {
    "quality": "Quality: full guidance",
    "fast": "Fast: eight steps, with the distilled LoRA",
    "unguided": "Unguided: the model alone",
    "reference": "Reference: quality with a rescale of 0.7",
}
"""The ways to sample that `sample.preset` takes, with what they are."""

MAX_LORAS = 3
LARGEST_STRENGTH = 4.0
_LARGEST_SEED = 2**32 - 1
_LONGEST_PROMPT = 4000
_WIDTH_HEIGHT = re.compile(r"\s*(\d{1,5})\s*[x\u00d7,* ]\s*(\d{1,5})\s*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class TryLoRA:
    """A LoRA file, as a path below the workspace, and its strength."""

    file: str
    strength: float = 1.0

    def __post_init__(self) -> None:
        """Check the strength.

        Raises:
            ValueError: If it is no number, or so large that it can only be a slip.
        """
        if not math.isfinite(self.strength) or abs(self.strength) > LARGEST_STRENGTH:
            raise ValueError(
                f"The strength of {self.file} is {self.strength:g}: use a number from {-LARGEST_STRENGTH:g} to"
                f" {LARGEST_STRENGTH:g}; 1 is what was trained."
            )


@dataclass(frozen=True, kw_only=True)
class TrySettings:
    """One try of a run.

    Raises:
        ValueError: If a value is none that `sample` takes.
    """

    prompt: str
    negative_prompt: str = ""
    loras: tuple[TryLoRA, ...] = ()
    """None: the base model alone."""
    seed: int = 42
    size: str = "960x544x49"
    """Width x height x frames, or seconds such as 4s of sound alone."""
    preset: str = "quality"
    steps: int | None = None
    """Sampling steps; None takes the preset's."""
    without_lora: bool = True
    """Whether the same is made without the LoRAs too."""
    media: Mapping[str, str] = field(default_factory=dict)
    """Files by the key in `sample.prompts`."""
    distilled_lora: str = ""
    """File that `fast` needs on the dev model; empty for none."""
    attention_strength: float = 1.0
    image_strength: float = 1.0
    show_reference: bool = False

    def __post_init__(self) -> None:
        """Check what can be checked without the recipe."""
        if not self.prompt.strip():
            raise ValueError("The prompt is empty: say what is to be seen and heard.")
        if len(self.prompt) > _LONGEST_PROMPT or len(self.negative_prompt) > _LONGEST_PROMPT:
            raise ValueError(f"A prompt has more than {_LONGEST_PROMPT} characters: shorten it.")
        if self.prompt.lstrip().startswith(("[", "{")):
            raise ValueError("The prompt begins with a bracket, which recipes read as a list: begin it with a word.")
        if not 0 <= self.seed <= _LARGEST_SEED:
            raise ValueError(f"The seed is {self.seed}: use a whole number from 0 to {_LARGEST_SEED}.")
        if self.preset not in PRESETS:
            raise ValueError(f"There is no preset {self.preset!r}: use {', '.join(PRESETS)}.")
        if self.steps is not None and not 1 <= self.steps <= 200:
            raise ValueError(f"{self.steps} sampling steps are asked for: use 1 to 200, or 0 for the preset's own.")
        if self.preset == "fast" and self.steps not in (None, 8):
            raise ValueError(f"{self.steps} steps are asked for, but “fast” has eight fixed ones: leave steps at 0.")
        for name in ("attention_strength", "image_strength"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"`sample.{name}` is {getattr(self, name):g}: use a number from 0 to 1.")
        if len(self.loras) > MAX_LORAS:
            raise ValueError(f"{len(self.loras)} LoRAs are chosen: choose at most {MAX_LORAS}.")
        if unknown := sorted(set(self.media) - set(MEDIA_KEYS)):
            raise ValueError(f"`{unknown[0]}` is no medium that a prompt takes: use {', '.join(MEDIA_KEYS)}.")
        Bucket.parse(self.size, key="size")

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Self:
        """The settings that `as_record` wrote; keys that are not known are passed over.

        Raises:
            ValueError: If the record is not one of a try.
        """
        known = {key: record[key] for key in (one.name for one in fields(cls)) if key in record}
        try:
            loras = tuple(
                TryLoRA(file=str(one["file"]), strength=float(one["strength"])) for one in known.pop("loras", ())
            )
            media = {str(key): str(value) for key, value in dict(known.pop("media", {})).items()}
            return cls(**known, loras=loras, media=media)
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"The settings of this try cannot be read: {error}") from error

    def as_record(self) -> dict[str, Any]:
        """What is written beside the videos."""
        return {**asdict(self), "loras": [asdict(one) for one in self.loras], "media": dict(self.media)}


def size_of(width_height: str, frames: float, seconds: float, *, is_sound: bool) -> str:
    """A size as `sample.size` takes it.

    Args:
        width_height: Such as `960x544`; what else is typed there is refused with the nearest legal size.
        frames: Pixel frames, 8k + 1.
        seconds: Length of sound alone.
        is_sound: Whether the recipe makes sound alone.

    Raises:
        ValueError: If it is no size, naming the rule and the nearest legal one.
    """
    if is_sound:
        size = f"{seconds:g}s"
    else:
        found = _WIDTH_HEIGHT.fullmatch(width_height)
        if found is None:
            raise ValueError(f"The size is {width_height[:40]!r}: write width x height, such as 960x544.")
        size = f"{int(found[1])}x{int(found[2])}x{int(frames)}"
    return str(Bucket.parse(size, key="size"))
