"""How often clips are seen and with which caption: exact on average, and known from the position alone."""

import itertools
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.batch import CachedClip, CachedText
from datamodules.geometry import Bucket
from datamodules.loading.sampler import BucketBatchSampler, LatentDataLoader, MixedIn
from datamodules.loading.visits import Rhythm, Visit, clips_of_sets, rhythms
from datamodules.manifest.mirroring import MIRRORED
from datamodules.manifest.sets import ClipSet, resolved_repeats
from tests.datamodules.loading.test_sampler import BUCKETS, Numbers

few = settings(deadline=None, max_examples=50)
repeats_of_a_set = st.floats(0.05, 4)


def cached(name, set_number=0, captions=1, twin=None):
    texts = [CachedText(caption=str(number), text_key=str(number)) for number in range(captions)]
    return CachedClip(
        name=name,
        bucket=Bucket(width=32, height=32, frames=1),
        caption="0",
        latent_key="v",
        audio_key=None,
        text_key="0",
        fps=24.0,
        other_texts=tuple(texts[1:]),
        set_number=set_number,
        twin=twin,
    )


def numbered(*clips):
    return dict(enumerate(clips))


def group(count, first=0):
    return {(BUCKETS[0], False): range(first, first + count)}


def visits_of(sampler, batches):
    return list(itertools.chain.from_iterable(itertools.islice(sampler, batches)))


@few
@given(st.integers(1, 9), repeats_of_a_set, st.integers(0, 9), st.integers(1, 30))
def test_over_any_epochs_clips_are_seen_as_often_as_their_repeats_say(count, repeats, first, epochs):
    each = rhythms(numbered(*(cached(str(n)) for n in range(count))), (repeats,), 7)
    seen = [sum(each[n].count(epoch) for epoch in range(first, first + epochs)) for n in range(count)]
    assert all(abs(times - repeats * epochs) < 1 for times in seen)


@few
@given(st.integers(1, 50), repeats_of_a_set, st.integers(0, 100))
def test_every_epoch_holds_equally_many_visits_of_a_set(count, repeats, epoch):
    each = rhythms(numbered(*(cached(str(n)) for n in range(count))), (repeats,), 7)
    assert abs(sum(each[n].count(epoch) for n in range(count)) - repeats * count) < 1


def test_half_a_repeat_is_every_other_epoch_of_other_clips():
    each = rhythms(numbered(*(cached(str(n)) for n in range(8))), (0.5,), 0)
    epochs = [[n for n in range(8) if each[n].count(epoch)] for epoch in range(4)]
    assert epochs[0] == epochs[2] != epochs[1] == epochs[3]
    assert sorted(epochs[0] + epochs[1]) == list(range(8))


@few
@given(st.integers(1, 9), repeats_of_a_set, st.integers(0, 30))
def test_a_clip_and_its_mirrored_twin_take_turns_and_are_together_one_clip(count, repeats, epochs):
    names = [(n, name) for n in range(count) for name in (f"{n}", f"{n}{MIRRORED}")]
    clips = numbered(*(cached(name, twin=n) for n, name in names))
    each = rhythms(clips, (repeats,), 3)
    for n in range(count):
        as_it_is, mirrored = (sum(each[2 * n + twin].count(e) for e in range(epochs)) for twin in (0, 1))
        assert abs(as_it_is - mirrored) <= 1
        assert abs(as_it_is + mirrored - repeats * epochs) < 1
    assert clips_of_sets(clips.values(), 2) == (count, 0)


def test_an_unmirrored_clip_is_seen_as_often_as_a_mirrored_pair():
    clips = numbered(cached("a", twin=0), cached(f"a{MIRRORED}", twin=0), cached("b"))
    sampler = BucketBatchSampler(group(3), 1, rhythms=rhythms(clips, (1.0,), 0))
    seen = Counter(visit.clip for visit in visits_of(sampler, 40))  # 20 epochs of a and b
    assert seen == {0: 10, 1: 10, 2: 20}


def test_clips_of_one_name_are_each_seen_as_often_as_any_other():
    clips = numbered(cached("a"), cached("a"), cached("b", twin=1), cached(f"b{MIRRORED}", twin=1), cached("c"))
    each = rhythms(clips, (2.0,), 0)
    assert [each[n].count(0) for n in range(5)] == [2, 2, 1, 1, 2]
    assert clips_of_sets(clips.values(), 1) == (4,)


@few
@given(st.integers(2, 5), st.floats(0.3, 3), st.integers(0, 9))
def test_every_caption_comes_once_before_any_comes_again(captions, repeats, clip):
    rhythm = Rhythm(repeats=repeats, phase=0.3, captions=captions)
    drawn = [visit.caption for epoch in range(40) for visit in rhythm.visits(clip, 5, epoch)]
    rounds = [drawn[first : first + captions] for first in range(0, len(drawn) - captions + 1, captions)]
    assert rounds
    assert all(sorted(one) == list(range(captions)) for one in rounds)


def test_captions_come_in_other_orders_in_other_rounds_and_clips_and_seeds():
    rhythm = Rhythm(captions=4)
    drawn = {
        (clip, seed): [rhythm.visits(clip, seed, epoch)[0].caption for epoch in range(40)]
        for clip, seed in itertools.product((0, 1), (0, 1))
    }
    assert len(set(map(tuple, drawn.values()))) == 4
    rounds = {tuple(drawn[0, 0][first : first + 4]) for first in range(0, 40, 4)}
    assert len(rounds) > 4
    first = Counter(one[0] for one in rounds)
    assert len(first) > 2


@pytest.mark.parametrize("batch_size", [1, 3])
def test_one_set_seen_once_with_one_caption_streams_as_if_there_were_no_rhythms(batch_size):
    clips = numbered(*(cached(str(n)) for n in range(7)))
    plain = BucketBatchSampler(group(7), batch_size, seed=4)
    timed = BucketBatchSampler(group(7), batch_size, seed=4, rhythms=rhythms(clips, (1.0,), 4))
    assert visits_of(timed, 50) == visits_of(plain, 50)


def two_sets(counts=(30, 6), share=0.25, captions=3):
    """A rhythm for each clip of two sets, the second of which has a share."""
    sets = [ClipSet(path=Path("a")), ClipSet(path=Path("b"), share=share)]
    clips = [cached(f"{number}/{n}", number, captions) for number, count in enumerate(counts) for n in range(count)]
    repeats = resolved_repeats(sets, clips_of_sets(clips, 2))
    return rhythms(numbered(*clips), repeats, 11)


@pytest.mark.parametrize("counts", [(30, 6), (5, 300), (7, 1)])
def test_a_share_of_a_quarter_is_a_quarter_of_the_items_of_a_long_stream(counts):
    sampler = BucketBatchSampler(group(sum(counts)), 2, seed=11, rhythms=two_sets(counts))
    visits = visits_of(sampler, 3000)
    of_second = sum(visit.clip >= counts[0] for visit in visits)
    assert of_second / len(visits) == pytest.approx(0.25, abs=0.005)  # a pass of the stream is left unfinished
    seen = Counter(visit.clip for visit in visits if visit.clip >= counts[0])
    assert max(seen.values()) - min(seen.values()) <= 1


@few
@given(st.integers(1, 3), st.integers(0, 60), st.integers(1, 3), st.integers(1, 3))
def test_a_stream_of_fractions_and_captions_resumes_on_any_number_of_ranks(batch_size, consumed, before, after):
    def stream(**place):
        other = MixedIn(
            groups=group(4, first=36), every_n_batches=3, rhythms={n: Rhythm(captions=2) for n in range(36, 40)}
        )
        rhythm = two_sets(share=0.1)
        return BucketBatchSampler(group(36), batch_size, seed=2, rhythms=rhythm, mixed_in=other, **place)

    whole = list(itertools.islice(stream(), consumed * before + 12 * after))
    shares = []
    for rank in range(after):
        sampler = stream(rank=rank, world_size=after)
        sampler.load_state_dict({"position": consumed * before})
        shares.append(list(itertools.islice(sampler, 12)))
    assert list(itertools.chain.from_iterable(zip(*shares, strict=True))) == whole[consumed * before :]
    assert {visit.caption for batch in whole for visit in batch} <= {0, 1, 2}


def test_clips_mixed_in_have_captions_and_repeats_of_their_own():
    rhythm = {1: Rhythm(captions=2), 2: Rhythm(repeats=2)}
    other = MixedIn(groups=group(2, first=1), every_n_batches=2, rhythms=rhythm)
    visits = visits_of(BucketBatchSampler(group(1), 1, mixed_in=other), 24)  # 12 are mixed in: 4 epochs
    assert Counter(visit for visit in visits if visit.clip) == {Visit(1, 0): 2, Visit(1, 1): 2, Visit(2, 0): 8}


def test_epochs_in_which_nothing_is_seen_are_passed_over():
    sampler = BucketBatchSampler(group(1), 1, rhythms={0: Rhythm(repeats=0.01, captions=1)})
    assert visits_of(sampler, 5) == [Visit(0)] * 5


GROUPS = {(BUCKETS[0], False): range(0, 10, 2), (BUCKETS[1], False): range(1, 10, 2)}


def loader(num_workers):
    rhythm = {n: Rhythm(repeats=1.5 if n < 4 else 0.5, phase=n / 10, captions=3) for n in range(10)}
    return LatentDataLoader(Numbers(), BucketBatchSampler(GROUPS, 2, seed=5, rhythms=rhythm), num_workers=num_workers)


def shown(batches):
    return [(batch.names, batch.caption_numbers) for batch in batches]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_resumed_loader_sees_the_captions_of_an_uninterrupted_one(num_workers):
    whole = shown(itertools.islice(loader(0), 40))
    interrupted = loader(num_workers)
    head = shown(itertools.islice(interrupted, 17))
    resumed = loader(num_workers)
    resumed.load_state_dict(interrupted.state_dict())
    assert head + shown(itertools.islice(resumed, 23)) == whole
    assert {caption for _, captions in whole for caption in captions} == {0, 1, 2}
