"""Rows of a manifest that name the same video with other masks or references: each is trained, under its own name."""

import json

import pytest
from PIL import Image

from datamodules.manifest.sets import ClipSet
from datamodules.needs import Needs
from ltx_module.pico import write_pico
from tests.datamodules.given_clips import data_module, write_clip
from tests.datamodules.planning.test_mirrored_clips import names_seen


@pytest.fixture(scope="module")
def pico(tmp_path_factory):
    return write_pico(tmp_path_factory.mktemp("pico"))


@pytest.fixture
def rows(pico, tmp_path):
    """The plan of a manifest of such rows."""
    write_clip(tmp_path / "a.mp4", sound=True)
    for number, name in enumerate(("one", "two")):
        write_clip(tmp_path / f"{name}.mp4", first=60 + 20 * number)
        Image.new("L", (64, 64), 255 * number).save(tmp_path / f"{name}.png")

    def plan(needs, *rows, flip=False, **changes):
        table = tmp_path / "clips.json"
        table.write_text(json.dumps([{"video": "a.mp4", "caption": "x"} | row for row in rows]))
        sets = [ClipSet(path=table, flip=flip)]
        data = data_module(pico, None, needs, sets=sets, with_audio=True, **changes)
        data.plan()
        return data

    return plan


MASKED = ({"video_mask": "one.png"}, {"video_mask": "two.png"})


def test_each_row_is_trained_as_often_as_any_other_clip_and_has_a_name(rows):
    data = rows(Needs(video_mask=True), *MASKED)
    assert names_seen(data, 8) == {"a.mp4@0.00s": 4, "a.mp4@0.00s #2": 4}
    assert "2 items of 1 clips to train on" in data.report.table()
    assert "2 items of 1 clips, each seen 1 times" in data.report.table()
    assert data.report.to_dict()["sets"][0]["windows"] == 1


def test_each_row_has_a_mirrored_twin_of_its_own(rows):
    data = rows(Needs(video_mask=True), *MASKED, flip=True)
    names = ("a.mp4@0.00s", "a.mp4@0.00s #2")
    assert names_seen(data, 8) == {name + end: 2 for name in names for end in ("", " mirrored")}
    masks = {clip.cached.name: clip.cached.given.video_mask for clip in data._plan.clips}
    assert len(set(masks.values())) == 4


def test_two_references_of_one_signal_are_two_items(rows):
    data = rows(Needs(video_reference=True), *({"reference_video_canny": f"{name}.mp4"} for name in ("one", "two")))
    assert names_seen(data, 4) == {"a.mp4@0.00s [canny]": 2, "a.mp4@0.00s [canny] #2": 2}


def test_sound_masks_in_seconds_tell_rows_apart(rows):
    data = rows(Needs(audio_mask=True), {"audio_mask": "0-0.2"}, {"audio_mask": "0.4-0.6"})
    assert len({clip.cached.given.audio_mask for clip in data._plan.clips}) == 2
    data = rows(Needs(audio_mask=True), {"audio_mask": "0-0.2"}, {"audio_mask": "0.0-0.20"})
    assert len(data._plan.clips) == 1


def test_a_sound_mask_that_ends_after_the_sound_stops_the_recipe(rows):
    data = rows(Needs(audio_mask=True), {"audio_mask": "0.2-0.3, 5-9"})
    (problem,) = [text for text in data.report.problems if "audio_mask" in text]
    assert "`audio_mask` of a.mp4 ends at 9 s, but its sound lasts" in problem


def test_one_file_as_two_signals_tells_rows_apart(rows):
    data = rows(
        Needs(video_reference=True), *({f"reference_video_{signal}": "one.mp4"} for signal in ("canny", "depth"))
    )
    assert [clip.cached.signal for clip in data._plan.clips] == ["canny", "depth"]
