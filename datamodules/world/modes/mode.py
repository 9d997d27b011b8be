"""What a mode of conditioning is in the drawn world: clips with what is given beside them, and measures of results.

A caption leaves out what the given media are to decide, so that a model that overlooks them cannot score.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from datamodules.world.prompts import distinct_prompts
from datamodules.world.scene import Part, Scene

Medium = Literal["image", "video", "audio", "video_mask", "audio_mask", "reference_video", "reference_audio"]
"""A key of `sample.prompts`."""

BLANK = 215
"""Gray of what is not given, where footage is shown."""
MOST_CLIPS = 256
"""Clips of the largest dataset; held-out scenes avoid the first so many scenes of the default seed."""


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """Size and length of clips."""

    width: int = 128
    """Pixels."""
    height: int = 128
    """Pixels."""
    frames: int = 25
    fps: float = 24.0


@dataclass(frozen=True, kw_only=True)
class Footage:
    """Pictures and sound."""

    frames: Tensor | None = None
    """`(F, 3, H, W)`, uint8 RGB; None for sound alone."""
    waveform: Tensor | None = None
    """`(2, N)` at 48 kHz in [-1, 1]; None where silent."""

    @property
    def pictures(self) -> Tensor:
        """The frames of footage that has some."""
        assert self.frames is not None
        return self.frames

    @property
    def sound(self) -> Tensor:
        """The waveform of footage that has one."""
        assert self.waveform is not None
        return self.waveform


@dataclass(frozen=True, kw_only=True)
class Example:
    """A clip of a mode, with everything that its files hold."""

    scene: Scene
    """What the clip shows."""
    caption: str
    """What a model is told."""
    clip: Footage
    """What a model is to generate from caption and given media."""
    references: Mapping[str, Footage] = field(default_factory=dict)
    """Reference footage by signal; the signal is "" where there is but one kind."""
    video_mask: Tensor | None = None
    """What is regenerated, bool, `(H, W)`."""
    audio_mask: Tensor | None = None
    """What is regenerated, bool, `(N,)` at 48 kHz."""
    original: Footage | None = None
    """What is there to be regenerated, when a held-out scene replaces it: the given media come from it, not `clip`."""

    @property
    def given(self) -> Footage:
        """Where first frames, beginnings and unmasked parts come from."""
        return self.clip if self.original is None else self.original


Scores = dict[str, float]
"""By name: shares of what was right in [0, 1], and decibels where the name ends in `_db`."""


def show_reference(example: Example) -> Footage:
    """The first reference."""
    return next(iter(example.references.values()))


def blank(frames: Tensor) -> Tensor:
    """Frames of the same shape that show nothing."""
    return torch.full_like(frames, BLANK)


def show_given(example: Example) -> Footage:
    """The clip that is given."""
    return example.given


@dataclass(frozen=True, kw_only=True)
class Mode:
    """A mode of conditioning, named like the recipe that trains it."""

    compose: Callable[[Scene, Canvas], Example]
    """Draws and plays a scene with what is given beside it."""
    measure: Callable[[Example, Footage, Footage], Scores]
    """Judges a result: the example, what was generated, and the given footage as the autoencoders keep it."""
    gives: tuple[Medium, ...] = ()
    """What a sample is given beside its prompt."""
    show: Callable[[Example], Footage] = show_given
    """What a person is to see and hear of what is given; blank where nothing is."""
    leave_out: tuple[Part, ...] = ()
    """Parts that captions leave to the given media."""
    goals: Mapping[str, float] = field(default_factory=dict)
    """What each of these scores has to reach at least, mean over examples."""
    with_picture: bool = True
    """Whether clips have pictures; sound alone is kept in `.wav` files."""
    with_sound: bool = False
    """Whether clips have sound."""

    def dataset(self, number: int, seed: int = 0) -> list[Scene]:
        """Scenes of a dataset, no two alike.

        Args:
            number: How many, at most 256.
            seed: Decides which.

        Raises:
            ValueError: If it is more.
        """
        if number > MOST_CLIPS:
            raise ValueError(f"clips is {number}, but a mode has at most {MOST_CLIPS}: ask for fewer.")
        return [prompt.scene for prompt in distinct_prompts(number, seed, caption=Scene.caption, with_sound=True)]

    def held_out(self, number: int, seed: int = 9) -> list[Scene]:
        """Scenes that no dataset of the default seed has.

        Args:
            number: How many.
            seed: Decides which.
        """
        seen = {scene.caption() for scene in self.dataset(MOST_CLIPS)}
        prompts = distinct_prompts(number, seed, caption=Scene.caption, with_sound=True, exclude=seen)
        return [prompt.scene for prompt in prompts]
