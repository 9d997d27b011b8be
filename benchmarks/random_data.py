"""Random latents and contexts of a model's real shapes, in place of a dataset and its cache."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from typing_extensions import override

from datamodules.batch import LatentBatch
from datamodules.geometry import AudioLatentSpec, Bucket, LatentSpec
from datamodules.given import Given
from datamodules.latents import LatentDataModule
from ltx_module.checkpoint import Checkpoint


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Steps in a row on one bucket."""

    bucket: Bucket
    steps: int


class RandomLatents(LatentDataModule):
    """Serves random batches; looks at no clip and encodes nothing.

    Attributes:
        stretches: Buckets in the order in which they are trained; none is the first bucket without end.
        reference: How many times smaller a random reference is; 0 is none.
    """

    stretches: Sequence[Stretch] = ()
    reference = 0

    @override
    def prepare_data(self) -> None:
        """Nothing to plan."""

    @override
    def setup(self, stage: str = "fit") -> None:
        """Nothing to encode."""

    @override
    def train_dataloader(self) -> DataLoader[LatentBatch]:  # type: ignore[override]
        """Batches that a process of its own serves into page-locked memory, as those of a real cache."""
        stretches = self.stretches or (Stretch(bucket=self.parsed_buckets[0], steps=2**31),)
        stream = _Stream([(self._batch(stretch.bucket), stretch.steps) for stretch in stretches])
        workers = min(1, self.num_workers)  # more would serve each step as often
        return DataLoader(stream, batch_size=None, num_workers=workers, pin_memory=torch.cuda.is_available())

    @override
    def context(self, prompt: str) -> tuple[Tensor, Tensor]:
        """Random contexts that depend on the prompt, of about unit variance."""
        generator = torch.Generator().manual_seed(len(prompt))
        video, audio = (
            torch.randn(self.text_window, width, generator=generator).bfloat16() for width in self._file.context_widths
        )
        return video, audio

    @override
    def batch_of(self, bucket: Bucket) -> LatentBatch:
        """A batch outside of the stream, for the trial before the first step."""
        return self._batch(bucket)

    def reference_of(self, bucket: Bucket) -> Given:
        """A random reference for a bucket, if there is one."""
        if not self.reference:
            return Given()
        channels, frames, height, width = LatentSpec(channels=self._file.latent_channels).shape(bucket)
        shape = (self.batch_size, channels, frames, height // self.reference, width // self.reference)
        return Given(video_reference=torch.randn(shape, generator=torch.Generator().manual_seed(1)).bfloat16())

    def _batch(self, bucket: Bucket) -> LatentBatch:
        generator = torch.Generator().manual_seed(0)
        channels, mel_bins = self._file.audio_latent
        video = LatentSpec(channels=self._file.latent_channels).shape(bucket)
        audio = AudioLatentSpec(channels=channels, mel_bins=mel_bins).shape(bucket.duration(self.fps))
        contexts = (context.expand(self.batch_size, -1, -1).contiguous() for context in self.context("random"))
        video_context, audio_context = contexts
        with_audio = self.settings.with_audio
        return LatentBatch(
            video=torch.randn(self.batch_size, *video, generator=generator).bfloat16(),
            audio=torch.randn(self.batch_size, *audio, generator=generator) if with_audio else None,
            video_context=video_context,
            audio_context=audio_context if with_audio else None,
            fps=self.fps,
            bucket=bucket,
            names=("random",) * self.batch_size,
            given=self.reference_of(bucket),
        )

    @cached_property
    def _file(self) -> Checkpoint:
        return Checkpoint(self.base_model)


class _Stream(IterableDataset[LatentBatch]):
    """Each batch so many times; noise and noise levels differ from step to step by the batch's number."""

    def __init__(self, batches: Sequence[tuple[LatentBatch, int]]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[LatentBatch]:
        index = 0
        for batch, steps in self.batches:
            for _ in range(steps):
                yield dataclasses.replace(batch, index=index)
                index += 1
