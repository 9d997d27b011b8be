"""What is given, batched and moved."""

import pytest
import torch

from datamodules.batch import LatentItem, collate
from datamodules.geometry import Bucket
from datamodules.given import Given, join
from datamodules.given_keys import GivenKeys
from datamodules.sample_media import SampleMedia


def given(value=0.0, frames=(0, -1)):
    return Given(
        video_reference=torch.full((1, 4, 3, 2, 2), value),
        audio_mask=torch.zeros(1, 25, dtype=torch.bool),
        keyframes={frame: torch.full((1, 4, 1, 2, 2), value + frame) for frame in frames},
    )


def item(number, what):
    return LatentItem(
        name=str(number),
        bucket=Bucket(width=64, height=64, frames=17),
        fps=24.0,
        video=torch.zeros(4, 3, 2, 2),
        audio=None,
        video_context=torch.zeros(5, 8),
        audio_context=None,
        given=what,
        caption_dropout=0.1 * number or None,
    )


def test_items_are_joined_in_their_order():
    batch = collate([item(number, given(float(number))) for number in range(3)])
    assert batch.given.video_reference.shape == (3, 4, 3, 2, 2)
    assert batch.given.video_reference[:, 0, 0, 0, 0].tolist() == [0.0, 1.0, 2.0]
    assert batch.given.keyframes[-1][:, 0, 0, 0, 0].tolist() == [-1.0, 0.0, 1.0]
    assert batch.given.video is None
    assert batch.caption_dropout == (None, 0.1, 0.2)


@pytest.mark.parametrize("other", [Given(), given(frames=(0,))], ids=["nothing", "fewer stills"])
def test_items_of_which_not_the_same_is_given_are_no_batch(other):
    with pytest.raises(ValueError, match=r"of which the same is given, not .*video_reference"):
        join([given(), other])


def test_everything_given_moves_with_the_batch():
    moved = collate([item(1, given())]).to("meta").given
    assert moved.video_reference.is_meta
    assert moved.audio_mask.is_meta
    assert all(still.is_meta for still in moved.keyframes.values())
    assert moved.names == given().names


def test_a_batch_without_conditions_is_given_nothing():
    assert collate([item(1, Given())]).given.names == frozenset()


def test_the_keys_of_what_is_given_are_all_named():
    keys = GivenKeys(video_reference="a", audio_mask="b", keyframes=((0, "c"), (-1, "d")))
    assert keys.keys == ("a", "b", "c", "d")


def test_the_files_of_a_sample_are_named_as_in_the_recipe(tmp_path):
    media = SampleMedia(image=tmp_path / "a.png", reference_video=tmp_path / "b.mp4")
    assert media.files == {"image": tmp_path / "a.png", "reference_video": tmp_path / "b.mp4"}
