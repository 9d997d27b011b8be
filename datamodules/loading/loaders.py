"""The loaders of one rank: cached clips in, batches out."""

from dataclasses import dataclass

from datamodules.encoding.share import Place
from datamodules.loading.latent_dataset import LatentDataset
from datamodules.loading.sampler import (
    BucketBatchSampler,
    LatentDataLoader,
    MixedIn,
    ValidationBatchSampler,
    ValidationDataLoader,
)
from datamodules.loading.visits import Rhythm, clips_of_sets, rhythms
from datamodules.manifest.sets import ClipSet, resolved_repeats


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
    sets: tuple[ClipSet, ...]
    """The sets that the clips are of, by their numbers."""
    regularisation_every_n_batches: int | None = None
    """Which training batches are of ordinary clips: every n-th; None is none."""

    def training(self, dataset: LatentDataset) -> LatentDataLoader:
        """An endless stream of this rank's batches; its state is the position in the stream."""
        mixed_in, each = None, self._rhythms(dataset)
        if self.regularisation_every_n_batches is not None:
            ordinary = dataset.groups(regularisation=True)
            mixed_in = MixedIn(groups=ordinary, every_n_batches=self.regularisation_every_n_batches, rhythms=each)
        sampler = BucketBatchSampler(
            dataset.groups(),
            self.batch_size,
            seed=self.seed,
            rank=self.place.rank,
            world_size=self.place.world_size,
            rhythms=each,
            mixed_in=mixed_in,
        )
        return LatentDataLoader(dataset, sampler, num_workers=self.num_workers, pin_memory=self._pins)

    def validation(self, dataset: LatentDataset) -> ValidationDataLoader:
        """This rank's share of all clips, each once."""
        sampler = ValidationBatchSampler(
            dataset.groups(), self.batch_size, rank=self.place.rank, world_size=self.place.world_size
        )
        return ValidationDataLoader(dataset, sampler, num_workers=self.num_workers, pin_memory=self._pins)

    def _rhythms(self, dataset: LatentDataset) -> dict[int, Rhythm]:
        """How often each clip is seen, by its number; an ordinary one once in an epoch of its own."""
        clips = dict(enumerate(dataset.clips))
        ordinary = {number: clip for number, clip in clips.items() if clip.is_regularisation}
        trained = {number: clip for number, clip in clips.items() if not clip.is_regularisation}
        repeats = resolved_repeats(self.sets, clips_of_sets(trained.values(), len(self.sets)))
        return rhythms(trained, repeats, self.seed) | rhythms(ordinary, (1.0,), f"{self.seed}/mixed in")

    @property
    def _pins(self) -> bool:
        return self.place.device.type == "cuda"
