import dataclasses
from types import SimpleNamespace

import pytest
import torch

from callbacks import DropCaptions
from tests.callbacks.conftest import make_batch

EMPTY_VIDEO, EMPTY_AUDIO = torch.full((3, 5), -1.0), torch.full((3, 6), -2.0)


@pytest.fixture
def drop(trainer, module):
    """Runs the callback on a batch and tells which items lost their caption."""
    trainer.datamodule = SimpleNamespace(empty_context=(EMPTY_VIDEO, EMPTY_AUDIO))

    def run(probability, batch, rank=0, world_size=1):
        trainer.global_rank, trainer.world_size = rank, world_size
        DropCaptions(probability).on_train_batch_start(trainer, module, batch, 0)
        return (batch.video_context == EMPTY_VIDEO).flatten(1).all(1).tolist()

    return run


def test_probability_one_gives_both_streams_the_empty_caption(drop):
    batch = make_batch()
    assert drop(1.0, batch) == [True, True]
    assert torch.equal(batch.audio_context, EMPTY_AUDIO.expand(2, -1, -1))


def test_probability_zero_changes_nothing(drop):
    batch = make_batch()
    drop(0.0, batch)
    assert torch.equal(batch.video_context, torch.ones(2, 3, 5))
    assert torch.equal(batch.audio_context, torch.ones(2, 3, 6))


def test_a_silent_batch_loses_the_video_caption_alone(drop):
    batch = make_batch(audio=False)
    assert drop(1.0, batch) == [True, True]
    assert batch.audio_context is None


def test_about_the_stated_share_of_items_is_dropped(drop):
    dropped = [item for index in range(500) for item in drop(0.3, make_batch(size=4, index=index))]
    assert sum(dropped) / len(dropped) == pytest.approx(0.3, abs=0.04)  # 4 sigma of 2000 draws


def test_draws_depend_on_seed_batch_and_rank_and_on_nothing_else(drop, module):
    def pattern(**place):
        return [drop(0.5, make_batch(size=8, index=index), **place) for index in range(4)]

    first = pattern()
    state = torch.random.get_rng_state()
    torch.rand(17)
    assert pattern(rank=1, world_size=2) != first
    assert pattern(rank=1, world_size=2)[0] == first[1]  # the second batch of all ranks' together
    module.seed = 1
    assert pattern() != first
    torch.random.set_rng_state(state)
    pattern()
    assert torch.equal(torch.random.get_rng_state(), state)


def test_an_item_of_a_set_is_dropped_as_often_as_its_set_says(drop):
    def batches(*of_sets):
        return [dataclasses.replace(make_batch(size=4, index=n), caption_dropout=of_sets) for n in range(500)]

    columns = list(zip(*(drop(0.3, batch) for batch in batches(None, 1.0, 0.0, 0.6)), strict=True))
    assert all(columns[1])
    assert not any(columns[2])
    assert sum(columns[0]) / 500 == pytest.approx(0.3, abs=0.09)  # 4 sigma of 500 draws
    assert sum(columns[3]) / 500 == pytest.approx(0.6, abs=0.09)


def test_a_sets_dropout_does_not_move_the_draws_of_other_items(drop):
    plain = make_batch(size=8, index=3)
    of_sets = dataclasses.replace(make_batch(size=8, index=3), caption_dropout=(1.0, *(None,) * 7))
    assert drop(0.5, of_sets)[1:] == drop(0.5, plain)[1:]
