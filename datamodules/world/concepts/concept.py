"""What a concept is: something that the world never shows, drawn, worded and measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from datamodules.world.draw import draw_batch
from datamodules.world.prompts import Prompt, distinct_prompts
from datamodules.world.scene import Part, Scene
from datamodules.world.tone import play_batch

MOST_CLIPS = 64
"""Clips of the largest dataset; `Concept.prompts` avoids the first so many captions of the default seed."""


class Draw(Protocol):
    """Draws scenes; see `draw_batch`."""

    def __call__(
        self, scenes: Sequence[Scene], *, frames: int, width: int, height: int, device: torch.device | str = "cpu"
    ) -> Tensor:
        """`(B, 3, F, H, W)`, uint8 RGB."""


class Play(Protocol):
    """Plays scenes; see `play_batch`."""

    def __call__(
        self, scenes: Sequence[Scene], *, frames: int, fps: float = 24.0, device: torch.device | str = "cpu"
    ) -> Tensor:
        """`(B, 2, N)` at 48 kHz in [-1, 1]."""


@dataclass(frozen=True, kw_only=True)
class Concept:
    """Something that a LoRA is to teach. What it does not fix varies from scene to scene."""

    measure: Callable[[Tensor, Tensor | None], float]
    """How much of it a clip shows, from frames `(F, 3, H, W)` of uint8 and a waveform `(2, N)` at 48 kHz or None: about
    1 for its own clips and 0 for the world's, and in between for a blend of both."""
    draw: Draw = draw_batch
    """Draws scenes with it."""
    play: Play = play_batch
    """Plays scenes with it."""
    untold: tuple[Part, ...] = ()
    """Parts of a caption that the concept replaces: the trigger stands for them, and a scene says nothing of them."""

    def caption(self, scene: Scene) -> str:
        """The scene in plain words, without the trigger."""
        return scene.caption(leave_out=self.untold)

    def dataset(self, number: int, seed: int = 0) -> list[Prompt]:
        """Captions and scenes of a dataset, no two captions alike.

        Args:
            number: How many, at most 64.
            seed: Decides which.

        Raises:
            ValueError: If it is more.
        """
        if number > MOST_CLIPS:
            raise ValueError(f"clips is {number}, but a concept has at most {MOST_CLIPS}: ask for fewer.")
        return distinct_prompts(number, seed, caption=self.caption, with_sound=True)

    def prompts(self, number: int, seed: int = 0) -> list[Prompt]:
        """Prompts, without the trigger, that no dataset of the default seed has a caption of.

        Args:
            number: How many.
            seed: Decides which.
        """
        seen = {prompt.text for prompt in self.dataset(MOST_CLIPS)}
        return distinct_prompts(number, seed, caption=self.caption, with_sound=True, exclude=seen)
