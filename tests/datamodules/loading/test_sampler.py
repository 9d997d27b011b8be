"""The order of training batches: complete, disjoint, computable, and resumable anywhere."""

import itertools
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import Dataset

from datamodules.batch import LatentItem
from datamodules.geometry import Bucket
from datamodules.loading.sampler import (
    BucketBatchSampler,
    LatentDataLoader,
    MixedIn,
    ValidationBatchSampler,
    ValidationDataLoader,
)
from datamodules.loading.visits import Visit

BUCKETS = [Bucket(width=32 * n, height=32, frames=frames) for n in (1, 2) for frames in (1, 9)]

few = settings(deadline=None, max_examples=50)


@st.composite
def groupings(draw):
    sizes = draw(st.lists(st.integers(0, 7), min_size=8, max_size=8).filter(any))
    numbers = iter(range(sum(sizes)))
    keys = itertools.product(BUCKETS, (False, True))
    return {key: [next(numbers) for _ in range(size)] for key, size in zip(keys, sizes, strict=True)}


def take(sampler, count):
    """Numbers of the clips in the next batches."""
    return clips(itertools.islice(sampler, count))


def clips(batches):
    return [[visit.clip for visit in batch] for batch in batches]


def epoch(sampler, number):
    return clips(sampler.order.epoch_batches(number))


def flat(batches):
    return list(itertools.chain.from_iterable(batches))


@few
@given(groupings(), st.integers(1, 4), st.integers(0, 99), st.integers(0, 3))
def test_every_clip_is_in_an_epoch_once(groups, batch_size, seed, number):
    batches = epoch(BucketBatchSampler(groups, batch_size, seed=seed), number)
    assert sorted(flat(batches)) == sorted(flat(groups.values()))
    assert max(map(len, batches)) <= batch_size


@few
@given(groupings(), st.integers(1, 4), st.integers(0, 99))
def test_no_batch_mixes_buckets_or_sound_with_silence(groups, batch_size, seed):
    group_of = {index: group for group, indices in groups.items() for index in indices}
    for batch in epoch(BucketBatchSampler(groups, batch_size, seed=seed), 0):
        assert len({group_of[index] for index in batch}) == 1


@few
@given(groupings(), st.integers(1, 4), st.integers(0, 99), st.integers(1, 4))
def test_ranks_together_take_the_stream_of_one_rank(groups, batch_size, seed, world_size):
    whole = take(BucketBatchSampler(groups, batch_size, seed=seed), 6 * world_size)
    shares = [
        take(BucketBatchSampler(groups, batch_size, seed=seed, rank=rank, world_size=world_size), 6)
        for rank in range(world_size)
    ]
    assert flat(zip(*shares, strict=True)) == whole


@few
@given(groupings(), st.integers(1, 4))
def test_order_does_not_depend_on_the_order_of_the_groups(groups, batch_size):
    reversed_groups = dict(reversed(groups.items()))
    assert take(BucketBatchSampler(groups, batch_size), 9) == take(BucketBatchSampler(reversed_groups, batch_size), 9)


def test_epochs_and_seeds_differ_in_order():
    groups = {(BUCKETS[0], False): range(20)}
    sampler, other = BucketBatchSampler(groups, 2, seed=0), BucketBatchSampler(groups, 2, seed=1)
    orders = [epoch(sampler, 0), epoch(sampler, 1), epoch(other, 0)]
    assert all(first != second for first, second in itertools.combinations(orders, 2))


# literals: a resume with a newer version of this repository must go on with the same clips


def test_order_of_a_seed_and_epoch_never_changes():
    groups = {(BUCKETS[0], False): range(6)}
    assert epoch(BucketBatchSampler(groups, 2, seed=0), 3) == [[5, 1], [0, 3], [4, 2]]


def test_order_of_several_buckets_never_changes():
    first, second, _, last = BUCKETS
    groups = {(first, False): range(5), (second, False): [5, 6], (second, True): range(7, 11), (last, True): [11]}
    sampler = BucketBatchSampler(groups, 2, seed=7)
    assert epoch(sampler, 0) == [[2, 0], [9, 10], [3, 4], [6, 5], [1], [11], [8, 7]]
    assert epoch(sampler, 1) == [[2], [8, 9], [0, 1], [6, 5], [4, 3], [11], [10, 7]]


def test_order_of_a_mixed_and_resumed_stream_never_changes():
    first, second, _, last = BUCKETS
    groups = {(first, False): range(5), (second, False): [5, 6], (second, True): range(7, 11), (last, True): [11]}
    other = MixedIn(groups={(first, False): range(100, 103)}, every_n_batches=3)
    sampler = BucketBatchSampler(groups, 1, seed=3, rank=1, world_size=2, mixed_in=other)
    sampler.load_state_dict({"position": 20})
    assert flat(take(sampler, 14)) == [3, 100, 10, 5, 101, 8, 11, 100, 7, 1, 100, 10, 5, 101]


@few
@given(groupings(), st.integers(1, 3), st.integers(0, 40), st.integers(1, 3), st.integers(1, 3))
def test_a_resumed_stream_continues_on_any_number_of_ranks(groups, batch_size, consumed, before, after):
    whole = take(BucketBatchSampler(groups, batch_size), consumed * before + 4 * after)
    first = BucketBatchSampler(groups, batch_size, world_size=before)
    first.position = consumed * before
    shares = []
    for rank in range(after):
        sampler = BucketBatchSampler(groups, batch_size, rank=rank, world_size=after)
        sampler.load_state_dict(first.state_dict())
        shares.append(take(sampler, 4))
    assert flat(zip(*shares, strict=True)) == whole[consumed * before :]


def mixed(groups, every_n_batches, batch_size=2, **place):
    """A sampler whose second set holds the numbers 100, 101, ..."""
    other = MixedIn(groups={(BUCKETS[0], False): range(100, 105)}, every_n_batches=every_n_batches)
    return BucketBatchSampler(groups, batch_size, seed=3, mixed_in=other, **place)


@few
@given(groupings(), st.integers(2, 5))
def test_every_nth_batch_is_of_the_second_set_and_the_others_come_as_without_it(groups, every_n_batches):
    batches = take(mixed(groups, every_n_batches), 8 * every_n_batches)
    second = [number for number, batch in enumerate(batches, start=1) if batch[0] >= 100]
    assert second == list(range(every_n_batches, 8 * every_n_batches + 1, every_n_batches))
    first = [batch for batch in batches if batch[0] < 100]
    assert first == take(BucketBatchSampler(groups, 2, seed=3), len(first))


def test_the_second_set_has_epochs_of_its_own():
    batches = take(mixed({(BUCKETS[0], False): range(7)}, 2), 12)[1::2]
    assert [sorted(flat(epoch)) for epoch in (batches[:3], batches[3:])] == [list(range(100, 105))] * 2
    assert batches[:3] != batches[3:]


@few
@given(groupings(), st.integers(2, 4), st.integers(0, 40), st.integers(1, 3), st.integers(1, 3))
def test_a_mixed_stream_resumes_on_any_number_of_ranks(groups, every_n_batches, consumed, before, after):
    whole = take(mixed(groups, every_n_batches), consumed * before + 4 * after)
    shares = []
    for rank in range(after):
        sampler = mixed(groups, every_n_batches, rank=rank, world_size=after)
        sampler.load_state_dict({"position": consumed * before})
        shares.append(take(sampler, 4))
    assert flat(zip(*shares, strict=True)) == whole[consumed * before :]


def test_a_state_without_position_is_refused():
    with pytest.raises(ValueError, match="no data position"):
        BucketBatchSampler({(BUCKETS[0], False): [0]}, 1).load_state_dict({"epoch": 3})


def test_no_clip_at_all_is_refused():
    with pytest.raises(ValueError, match="no clip"):
        BucketBatchSampler({(BUCKETS[0], False): []}, 1)
    with pytest.raises(ValueError, match="no clip"):
        BucketBatchSampler({(BUCKETS[0], False): [1]}, 1, mixed_in=MixedIn(groups={}, every_n_batches=2))


@few
@given(groupings(), st.integers(1, 4), st.integers(1, 4))
def test_validation_ranks_see_every_clip_once_in_equally_many_batches(groups, batch_size, world_size):
    samplers = [
        ValidationBatchSampler(groups, batch_size, rank=rank, world_size=world_size) for rank in range(world_size)
    ]
    seen = Counter()
    for sampler in samplers:
        for number, batch in enumerate(sampler):
            if sampler.global_number(number) < len(sampler.batches):
                seen.update(batch)
    assert seen == Counter(flat(groups.values()))
    assert len({len(list(sampler)) for sampler in samplers}) == 1


class Numbers(Dataset):
    """Items that carry their own index; the bucket follows from its parity."""

    def __getitem__(self, visit):
        number, caption = visit if isinstance(visit, Visit) else (visit, 0)
        return LatentItem(
            name=str(number),
            bucket=BUCKETS[number % 2],
            fps=24.0,
            video=torch.full((1, 1, 1, 1), float(number)),
            audio=None,
            video_context=torch.zeros(1, 1),
            audio_context=None,
            caption_number=caption,
        )

    def __len__(self):
        return 10


GROUPS = {(BUCKETS[0], False): range(0, 10, 2), (BUCKETS[1], False): range(1, 10, 2)}


def loader(num_workers=0, **sampler_arguments):
    sampler = BucketBatchSampler(GROUPS, 2, seed=5, **sampler_arguments)
    return LatentDataLoader(Numbers(), sampler, num_workers=num_workers)


def names(batches):
    return [batch.names for batch in batches]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_loader_resumes_after_the_consumed_batches_not_the_prefetched_ones(num_workers):
    whole = names(itertools.islice(loader(), 14))
    interrupted = loader(num_workers)
    head = names(itertools.islice(interrupted, 5))
    resumed = loader(num_workers)
    resumed.load_state_dict(interrupted.state_dict())
    assert head + names(itertools.islice(resumed, 9)) == whole


def test_batches_are_numbered_on_through_a_resume():
    first = loader(rank=1, world_size=2)
    indices = [batch.index for batch in itertools.islice(first, 3)]
    second = loader(rank=1, world_size=2)
    second.load_state_dict(first.state_dict())
    assert indices + [batch.index for batch in itertools.islice(second, 2)] == [0, 1, 2, 3, 4]


def test_validation_batches_carry_their_global_number_and_mark_padding():
    sampler = ValidationBatchSampler({(BUCKETS[0], False): [0, 2, 4]}, 1, rank=1, world_size=2)
    batches = list(ValidationDataLoader(Numbers(), sampler))
    assert [(batch.index, batch.names, batch.is_padding) for batch in batches] == [
        (1, ("2",), False),
        (3, ("0",), True),
    ]


class Recorder(LightningModule):
    """Trains nothing and remembers the names it saw."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen = []

    def training_step(self, batch, batch_idx):
        self.seen += batch.names
        return self.weight * 0

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


def fit(directory, steps, ckpt_path=None):
    module = Recorder()
    trainer = Trainer(
        max_steps=steps,
        max_epochs=-1,
        accelerator="cpu",
        default_root_dir=directory,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[ModelCheckpoint(directory, filename="{step}", every_n_train_steps=7, save_top_k=-1)],
    )
    trainer.fit(module, loader(2), ckpt_path=ckpt_path)
    return module.seen


@pytest.mark.filterwarnings("ignore")
def test_lightning_saves_and_restores_the_position(tmp_path):
    stream = names(itertools.islice(loader(), 10))
    assert fit(tmp_path / "whole", 10) == flat(stream)
    state = next((tmp_path / "whole").glob("*step=7.ckpt"))
    assert fit(tmp_path / "resumed", 10, ckpt_path=state) == flat(stream[7:])
