"""Batches that never mix buckets, in an order that anyone can compute, and loaders that resume where they stopped.

Training reads one endless stream of global batches: epoch 0, epoch 1, and so on, each a shuffle that depends on (seed,
epoch) alone, of every clip as often as its repeats say. Rank r of W takes every W-th batch of the stream, so all ranks
take equally many and no two take the same, and the whole state is one number, the global batches consumed, from which
any number of ranks can go on. There is no end of epoch: workers are never restarted and gradient accumulation never
meets a short remainder. Within an epoch the last batch of a bucket may be smaller than the others, since no visit to a
clip is left out.

A second set of clips is mixed in at fixed places of the stream: every n-th global batch is the next one of that set's
own stream, and the others are those that would have come without it.
"""

import dataclasses
import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from torch.utils.data import DataLoader, Dataset, Sampler

from datamodules.batch import LatentBatch, LatentItem, collate
from datamodules.geometry import Bucket
from datamodules.loading.visits import ONCE, Rhythm, Visit

STREAM_LENGTH = 2**40
"""The length an endless loader states. Lightning reads one batch ahead in a loader without a length, which would put
the saved position one batch too far; no run reaches this one."""

Group = tuple[Bucket, bool]
"""Bucket, and whether the clips have sound."""


@dataclass(frozen=True, kw_only=True)
class MixedIn:
    """A second set of clips, with batches of its own among the others."""

    groups: Mapping[Group, Sequence[int]]
    """Indices of its clips by bucket and presence of sound."""
    every_n_batches: int
    """Which global batches are its own: every n-th, at least every second."""
    rhythms: Mapping[int, Rhythm] = field(default_factory=dict)
    """How often each of its clips is seen, by index; once in an epoch where it is not named."""


class BatchOrder:
    """An endless stream of batches of visits, each epoch a shuffle of all clips.

    Args:
        groups: Indices of the clips by bucket and presence of sound; batches stay within a group.
        batch_size: Clips in a batch.
        seed: Decides the order, together with the epoch.
        rhythms: How often each clip is seen, by index; once in an epoch where it is not named.
    """

    def __init__(
        self,
        groups: Mapping[Group, Sequence[int]],
        batch_size: int,
        seed: int | str,
        rhythms: Mapping[int, Rhythm] | None = None,
    ) -> None:
        self.groups = {group: tuple(groups[group]) for group in sorted(groups)}
        self.batch_size = batch_size
        self.seed = seed
        self.rhythms = rhythms or {}
        self._epoch, self._batches = -1, list[list[Visit]]()
        self._starts = [0]
        """Number of the first batch of each epoch that was looked at; epochs differ where repeats are fractions."""

    def epoch_batches(self, epoch: int) -> list[list[Visit]]:
        """Batches of an epoch, in order: every clip as often as it is seen in it."""
        generator = random.Random(f"{self.seed}/{epoch}")
        batches = []
        for indices in self.groups.values():
            visits = self._visits(indices, epoch)
            order = generator.sample(visits, len(visits))
            batches += [order[first : first + self.batch_size] for first in range(0, len(order), self.batch_size)]
        generator.shuffle(batches)
        return batches

    def batch(self, number: int) -> list[Visit]:
        """A batch by its number in the stream."""
        while number >= self._starts[-1]:
            self._starts.append(self._starts[-1] + self._count(len(self._starts) - 1))
        epoch = bisect_right(self._starts, number) - 1
        if epoch != self._epoch:
            self._epoch, self._batches = epoch, self.epoch_batches(epoch)
        return self._batches[number - self._starts[epoch]]

    def _count(self, epoch: int) -> int:
        """Batches of an epoch."""
        sizes = (sum(self._rhythm(index).count(epoch) for index in indices) for indices in self.groups.values())
        return sum(-(-size // self.batch_size) for size in sizes)

    def _visits(self, indices: Sequence[int], epoch: int) -> list[Visit]:
        return [visit for index in indices for visit in self._rhythm(index).visits(index, self.seed, epoch)]

    def _rhythm(self, index: int) -> Rhythm:
        return self.rhythms.get(index, ONCE)


class BucketBatchSampler(Sampler[list[Visit]]):
    """One rank's share of an endless stream of batches of visits.

    Args:
        groups: Indices of the clips by bucket and presence of sound; batches stay within a group.
        batch_size: Clips in a batch.
        seed: Decides the order, together with the epoch.
        rank: This process.
        world_size: Number of processes.
        rhythms: How often each clip is seen, by index; once in an epoch where it is not named.
        mixed_in: A second set of clips; it does not change the order of the first.

    Raises:
        ValueError: If there is no clip, or a number is out of range.
    """

    def __init__(
        self,
        groups: Mapping[Group, Sequence[int]],
        batch_size: int,
        *,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        rhythms: Mapping[int, Rhythm] | None = None,
        mixed_in: MixedIn | None = None,
    ) -> None:
        if not any(groups.values()) or (mixed_in is not None and not any(mixed_in.groups.values())):
            raise ValueError("There is no clip to train on, so no batch can be made.")
        if batch_size < 1:
            raise ValueError(f"`data.batch_size` is {batch_size}, but a batch holds at least one clip.")
        if not 0 <= rank < world_size:
            raise ValueError(f"Rank {rank} does not exist among {world_size} processes.")
        self.order = BatchOrder(groups, batch_size, seed, rhythms)
        self.mixed_in, self.every_n_batches = None, 0
        if mixed_in is not None:
            self.mixed_in = BatchOrder(mixed_in.groups, batch_size, f"{seed}/mixed in", mixed_in.rhythms)
            self.every_n_batches = mixed_in.every_n_batches
        self.rank = rank
        self.world_size = world_size
        self.position = 0
        """Global batches consumed by all ranks together."""

    def global_batch(self, number: int) -> list[Visit]:
        """A batch by its number in the stream of all ranks."""
        if self.mixed_in is None:
            return self.order.batch(number)
        turn, offset = divmod(number, self.every_n_batches)
        if offset == self.every_n_batches - 1:
            return self.mixed_in.batch(turn)
        return self.order.batch(number - turn)

    def __iter__(self) -> Iterator[list[Visit]]:
        """Yields this rank's batches from `position` on, without end; `position` itself stays where it is."""
        for number in count(self.position + self.rank, self.world_size):
            yield self.global_batch(number)

    def state_dict(self) -> dict[str, int]:
        """The global position, free of rank and world size."""
        return {"position": self.position}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Goes on from a saved position.

        Raises:
            ValueError: If the state holds no position.
        """
        position = state.get("position", -1)
        if position < 0:
            raise ValueError(f"The resume state holds no data position (it has {dict(state)}): start without it.")
        self.position = position


class LatentDataLoader(DataLoader[LatentItem]):
    """The training loader: endless, and aware of how many batches were consumed rather than prefetched.

    Args:
        dataset: Cached clips.
        sampler: Decides the batches.
        num_workers: Reading processes.
        pin_memory: Whether batches are put in page-locked memory.
    """

    def __init__(
        self,
        dataset: Dataset[LatentItem],
        sampler: BucketBatchSampler,
        *,
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        super().__init__(
            dataset, batch_sampler=sampler, num_workers=num_workers, pin_memory=pin_memory, collate_fn=collate
        )
        self.stream = sampler

    def __len__(self) -> int:
        return STREAM_LENGTH

    def __iter__(self) -> Iterator[LatentBatch]:  # type: ignore[override]  # DataLoader names its own iterator class
        """Yields this rank's batches from the sampler's position on, and moves that position as they are taken."""
        batch: LatentBatch
        for batch in super().__iter__():
            index = self.stream.position // self.stream.world_size
            self.stream.position += self.stream.world_size
            yield dataclasses.replace(batch, index=index)

    def state_dict(self) -> dict[str, int]:
        """Position of the consumed batches; Lightning saves it with the resume state."""
        return self.stream.state_dict()

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Goes on from a saved position, on any number of ranks; takes effect at the next `iter`."""
        self.stream.load_state_dict(state)


class ValidationBatchSampler(Sampler[list[int]]):
    """One rank's share of a finite list of batches in fixed order: every clip once among all ranks.

    All ranks take equally many batches, since a rank that runs out while others still gather sharded weights would stop
    them all; those that have none left repeat the first one, which `LatentBatch.is_padding` marks.

    Args:
        groups: Indices of the clips by bucket and presence of sound.
        batch_size: Clips in a batch.
        rank: This process.
        world_size: Number of processes.
    """

    def __init__(
        self, groups: Mapping[Group, Sequence[int]], batch_size: int, *, rank: int = 0, world_size: int = 1
    ) -> None:
        self.batches = [
            list(groups[group][first : first + batch_size])
            for group in sorted(groups)
            for first in range(0, len(groups[group]), batch_size)
        ]
        self.rank = rank
        self.world_size = world_size

    def __len__(self) -> int:
        return -(-len(self.batches) // self.world_size)

    def __iter__(self) -> Iterator[list[int]]:
        for number in range(len(self)):
            yield self.batches[self.global_number(number) % len(self.batches)]

    def global_number(self, number: int) -> int:
        """Global number of this rank's batch `number`; at least `len(self.batches)` for padding."""
        return number * self.world_size + self.rank


class ValidationDataLoader(DataLoader[LatentItem]):
    """The validation loader; a batch's `index` is its global number, so noise made from it is alike on any ranks.

    Args:
        dataset: Cached clips.
        sampler: Decides the batches.
        num_workers: Reading processes.
        pin_memory: Whether batches are put in page-locked memory.
    """

    def __init__(
        self,
        dataset: Dataset[LatentItem],
        sampler: ValidationBatchSampler,
        *,
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        super().__init__(
            dataset, batch_sampler=sampler, num_workers=num_workers, pin_memory=pin_memory, collate_fn=collate
        )
        self.share = sampler

    def __iter__(self) -> Iterator[LatentBatch]:  # type: ignore[override]  # DataLoader names its own iterator class
        """Yields this rank's batches."""
        batch: LatentBatch
        for number, batch in enumerate(super().__iter__()):
            index = self.share.global_number(number)
            yield dataclasses.replace(batch, index=index, is_padding=index >= len(self.share.batches))
