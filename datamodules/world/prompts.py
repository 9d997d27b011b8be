"""Prompts with the scenes that they describe."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch

from datamodules.world.scene import BACKGROUNDS, COLOURS, MOTIONS, SHAPES, TONES, Scene

_PATIENCE = 1000  # scenes in a row that bring no new caption before there are held to be no more

_Choice = TypeVar("_Choice")


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A text, and what a picture that obeys it shows and sounds like."""

    text: str
    scene: Scene


def plain_prompts(number: int, seed: int = 0) -> list[Prompt]:
    """Ordinary prompts, no two alike.

    Args:
        number: How many.
        seed: Decides which.
    """
    return distinct_prompts(number, seed, caption=Scene.caption)


def distinct_prompts(
    number: int,
    seed: int,
    *,
    caption: Callable[[Scene], str],
    with_sound: bool = False,
    exclude: Collection[str] = (),
) -> list[Prompt]:
    """Scenes with captions, no caption twice, and every property as even as so few scenes allow.

    Args:
        number: How many.
        seed: Decides which.
        caption: The text for a scene.
        with_sound: Whether the tone `none` is left out.
        exclude: Captions to leave out.

    Raises:
        ValueError: If there are not so many.
    """
    scenes = _even_scenes(torch.Generator().manual_seed(seed), with_sound=with_sound)
    found: dict[str, Prompt] = {}
    idle = 0
    while len(found) < number:
        scene = next(scenes)
        text = caption(scene)
        idle = idle + 1 if text in found or text in exclude else 0
        if not idle:
            found[text] = Prompt(text=text, scene=scene)
        if idle > _PATIENCE:
            raise ValueError(f"{number} prompts are asked for, but there are only about {len(found)}: ask for fewer.")
    return list(found.values())


def _even_scenes(generator: torch.Generator, *, with_sound: bool) -> Iterator[Scene]:
    """Scenes without end, sizes from 0.4 to 0.6."""
    tones = tuple(tone for tone in TONES if not (with_sound and tone == "none"))
    shapes, colours = _deal(SHAPES, generator), _deal(COLOURS, generator)
    backgrounds, motions, sounds = _deal(BACKGROUNDS, generator), _deal(MOTIONS, generator), _deal(tones, generator)
    while True:
        yield Scene(
            shape=next(shapes),
            colour=next(colours),
            background=next(backgrounds),
            motion=next(motions),
            tone=next(sounds),
            size=0.4 + 0.2 * float(torch.rand((), generator=generator)),
        )


def _deal(cards: tuple[_Choice, ...], generator: torch.Generator) -> Iterator[_Choice]:
    """All cards in random order, then all of them anew."""
    while True:
        for card in torch.randperm(len(cards), generator=generator).tolist():
            yield cards[card]
