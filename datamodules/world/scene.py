"""A scene: what is drawn, how it moves and what it sounds like, and the words for it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import torch

Shape = Literal["circle", "square", "triangle", "star", "diamond"]
Colour = Literal["red", "orange", "yellow", "green", "blue", "purple", "pink", "white"]
Background = Literal["black", "gray", "navy", "brown", "teal"]
Motion = Literal["left", "right", "up", "down", "still", "grow", "spin"]
Tone = Literal["low", "middle", "high", "rising", "none"]
Part = Literal["subject", "shape", "colour", "background", "motion", "sound"]

SHAPES: tuple[Shape, ...] = get_args(Shape)
COLOURS: tuple[Colour, ...] = get_args(Colour)
BACKGROUNDS: tuple[Background, ...] = get_args(Background)
MOTIONS: tuple[Motion, ...] = get_args(Motion)
TONES: tuple[Tone, ...] = get_args(Tone)

RGB: dict[Colour | Background, tuple[int, int, int]] = {
    "red": (220, 40, 40),
    "orange": (240, 140, 30),
    "yellow": (245, 220, 50),
    "green": (50, 180, 70),
    "blue": (60, 110, 235),
    "purple": (140, 60, 190),
    "pink": (245, 130, 180),
    "white": (240, 240, 240),
    "black": (12, 12, 12),
    "gray": (110, 110, 110),
    "navy": (20, 28, 75),
    "brown": (92, 60, 38),
    "teal": (20, 92, 96),
}

_MOTION_WORDS: dict[Motion, str] = {
    "left": "moves to the left",
    "right": "moves to the right",
    "up": "moves up",
    "down": "moves down",
    "still": "stays still",
    "grow": "grows",
    "spin": "spins",
}

_Choice = TypeVar("_Choice")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that decides a drawn clip but its size and length."""

    shape: Shape = "circle"
    """What is drawn."""
    colour: Colour = "red"
    """Its colour."""
    background: Background = "gray"
    """The colour behind it."""
    motion: Motion = "still"
    """How it moves from the first frame to the last."""
    tone: Tone = "none"
    """What is heard; it follows the shape between the loudspeakers."""
    size: float = 0.5
    """Width of the shape as a fraction of the frame's shorter side."""
    has_face: bool = False
    """Whether it has two eyes and a smile; the look that the demo teaches."""

    def caption(self, *, as_still: bool = False, leave_out: Collection[Part] = ()) -> str:
        """The scene in plain words.

        Args:
            as_still: Leave out how it moves and sounds.
            leave_out: Parts that are not mentioned; without its form the subject is "a red shape".
        """
        unsaid = {*leave_out, *(("motion", "sound") if as_still else ())}
        subject = " ".join(
            (*(() if "colour" in unsaid else (self.colour,)), "shape" if "shape" in unsaid else self.shape)
        )
        parts: dict[Part, str] = {
            "subject": f"{'an' if subject[0] in 'aeiou' else 'a'} {subject}",
            "motion": _MOTION_WORDS[self.motion],
            "background": f"over a {self.background} background",
        }
        sound = "" if self.tone == "none" or "sound" in unsaid else f", with a {self.tone} tone"
        told = " ".join(text for part, text in parts.items() if part not in unsaid)
        return (told + sound).removeprefix(", ")


def random_scene(generator: torch.Generator, *, has_face: bool = False, with_sound: bool = False) -> Scene:
    """A scene with every property drawn evenly, and a size from 0.4 to 0.6.

    Args:
        generator: Random numbers.
        has_face: Whether the shape has a face.
        with_sound: Whether the tone `none` is left out.
    """
    tones = tuple(tone for tone in TONES if not (with_sound and tone == "none"))
    return Scene(
        shape=_choose(SHAPES, generator),
        colour=_choose(COLOURS, generator),
        background=_choose(BACKGROUNDS, generator),
        motion=_choose(MOTIONS, generator),
        tone=_choose(tones, generator),
        size=0.4 + 0.2 * float(torch.rand((), generator=generator)),
        has_face=has_face,
    )


def _choose(options: tuple[_Choice, ...], generator: torch.Generator) -> _Choice:
    return options[int(torch.randint(len(options), (), generator=generator))]
