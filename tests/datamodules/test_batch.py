"""What the training step receives."""

import pickle

import pytest
import torch

from datamodules.batch import LatentItem, collate
from datamodules.geometry import Bucket

BUCKET = Bucket(width=64, height=32, frames=9)


def item(value, *, audio=True, bucket=BUCKET, fps=24.0, of_class=False, is_regularisation=False):
    return LatentItem(
        name=f"{value}.mp4",
        bucket=bucket,
        fps=fps,
        video=torch.full((4, 2, 1, 2), value, dtype=torch.bfloat16),
        audio=torch.full((2, 9, 16), value) if audio else None,
        video_context=torch.full((8, 6), value),
        audio_context=torch.full((8, 3), value) if audio else None,
        class_video_context=torch.full((8, 6), -value) if of_class else None,
        class_audio_context=torch.full((8, 3), -value) if of_class and audio else None,
        is_regularisation=is_regularisation,
    )


def test_items_are_stacked_in_order():
    batch = collate([item(1.0), item(2.0)])
    assert batch.size == 2
    assert batch.names == ("1.0.mp4", "2.0.mp4")
    for tensor in (batch.video, batch.audio, batch.video_context, batch.audio_context):
        assert tensor[0].unique().item() == 1.0
        assert tensor[1].unique().item() == 2.0


def test_silent_items_make_a_batch_without_audio():
    batch = collate([item(1.0, audio=False)])
    assert batch.audio is None
    assert batch.audio_context is None


@pytest.mark.parametrize(
    "other",
    [
        {"audio": False},
        {"bucket": Bucket(width=32, height=64, frames=9)},
        {"fps": 30.0},
        {"is_regularisation": True},
    ],
    ids=str,
)
def test_items_of_different_kinds_are_refused(other):
    with pytest.raises(ValueError, match="one bucket"):
        collate([item(1.0), item(2.0, **other)])


def test_moving_a_batch_moves_each_tensor_and_keeps_the_rest():
    batch = collate([item(1.0)]).to("meta")
    assert {tensor.device.type for tensor in (batch.video, batch.audio, batch.video_context)} == {"meta"}
    assert batch.bucket == BUCKET


def test_class_contexts_go_with_their_items_and_move_with_the_batch():
    batch = collate([item(1.0, of_class=True), item(2.0, of_class=True)])
    assert [value.unique().item() for value in batch.class_video_context] == [-1.0, -2.0]
    assert [value.unique().item() for value in batch.class_audio_context] == [-1.0, -2.0]
    moved = batch.to("meta")
    assert {moved.class_video_context.device.type, moved.class_audio_context.device.type} == {"meta"}
    assert collate([item(1.0)]).class_video_context is None


def test_a_batch_says_whether_its_clips_are_ordinary():
    batch = collate([item(1.0, is_regularisation=True), item(2.0, is_regularisation=True)])
    assert batch.to("cpu").is_regularisation
    assert not collate([item(1.0)]).is_regularisation


def test_a_batch_survives_the_way_from_a_worker_process():
    batch = pickle.loads(pickle.dumps(collate([item(3.0, audio=False)])))
    assert batch.names == ("3.0.mp4",)
    assert batch.video.unique().item() == 3.0
