"""What the training step receives."""

import pickle

import pytest
import torch

from datamodules.batch import LatentItem, collate
from datamodules.geometry import Bucket

BUCKET = Bucket(width=64, height=32, frames=9)


def item(value, *, audio=True, bucket=BUCKET, fps=24.0):
    return LatentItem(
        name=f"{value}.mp4",
        bucket=bucket,
        fps=fps,
        video=torch.full((4, 2, 1, 2), value, dtype=torch.bfloat16),
        audio=torch.full((2, 9, 16), value) if audio else None,
        video_context=torch.full((8, 6), value),
        audio_context=torch.full((8, 3), value) if audio else None,
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
    "other", [{"audio": False}, {"bucket": Bucket(width=32, height=64, frames=9)}, {"fps": 30.0}], ids=str
)
def test_items_of_different_kinds_are_refused(other):
    with pytest.raises(ValueError, match="one bucket"):
        collate([item(1.0), item(2.0, **other)])


def test_moving_a_batch_moves_each_tensor_and_keeps_the_rest():
    batch = collate([item(1.0)]).to("meta")
    assert {tensor.device.type for tensor in (batch.video, batch.audio, batch.video_context)} == {"meta"}
    assert batch.bucket == BUCKET


def test_a_batch_survives_the_way_from_a_worker_process():
    batch = pickle.loads(pickle.dumps(collate([item(3.0, audio=False)])))
    assert batch.names == ("3.0.mp4",)
    assert batch.video.unique().item() == 3.0
