"""What a condition is, and what it takes and gives.

B batch, C channels, F latent frames, H W latent height and width, L audio latents, M mel bins, T tokens, D features.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from ltx_module.diffusion.grids import AudioGrid, Grid, VideoGrid
from ltx_module.diffusion.tokens import pack_audio, pack_video

ModalityName = Literal["video", "audio"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """What conditions may take of one modality of a batch."""

    modality: ModalityName
    shape: tuple[int, ...]
    """Latents to be generated, `(B, C, F, H, W)` or `(B, C, L, M)`."""
    fps: float
    """Frames per second."""
    device: torch.device
    """Where everything below is."""
    latents: Tensor | None = None
    """Clean latents of the clip itself, of that shape; for a sample those of its given video or sound."""
    mask: Tensor | None = None
    """True where given, bool, `(B, F, H, W)` or `(B, L)`."""
    reference: Tensor | None = None
    """Latents of the reference, `(B, C, F', H', W')` or `(B, C, L', M)`."""
    keyframes: Mapping[int, Tensor] = field(default_factory=dict)
    """Latents of stills, `(B, C, 1, H, W)`, by the number of the frame they show; -1 is the last."""

    @property
    def is_video(self) -> bool:
        """Whether it is the video."""
        return self.modality == "video"

    @property
    def num_tokens(self) -> int:
        """Tokens to be generated."""
        if self.is_video:
            _, _, frames, height, width = self.shape
            return frames * height * width
        return self.shape[2]

    @property
    def frames(self) -> int:
        """Pixel frames of the video."""
        return VideoGrid.pixel_frames(self.shape[2])

    @property
    def grid(self) -> Grid:
        """Where the tokens lie."""
        if not self.is_video:
            return AudioGrid(length=self.shape[2])
        frames, height, width = self.shape[2:]
        return VideoGrid(frames=frames, height=height, width=width, fps=self.fps)

    def pack(self, latents: Tensor) -> Tensor:
        """Latents of this modality as tokens, `(B, T, D)`."""
        return pack_video(latents) if self.is_video else pack_audio(latents)


@dataclass(frozen=True, kw_only=True)
class Appended:
    """Clean tokens behind those that are generated."""

    tokens: Tensor
    """`(B, R, D)`."""
    grid: Grid
    """Where they lie."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What one condition gives of one modality."""

    clean: Tensor | None = None
    """True for given tokens, bool, `(1 or B, T)`; None gives none of them."""
    tokens: Tensor | None = None
    """What those tokens hold, `(B, T, D)`; None is the clip's own."""
    appended: tuple[Appended, ...] = ()
    """Tokens beside them."""


class Conditioning(ABC):
    """Gives a part of a modality, or shows something beside it.

    Args:
        probability: Part of the training items it applies to.
        modality: `video` or `audio`.
    """

    whole_batch = False
    """Whether it is drawn once for a batch, because it changes the number of tokens."""

    def __init__(self, probability: float = 1.0, modality: ModalityName = "video") -> None:
        if not 0 <= probability <= 1:
            raise ValueError(f"`probability` of {self.name} is {probability}, but must lie in [0, 1].")
        if modality not in ("video", "audio"):
            raise ValueError(f"`modality` of {self.name} is {modality!r}, but must be video or audio.")
        self.probability = probability
        self.modality: ModalityName = modality

    @property
    def name(self) -> str:
        """Its class, as recipes name it."""
        return type(self).__name__

    @property
    def described(self) -> str:
        """Its class and arguments."""
        public = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return f"{self.name}({', '.join(f'{name}={public[name]!r}' for name in sorted(public))})"

    @property
    def media(self) -> tuple[tuple[str, ...], ...]:
        """What a sample must have for it, by the keys of `sample.prompts`: any one of these groups, wholly."""
        return ((self.modality,),)

    @abstractmethod
    def is_possible(self, source: Source) -> bool:
        """Whether a sample has the media that it takes."""

    @abstractmethod
    def given(self, source: Source) -> Given:
        """What it gives.

        Args:
            source: With what it takes.
        """

    def check(self, shape: Sequence[int], fps: float) -> Tensor | None:  # noqa: ARG002 - for those that it concerns
        """Check it against the shape of a bucket.

        Args:
            shape: Latent shape of an item, `(C, F, H, W)` or `(C, L, M)`.
            fps: Frames per second.

        Returns:
            The tokens that it gives whatever the clip, bool, `(T,)`; None where the clip decides.

        Raises:
            ValueError: If it cannot be applied to clips of this shape.
        """
        return None


class GivenTokens(Conditioning):
    """Gives tokens of the clip itself, which its shape decides."""

    def __init__(self, probability: float = 1.0, modality: ModalityName = "video") -> None:
        super().__init__(probability, modality)
        self._masks: dict[tuple[object, ...], Tensor] = {}

    @abstractmethod
    def clean_tokens(self, shape: Sequence[int], fps: float) -> Tensor:
        """The tokens it gives.

        Args:
            shape: Latent shape that ends in F, H, W, or `(C, L, M)`.
            fps: Frames per second.

        Returns:
            True for given tokens, bool, `(T,)`, on the CPU; never all of them.

        Raises:
            ValueError: If clips of this shape have no such tokens.
        """

    def is_possible(self, source: Source) -> bool:
        """Whether there is a clip to take them from."""
        return source.latents is not None

    def given(self, source: Source) -> Given:
        """The tokens, which hold the clip's own latents."""
        return Given(clean=self.mask(source))

    def mask(self, source: Source) -> Tensor:
        """The tokens, bool, `(1, T)`, on the source's device, copied there once."""
        key = (source.shape[1:], source.fps, source.device)
        if key not in self._masks:
            with torch.inference_mode(False):
                self._masks[key] = self.clean_tokens(source.shape[1:], source.fps)[None].to(source.device)
        return self._masks[key]

    def check(self, shape: Sequence[int], fps: float) -> Tensor:
        """The tokens it gives."""
        return self.clean_tokens(shape, fps)
