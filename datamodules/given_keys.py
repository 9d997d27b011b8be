"""The cache entries of what conditions take beside a clip."""

from dataclasses import dataclass

import torch

from datamodules.cache import LatentCache
from datamodules.given import Given


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenKeys:
    """Keys of entries; None where there is nothing. The fields are those of `Given`."""

    video: str | None = None
    audio: str | None = None
    video_reference: str | None = None
    audio_reference: str | None = None
    video_mask: str | None = None
    audio_mask: str | None = None
    keyframes: tuple[tuple[int, str], ...] = ()
    """Pixel frame as the recipe names it, and key."""

    @property
    def keys(self) -> tuple[str, ...]:
        """All of them."""
        named = (
            self.video,
            self.audio,
            self.video_reference,
            self.audio_reference,
            self.video_mask,
            self.audio_mask,
        )
        return (*(key for key in named if key is not None), *(key for _, key in self.keyframes))

    def read(self, cache: LatentCache) -> Given:
        """What is given, as a batch of one.

        Raises:
            FileNotFoundError: If an entry is absent.
        """

        def tensor(key: str | None, name: str = "latents") -> torch.Tensor | None:
            return None if key is None else cache.read(key)[name][None]

        return Given(
            video=tensor(self.video),
            audio=tensor(self.audio),
            video_reference=tensor(self.video_reference),
            audio_reference=tensor(self.audio_reference),
            video_mask=tensor(self.video_mask, "mask"),
            audio_mask=tensor(self.audio_mask, "mask"),
            keyframes={frame: cache.read(key)["latents"][None] for frame, key in self.keyframes},
        )
