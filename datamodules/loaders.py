"""The loaders of one rank: cached clips in, batches out."""

from dataclasses import dataclass

from datamodules.encode_share import Place
from datamodules.latent_dataset import LatentDataset
from datamodules.sampler import (
    BucketBatchSampler,
    LatentDataLoader,
    MixedIn,
    ValidationBatchSampler,
    ValidationDataLoader,
)


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How batches are made."""

    batch_size: int
    """Clips in a batch."""
    num_workers: int
    """Processes that read the cache."""
    place: Place
    """The rank, and the device that the batches go to."""
    seed: int
    """Decides the order of training batches."""
    regularisation_every_n_batches: int | None = None
    """Which training batches are of ordinary clips: every n-th; None is none."""

    def training(self, dataset: LatentDataset) -> LatentDataLoader:
        """An endless stream of this rank's batches; its state is the position in the stream."""
        mixed_in = None
        if self.regularisation_every_n_batches is not None:
            ordinary = dataset.groups(regularisation=True)
            mixed_in = MixedIn(groups=ordinary, every_n_batches=self.regularisation_every_n_batches)
        sampler = BucketBatchSampler(
            dataset.groups(),
            self.batch_size,
            seed=self.seed,
            rank=self.place.rank,
            world_size=self.place.world_size,
            mixed_in=mixed_in,
        )
        return LatentDataLoader(dataset, sampler, num_workers=self.num_workers, pin_memory=self._pins)

    def validation(self, dataset: LatentDataset) -> ValidationDataLoader:
        """This rank's share of all clips, each once."""
        sampler = ValidationBatchSampler(
            dataset.groups(), self.batch_size, rank=self.place.rank, world_size=self.place.world_size
        )
        return ValidationDataLoader(dataset, sampler, num_workers=self.num_workers, pin_memory=self._pins)

    @property
    def _pins(self) -> bool:
        return self.place.device.type == "cuda"
