"""Class captions and a second dataset of ordinary clips, from the folder to the batch."""

import itertools

import pytest
import torch

from datamodules.latents import LatentDataModule
from datamodules.needs import Keyframe, Needs
from datamodules.world.dataset import write_dataset
from ltx_module.pico import write_pico


@pytest.fixture(scope="module")
def pico(tmp_path_factory):
    return write_pico(tmp_path_factory.mktemp("pico"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A dataset of two clips and a still, and an ordinary one of one clip and a still."""
    directory = tmp_path_factory.mktemp("media")
    write_dataset(directory / "concept", clips=2, stills=1, width=64, height=64, frames=17)
    write_dataset(directory / "ordinary", clips=1, stills=1, width=64, height=64, frames=17, seed=5)
    return directory / "concept", directory / "ordinary"


@pytest.fixture
def make(pico, folders):
    def make(**changes):
        arguments = {
            "path": folders[0],
            "buckets": ["64x64x17", "64x64x1"],
            "trigger": "sks",
            "base_model": pico,
            "text_encoder": pico.parent / "gemma",
            "text_window": 128,
            "with_audio": True,
            "num_workers": 0,
        }
        data = LatentDataModule(**(arguments | changes))
        data.prepare_data()
        data.setup()
        return data

    return make


def batches(data, count):
    return list(itertools.islice(data.train_dataloader(), count))


def test_each_item_carries_the_contexts_of_its_own_class_caption(make, folders):
    data = make(class_word="a thing")
    captions = {path.stem: path.read_text().strip() for path in folders[0].glob("*.txt")}
    seen = batches(data, 3)
    assert len({batch.names for batch in seen}) == 3
    for batch in seen:
        video, audio = data.context(f"a thing {captions[batch.names[0].split('.')[0]]}")
        assert torch.equal(batch.class_video_context[0], video)
        assert batch.audio is None or torch.equal(batch.class_audio_context[0], audio)
        assert (batch.class_audio_context is None) == (batch.audio is None)
        assert not torch.equal(batch.class_video_context, batch.video_context)


def test_without_a_class_word_nothing_more_is_encoded_or_read(make):
    data = make()
    assert all(batch.class_video_context is None for batch in batches(data, 3))
    assert not any("thing" in text for text in data._plan.captions.values())


def test_held_out_clips_have_no_class_caption(make):
    data = make(class_word="a thing", validation_fraction=0.4)
    (held_out,) = data.clips_of("validation")
    assert held_out.cached.class_text_key is None
    assert all(clip.cached.class_text_key is not None for clip in data.clips_of("train"))


def test_ordinary_clips_have_no_trigger_and_are_their_own_class_caption(make, folders):
    data = make(regularisation=folders[1], regularisation_every_n_batches=2, class_word="a thing")
    seen = batches(data, 8)
    assert [batch.is_regularisation for batch in seen] == [False, True] * 4
    ordinary = {path.stem: path.read_text().strip() for path in folders[1].glob("*.txt")}
    for batch in seen[1::2]:
        video, _ = data.context(ordinary[batch.names[0].split(".")[0]])
        assert torch.equal(batch.video_context[0], video)
        assert torch.equal(batch.class_video_context[0], video)


def test_the_concepts_batches_come_in_the_order_they_have_alone(make, folders):
    alone = [batch.names for batch in batches(make(), 6)]
    mixed = [batch.names for batch in batches(make(regularisation=folders[1], regularisation_every_n_batches=4), 8)]
    assert mixed[:3] + mixed[4:7] == alone


def test_ordinary_clips_are_reported_and_never_held_out(make, folders):
    data = make(regularisation=folders[1], validation_fraction=0.4)
    assert data.report.count("regularisation") == 2
    assert [batch.is_regularisation for batch in data.val_dataloader()] == [False] * len(data.clips_of("validation"))
    assert "one batch in 5 is of it" in data.report.table()
    assert data.report.to_dict()["regularisation"] == {
        "dataset": str(folders[1]),
        "every_n_batches": 5,
        "clips": 2,
    }
    assert sum(sound + silent for _, sound, silent, _ in data.report.buckets()) == data.report.count("train")


def test_a_manifests_held_out_rows_are_not_ordinary_clips(make, folders, tmp_path):
    names = sorted(path.name for path in folders[1].iterdir() if path.suffix in (".mp4", ".png"))
    rows = "".join(
        f"{folders[1] / name},plain,{split}\n" for name, split in zip(names, ("train", "validation"), strict=True)
    )
    table = tmp_path / "ordinary.csv"
    table.write_text(f"media,caption,split\n{rows}")
    data = make(regularisation=table)
    assert data.report.count("regularisation") == 1
    assert any("are not held out" in finding.reason for finding in data.report.findings)


def test_class_captions_stay_in_the_cache_when_it_is_pruned(make, folders, tmp_path):
    options = {"class_word": "a thing", "regularisation": folders[1], "cache_dir": tmp_path / "cache"}
    data = make(**options)
    assert data.prune().removed_files == 0
    assert make(**options, trigger="xyz").prune().removed_files == len(data.clips_of("train"))  # their final captions


def refuse_stills(bucket, fps):
    if bucket.is_still:
        raise ValueError("a prefix of a still")


@pytest.mark.parametrize(
    "needs", [Needs(keyframes=(Keyframe(frame=8),)), Needs(checks=(refuse_stills,))], ids=["keyframe", "prefix"]
)
def test_ordinary_stills_that_conditions_cannot_take_are_dropped_with_the_reason(pico, folders, tmp_path, needs):
    write_dataset(tmp_path, clips=2, stills=0, width=64, height=64, frames=17)
    data = LatentDataModule(
        path=tmp_path,
        buckets=["64x64x17", "64x64x1"],
        base_model=pico,
        text_encoder=pico.parent / "gemma",
        text_window=128,
        regularisation=folders[1],
    )
    data.needs = needs
    report = data.plan()
    assert report.problems == ()
    assert report.count("regularisation") == 1
    (dropped,) = (finding for finding in report.findings if finding.action == "dropped")
    assert dropped.name.endswith(".png")
    assert "is a still, too short for `model.conditions`, so `data.regularisation` leaves it out" in dropped.reason
