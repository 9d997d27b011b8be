"""What the training step receives: encoded clips of one bucket, stacked."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from datamodules.geometry import Bucket
from datamodules.given import Given, join
from datamodules.given_keys import GivenKeys
from datamodules.manifest.mirroring import MIRRORED


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedText:
    """One caption of a clip, as the cache holds it."""

    caption: str
    """Final caption, trigger included."""
    text_key: str
    """Entry of the text contexts."""
    class_text_key: str | None = None
    """Entry of the text contexts without the trigger; None where nothing is to be preserved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedClip:
    """One window of a clip, as the cache holds it."""

    name: str
    """Name of the window in all reports, `walk.mp4@1.25s`."""
    bucket: Bucket
    """Shape it was encoded in."""
    caption: str
    """Final caption, trigger included."""
    latent_key: str | None
    """Entry of the video latents; None for sound alone."""
    audio_key: str | None
    """Entry of the audio latents; None for a still, a silent clip or a recipe without audio."""
    text_key: str
    """Entry of the text contexts."""
    fps: float
    """Frames per second."""
    class_text_key: str | None = None
    """Entry of the text contexts without the trigger; None where nothing is to be preserved."""
    is_regularisation: bool = False
    """Whether it is an ordinary clip, without the trigger."""
    signal: str = ""
    """Kind of its reference, such as `canny`."""
    given: GivenKeys = field(default_factory=GivenKeys)
    """Entries of what conditions take beside it."""
    other_texts: tuple[CachedText, ...] = ()
    """Further captions, which take turns with the first."""
    set_number: int = 0
    """Which of the recipe's sets it is of."""
    caption_dropout: float | None = None
    """Probability that its caption is dropped, where its set says so; None leaves it to the callback."""
    twin: int | None = None
    """Number in its set that it shares with the same clip shown mirrored; None where it is shown as it is alone."""

    @property
    def texts(self) -> tuple[CachedText, ...]:
        """All its captions."""
        first = CachedText(caption=self.caption, text_key=self.text_key, class_text_key=self.class_text_key)
        return (first, *self.other_texts)

    @property
    def is_mirrored(self) -> bool:
        """Whether it is shown mirrored."""
        return self.name.endswith(MIRRORED)

    @property
    def original(self) -> str:
        """Its name, whether it is shown mirrored or not."""
        return self.name.removesuffix(MIRRORED)

    @property
    def has_audio(self) -> bool:
        """True when the clip trains the audio stream."""
        return self.audio_key is not None

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.bucket.duration(self.fps)


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentItem:
    """One element of a batch, read from the cache."""

    name: str
    bucket: Bucket
    fps: float
    video: Tensor | None
    """Video latents, `(C, F, H, W)`, bf16; None for sound alone."""
    audio: Tensor | None
    """Audio latents, `(C, L, M)`, fp32."""
    video_context: Tensor | None
    """Text context of the video stream, `(S, Dv)`, bf16; None for sound alone."""
    audio_context: Tensor | None
    """Text context of the audio stream, `(S, Da)`, bf16; None without audio."""
    class_video_context: Tensor | None = None
    """The same without the trigger; None where nothing is to be preserved."""
    class_audio_context: Tensor | None = None
    """The same without the trigger; None also without audio."""
    is_regularisation: bool = False
    """Whether it is an ordinary clip, without the trigger."""
    given: Given = field(default_factory=Given)
    """What conditions take beside the clip, as a batch of one."""
    caption_dropout: float | None = None
    """Probability that its caption is dropped, where its set says so; None leaves it to the callback."""
    caption_number: int = 0
    """Which of the clip's captions it has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentBatch:
    """Items of one bucket; either all of them have sound or none has, and all are of one dataset."""

    video: Tensor | None
    """Video latents, `(B, C, F, H, W)`, bf16; None for sound alone."""
    audio: Tensor | None
    """Audio latents, `(B, C, L, M)`, fp32; None trains the video stream alone."""
    video_context: Tensor | None
    """Text context of the video stream, `(B, S, Dv)`, bf16; None when `video` is."""
    audio_context: Tensor | None
    """Text context of the audio stream, `(B, S, Da)`, bf16; None when `audio` is."""
    fps: float
    """Frames per second."""
    bucket: Bucket
    """Shape of the clips in pixels and frames."""
    names: tuple[str, ...]
    """Windows the items come from."""
    class_video_context: Tensor | None = None
    """Text context without the trigger, `(B, S, Dv)`, bf16; None where nothing is to be preserved."""
    class_audio_context: Tensor | None = None
    """Text context without the trigger, `(B, S, Da)`, bf16; None also when `audio` is."""
    is_regularisation: bool = False
    """Whether the items are ordinary clips, without the trigger."""
    index: int = 0
    """Number of this micro-batch on its rank, counted from the run's start; of the whole set in validation."""
    is_padding: bool = False
    """True for a repeated validation batch that only keeps the ranks in step; leave it out of averages."""
    given: Given = field(default_factory=Given)
    """What conditions take beside the clips."""
    caption_dropout: tuple[float | None, ...] = ()
    """Probability that a caption is dropped, per item; None leaves it to the callback."""
    caption_numbers: tuple[int, ...] = ()
    """Which of their clips' captions the items have."""

    @property
    def size(self) -> int:
        """Number of items."""
        media = self.video if self.video is not None else self.audio
        assert media is not None
        return media.shape[0]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """The batch with its tensors on `device`."""
        return self._with_tensors(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """The batch in page-locked memory, from which copies to a GPU overlap with work on it."""
        return self._with_tensors(lambda tensor: tensor.pin_memory())

    def _with_tensors(self, change: Callable[[Tensor], Tensor]) -> Self:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        changed: dict[str, Any] = {name: change(value) for name, value in values.items() if isinstance(value, Tensor)}
        return dataclasses.replace(self, given=self.given.changed(change), **changed)


def collate(items: Sequence[LatentItem]) -> LatentBatch:
    """Stacks items of one bucket, of which all or none have sound.

    Raises:
        ValueError: If the items do not belong in one batch, or not the same is given of them.
    """
    kinds = {(item.bucket, item.audio is None, item.fps, item.is_regularisation) for item in items}
    if len(kinds) != 1:
        raise ValueError(f"A batch holds one bucket, with or without sound, not {sorted(map(str, kinds))}.")
    first = items[0]
    return LatentBatch(
        video=_stack([item.video for item in items]),
        audio=_stack([item.audio for item in items]),
        video_context=_stack([item.video_context for item in items]),
        audio_context=_stack([item.audio_context for item in items]),
        fps=first.fps,
        bucket=first.bucket,
        names=tuple(item.name for item in items),
        class_video_context=_stack([item.class_video_context for item in items]),
        class_audio_context=_stack([item.class_audio_context for item in items]),
        is_regularisation=first.is_regularisation,
        given=join([item.given for item in items]),
        caption_dropout=tuple(item.caption_dropout for item in items),
        caption_numbers=tuple(item.caption_number for item in items),
    )


def _stack(tensors: Sequence[Tensor | None]) -> Tensor | None:
    present = [tensor for tensor in tensors if tensor is not None]
    return torch.stack(present) if len(present) == len(tensors) else None
