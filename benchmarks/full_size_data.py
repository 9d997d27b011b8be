"""Random latents and contexts of full size, in place of a dataset."""

from collections.abc import Iterator

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from datamodules.batch import LatentBatch
from datamodules.geometry import AudioLatentSpec, Bucket, LatentSpec
from datamodules.given import Given

_WINDOW = 1024  # prompt tokens


def random_contexts(seed: int) -> tuple[Tensor, Tensor]:
    """Contexts of about unit variance, `(S, 4096)` and `(S, 2048)`."""
    generator = torch.Generator().manual_seed(seed)
    video, audio = (torch.randn(_WINDOW, width, generator=generator).bfloat16() for width in (4096, 2048))
    return video, audio


def random_reference(bucket: Bucket, factor: int) -> Given:
    """A random reference that many times smaller than a bucket; none if it is 0."""
    if not factor:
        return Given()
    channels, frames, height, width = LatentSpec().shape(bucket)
    generator = torch.Generator().manual_seed(factor)
    latents = torch.randn(1, channels, frames, height // factor, width // factor, generator=generator)
    return Given(video_reference=latents.bfloat16())


class RandomStream(IterableDataset[LatentBatch]):
    """An endless stream of random batches of one bucket."""

    def __init__(self, bucket: Bucket, streams: str, reference: int) -> None:
        self.bucket, self.streams, self.reference = bucket, streams, reference

    def __iter__(self) -> Iterator[LatentBatch]:
        generator = torch.Generator().manual_seed(0)
        video_context, audio_context = random_contexts(0)
        with_audio = self.streams == "av"
        for index in range(2**31):
            yield LatentBatch(
                video=torch.randn(1, *LatentSpec().shape(self.bucket), generator=generator).bfloat16(),
                audio=torch.randn(1, *AudioLatentSpec().shape(self.bucket.duration(24.0)), generator=generator)
                if with_audio
                else None,
                video_context=video_context[None],
                audio_context=audio_context[None] if with_audio else None,
                fps=24.0,
                bucket=self.bucket,
                names=(f"random-{index}",),
                index=index,
                given=random_reference(self.bucket, self.reference),
            )


class RandomLatents(LightningDataModule):
    """Serves `RandomStream`."""

    def __init__(self, bucket: Bucket, streams: str, reference: int) -> None:
        super().__init__()
        self.stream = RandomStream(bucket, streams, reference)
        self.validation_is_training = True
        self.sets = ()

    def train_dataloader(self) -> DataLoader[LatentBatch]:
        """Batches as they are."""
        return DataLoader(self.stream, batch_size=None)
