"""Conditions that continue a clip: its beginning is given, or its end."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from ltx_module.diffusion.conditioning.base import Conditioning, GivenTokens, ModalityName

_FRAMES_PER_LATENT = 8
_AUDIO_LATENTS_PER_SECOND = 25


class _Span(GivenTokens):
    """A stretch of time at one end of a clip."""

    def __init__(
        self,
        probability: float = 1.0,
        modality: ModalityName = "video",
        latent_frames: int | None = None,
        seconds: float | None = None,
    ) -> None:
        super().__init__(probability, modality)
        if (latent_frames is None) == (seconds is None):
            raise ValueError(f"{self.name} takes either `latent_frames` or `seconds`: give one of them.")
        for key, value in (("latent_frames", latent_frames), ("seconds", seconds)):
            if value is not None and value <= 0:
                raise ValueError(f"`{key}` of {self.name} is {value}, but must be above 0.")
        self.latent_frames = latent_frames
        self.seconds = seconds

    def length(self, shape: Sequence[int], fps: float) -> int:
        """Latent frames, or audio latents, that are given of a clip.

        Raises:
            ValueError: If nothing is left to generate, or nothing would be given.
        """
        total = shape[-3] if self.modality == "video" else shape[-2]
        length = self.needed(fps)
        key = f"`latent_frames` of {self.name} is {self.latent_frames}"
        if self.seconds is not None:
            key = f"`seconds` of {self.name} is {self.seconds:g}, which is {length} latents"
        if not 0 < length < total:
            raise ValueError(
                f"{key}, but the {self.modality} has {total} latents, of which 1 to {total - 1} can be given"
            )
        return length

    def needed(self, fps: float) -> int:
        """Latent frames, or audio latents, that are given of any clip."""
        if self.seconds is not None:
            return self._in_latents(self.seconds, fps)
        assert self.latent_frames is not None
        return self.latent_frames

    def _in_latents(self, seconds: float, fps: float) -> int:
        """Whole latents within a stretch."""
        if self.modality == "audio":
            return round(seconds * _AUDIO_LATENTS_PER_SECOND)
        return self._whole_latents(round(seconds * fps))

    @abstractmethod
    def _whole_latents(self, frames: int) -> int:
        """Latent frames that pixel frames at its end of a video fill."""


class Prefix(_Span):
    """Continue a clip: its beginning is given.

    Args:
        probability: Part of the training items it applies to.
        modality: `video` or `audio`.
        latent_frames: Length in latents: the first one of a video is one frame, each further one eight; one of a sound
            is 1/25 s.
        seconds: Length in seconds, in place of `latent_frames`; rounded down to whole latents.
    """

    def clean_tokens(self, shape: Sequence[int], fps: float) -> Tensor:
        """The tokens of the beginning."""
        return _span(shape, self.modality, slice(self.length(shape, fps)))

    def _whole_latents(self, frames: int) -> int:
        return 1 + (frames - 1) // _FRAMES_PER_LATENT if frames > 0 else 0


class Suffix(_Span):
    """Lead up to a clip: its end is given.

    Args:
        probability: Part of the training items it applies to.
        modality: `video` or `audio`.
        latent_frames: Length in latents, each eight frames of a video or 1/25 s of a sound.
        seconds: Length in seconds, in place of `latent_frames`; rounded down to whole latents.
    """

    def clean_tokens(self, shape: Sequence[int], fps: float) -> Tensor:
        """The tokens of the end."""
        return _span(shape, self.modality, slice(-self.length(shape, fps), None))

    def _whole_latents(self, frames: int) -> int:
        return frames // _FRAMES_PER_LATENT


def _span(shape: Sequence[int], modality: ModalityName, latents: slice) -> Tensor:
    """Tokens of a stretch, bool, `(T,)`."""
    frames, *pixels = shape[-3:] if modality == "video" else shape[-2:-1]
    clean = torch.zeros(frames, *pixels, dtype=torch.bool)
    clean[latents] = True
    return clean.flatten()


def require_long_enough(latents: int, conditions: Sequence[Conditioning], fps: float) -> None:
    """Check that a sample's clip holds what is given of it.

    Args:
        latents: Latent frames or audio latents of the clip.
        conditions: Those on its modality.
        fps: Frames per second.

    Raises:
        ValueError: If it is shorter.
    """
    for one in conditions:
        if isinstance(one, _Span):
            # Inside a clip the first latent of another would stand for another stretch of time.
            has, needed = latents - isinstance(one, Suffix), one.needed(fps)
            if needed > has:
                raise ValueError(
                    f"{one.name} of `model.conditions` takes {needed} latents of the sample's {one.modality}, of which"
                    f" there are {has}: give a longer file in `sample.prompts`."
                )


def at_its_end(latents: Tensor, length: int, conditions: Sequence[Conditioning], fps: float) -> Tensor:
    """A short clip, of which one end is given, as a clip of another length with nothing behind or before it.

    Args:
        latents: Of the clip, `(B, C, F, H, W)` or `(B, C, L, M)`, no longer than wanted.
        length: Latent frames or audio latents that are wanted.
        conditions: Those on its modality; the clip lies at the end if one of them gives the end, else at the beginning.
        fps: Frames per second.

    Raises:
        ValueError: If the clip is shorter than what is given of it.
    """
    missing = length - latents.shape[2]
    if missing == 0:
        return latents
    spans = [one for one in conditions if isinstance(one, _Span)]
    is_end = any(isinstance(one, Suffix) for one in spans)
    require_long_enough(latents.shape[2], spans, fps)
    filler = latents.new_zeros(len(latents), latents.shape[1], missing, *latents.shape[3:])
    return torch.cat([filler, latents] if is_end else [latents, filler], dim=2)
