"""The clips that samples are compared with: training clips and held-out ones, as the VAEs give them back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from datamodules.batch import LatentBatch, LatentItem, collate
from datamodules.geometry import Bucket
from datamodules.latents import LatentDataModule
from datamodules.loading.latent_dataset import LatentDataset
from datamodules.planning.plan import PlannedClip
from ltx_module.decoders import Decoders
from ltx_module.evaluation.observation import Observation, reduce_frames

Split = Literal["train", "validation"]
Contexts = tuple[Tensor, Tensor]
"""Video and audio context of a text, `(S, Dv)` and `(S, Da)`."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A clip of the dataset."""

    split: Split
    caption: str
    """Final caption, trigger included."""
    item: LatentItem
    """Its latents, and the context of its caption."""

    def batch(self, contexts: Contexts | None = None) -> LatentBatch:
        """The clip as a batch of one.

        Args:
            contexts: Those of another caption, in place of its own.
        """
        item = self.item
        if contexts is not None:
            audio = None if item.audio_context is None else contexts[1]
            item = replace(item, video_context=contexts[0], audio_context=audio)
        return collate([item])


def choose_references(datamodule: LatentDataModule, bucket: Bucket, most: int) -> list[Reference]:
    """At most `most` evenly spread clips of each split, those most like the samples first.

    Stills are left out where there are videos and samples are videos: they hold no motion and no sound.

    Args:
        datamodule: After its set-up.
        bucket: Size of the samples.
        most: `evaluate.clips`.
    """
    references = []
    splits: tuple[Split, ...] = ("train", "validation")
    for split in splits:
        chosen = _choose(datamodule.clips_of(split), bucket, most)
        dataset = LatentDataset(datamodule.cache, [clip.cached for clip in chosen])
        references += [
            Reference(split=split, caption=clip.cached.caption, item=dataset[number])
            for number, clip in enumerate(chosen)
        ]
    return references


def captioned(references: Sequence[Reference], most: int) -> list[Reference]:
    """Clips with captions to sample, no caption twice: held-out clips first, since the LoRA has not seen them."""
    ordered = sorted(references, key=lambda reference: reference.split != "validation")
    by_caption = {reference.caption: reference for reference in reversed(ordered)}
    unique = [reference for reference in ordered if by_caption[reference.caption] is reference]
    return unique[:most]


def observe(item: LatentItem, decoders: Decoders) -> Observation:
    """A clip with a picture as a sample of the same latents would be seen and heard."""
    assert item.video is not None
    return Observation(
        latents=item.video.float().cpu(),
        frames=reduce_frames(decoders.frames(item.video[None])),
        audio_latents=None if item.audio is None else item.audio.float().cpu(),
        waveform=None if item.audio is None else decoders.sound(item.audio[None]),
    )


def _choose(clips: Sequence[PlannedClip], bucket: Bucket, most: int) -> list[PlannedClip]:
    """Clips of the samples' own bucket first, then those that are videos or stills as the samples are, else any."""
    same_kind = [clip for clip in clips if clip.cached.bucket.is_still == bucket.is_still] or list(clips)
    own = _spread([clip for clip in same_kind if clip.cached.bucket == bucket], most)
    return own + _spread([clip for clip in same_kind if clip.cached.bucket != bucket], most - len(own))


def _spread(clips: Sequence[PlannedClip], most: int) -> list[PlannedClip]:
    count = min(most, len(clips))
    return [clips[number * len(clips) // count] for number in range(count)]
