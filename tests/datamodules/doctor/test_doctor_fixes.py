"""`--fix` mends a copy, of which nothing mended is found again, and leaves the original as it is."""

import csv
import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch

from datamodules.doctor.checks.rates import check_rates
from datamodules.doctor.command import doctor
from datamodules.doctor.examination import Examination, ExaminedClip
from datamodules.doctor.file_facts import FileFacts
from datamodules.doctor.fixes.captions import CaptionFixes
from datamodules.doctor.pictures import PictureFacts
from datamodules.doctor.wanted import Wanted
from datamodules.manifest.clip import Clip
from datamodules.media.decode import read_audio, read_frames
from datamodules.media.probe import MediaInfo, probe
from datamodules.media.write import write_video
from datamodules.world import Scene, draw_frames, play_tone
from tests.datamodules.doctor.drawn_sets import BUCKETS, PLANTED, TRIGGER
from tests.mixed_folder import write_timed

MENDED = {
    "black-bars",
    "variable-rate",
    "exact-duplicate",
    "trigger-missing",
    "caption-boilerplate",
    "audio-silent",
}


def bytes_of(folder):
    files = (file for file in folder.rglob("*") if file.is_file() and ".ltx-cache" not in file.parts)
    return {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="module")
def mended(faulty, tmp_path_factory):
    """The original's bytes before, its mended copy, and what is found in that."""
    before, target = bytes_of(faulty), tmp_path_factory.mktemp("mended") / "copy"
    options = {"recipe": "character", "trigger": TRIGGER, "buckets": ",".join(BUCKETS)}
    assert doctor(faulty, fix=target, **options) == 1
    doctor(target, json=target.parent / "after.json", **options)
    found = json.loads((target.parent / "after.json").read_text())["findings"]
    return before, target, {(finding["name"], finding["code"]) for finding in found}


def test_the_original_is_unchanged(faulty, mended):
    assert bytes_of(faulty) == mended[0]


def test_what_is_mended_is_not_found_again_and_all_else_is(mended):
    _, _, found = mended
    assert not {code for _, code in found} & MENDED
    # a clip without its silent track has no sound
    expected = {(name, code) for name, code in PLANTED.items() if code not in MENDED}
    # a clip without its silent track has no sound, and what is left between bars is smaller than the bucket
    expected |= {("silent.mp4", "audio-missing"), ("letterbox.mp4", "upscaled"), ("pillarbox.png", "upscaled")}
    assert {finding for finding in found if finding[0]} == expected


def test_files_without_a_mendable_fault_are_copied_byte_for_byte(mended):
    before, target, _ = mended
    touched = {name for name, code in PLANTED.items() if code in MENDED}
    touched |= {name.rpartition(".")[0] + ".txt" for name in touched}
    after = bytes_of(target)
    assert {name for name in before if before[name] != after.get(name)} <= touched
    assert set(before) - set(after) == {"the same.mp4", "the same.txt"}


def test_bars_are_cropped_and_nothing_else_of_the_picture(faulty, mended):
    before, after = faulty / "letterbox.mp4", mended[1] / "letterbox.mp4"
    assert (probe(after).width, probe(after).height, probe(after).frames) == (128, 72, 33)
    whole = read_frames(before, start=0, frames=33, fps=24, width=128, height=96)[:, :, 12:84].float()
    assert (read_frames(after, start=0, frames=33, fps=24, width=128, height=72).float() - whole).abs().mean() < 2
    sounds = [read_audio(path, start=0, duration=1.3) for path in (before, after)]
    assert torch.equal(*sounds)


def test_a_ragged_clip_shows_the_same_frames_at_a_constant_rate(faulty, mended):
    before, after = faulty / "variable.mkv", mended[1] / "variable.mkv"
    assert not probe(after).variable_fps
    assert probe(after).fps == pytest.approx(24, abs=0.01)
    frames = [read_frames(path, start=0, frames=33, fps=24, width=128, height=96).float() for path in (before, after)]
    assert (frames[0] - frames[1]).abs().mean((1, 2, 3)).max() < 3
    assert torch.allclose(*(read_audio(path, start=0.1, duration=1.0) for path in (before, after)), atol=1e-3)


def test_a_silent_track_goes_and_the_picture_stays_as_it_was(faulty, mended):
    before, after = faulty / "silent.mp4", mended[1] / "silent.mp4"
    assert not probe(after).has_audio
    assert torch.equal(
        *(read_frames(path, start=0, frames=33, fps=24, width=128, height=96) for path in (before, after))
    )


@pytest.mark.parametrize(("suffix", "codec"), [("mov", "libx264"), ("webm", "libvpx")])
def test_other_containers_are_cropped_in_step_with_a_late_sound(tmp_path, suffix, codec):
    scene, bars = Scene(motion="right", background="teal", tone="low"), torch.zeros(33, 3, 96, 128, dtype=torch.uint8)
    bars[..., 16:112] = draw_frames(scene, frames=33, width=96, height=96)
    folder, path = tmp_path / "set", tmp_path / "set" / f"late.{suffix}"
    folder.mkdir()
    sound = play_tone(scene, frames=24) if codec == "libx264" else None
    times = [index / 24 for index in range(33)]
    write_timed(path, bars, times, waveform=sound, sound_delay=0.35, delay=0.1, codec=codec, rotation=90)
    doctor(folder, fix=tmp_path / "copy")
    after = tmp_path / "copy" / f"late.{suffix}"
    info = probe(after)
    # turned upright as it was shown, and the bars that were left and right are above and below
    assert (info.width, info.height, info.frames) == (96, 96, 33)
    if sound is not None:
        assert torch.allclose(*(read_audio(file, start=0, duration=0.7) for file in (path, after)), atol=1e-3)


def test_references_and_masks_lose_the_same_part_as_their_clip(tmp_path):
    scene = Scene(motion="right", background="teal")
    bars = torch.zeros(33, 3, 96, 128, dtype=torch.uint8)
    bars[:, :, 12:84] = draw_frames(scene, frames=33, width=128, height=72)
    half = torch.nn.functional.avg_pool2d(bars.float(), 2).byte()
    write_video(tmp_path / "set" / "a.mp4", bars, 24)
    write_video(tmp_path / "set" / "references" / "a.mp4", half, 24)
    doctor(tmp_path / "set", fix=tmp_path / "copy")
    reference = probe(tmp_path / "copy" / "references" / "a.mp4")
    assert (reference.width, reference.height, reference.frames) == (64, 36, 33)


def test_a_manifest_is_rewritten_with_its_other_columns(tmp_path, few):
    few(3).rename(tmp_path / "clips")
    shutil.copy(tmp_path / "clips" / "clean 00.mp4", tmp_path / "clips" / "again.mp4")
    rows = [
        ("../clips/clean 00.mp4", "The video shows a cat, asleep", "5"),
        ("../clips/clean 01.mp4", "zorb, a dog runs", "4"),
        ("../clips/again.mp4", "zorb, the same cat", "3"),
    ]
    (tmp_path / "lists").mkdir()
    with (tmp_path / "lists" / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("video", "Caption", "stars"), *rows])
    doctor(tmp_path / "lists" / "list.csv", trigger=TRIGGER, fix=tmp_path / "copy")
    with (tmp_path / "copy" / "list.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [(row["Caption"], row["stars"]) for row in written] == [
        (f"{TRIGGER} A cat, asleep", "5"),
        ("zorb, a dog runs", "4"),
    ]
    assert all((tmp_path / "copy" / row["video"]).is_file() for row in written)
    assert doctor(tmp_path / "copy" / "list.csv", trigger=TRIGGER) == 1  # too few clips


@pytest.mark.parametrize("content", ["json", "jsonl"])
def test_manifests_of_objects_keep_lists_of_captions(tmp_path, few, content):
    few(2)
    rows = [
        {"media": "clean 00.mp4", "caption": ["A video of a cat", "zorb, a cat sleeps"], "id": 7},
        {"media": "clean 01.mp4", "caption": "zorb, a dog runs"},
    ]
    lines = json.dumps(rows) if content == "json" else "\n".join(json.dumps(row) for row in rows)
    (tmp_path / "set" / f"list.{content}").write_text(lines)
    doctor(tmp_path / "set" / f"list.{content}", trigger=TRIGGER, fix=tmp_path / "copy")
    text = (tmp_path / "copy" / f"list.{content}").read_text()
    written = json.loads(text) if content == "json" else [json.loads(line) for line in text.splitlines()]
    assert written == [{**rows[0], "caption": [f"{TRIGGER} A cat", "zorb, a cat sleeps"]}, rows[1]]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("The video shows a red car.", "zorb A red car."),
        ("zorb, this clip depicts a red car", "zorb, a red car"),
        ("In this video, we see a man who waves", "zorb A man who waves"),
        ("a photo of a dog", "zorb a dog"),
        ("we can see the sea", "zorb the sea"),
        ("The video shows", "zorb The video shows"),
        ("Zorb's video of the year", "Zorb's video of the year"),
        ("a videographer of note", "zorb a videographer of note"),
        ("", ""),
    ],
)
def test_captions_lose_empty_openings_and_gain_the_trigger(caption, expected):
    assert CaptionFixes(trigger="zorb", adds_trigger=True).mended(caption)[0] == expected


def test_a_directory_with_content_is_refused_and_left_alone(tmp_path, few):
    few(1)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="not empty"):
        doctor(tmp_path / "set", fix=tmp_path / "copy")
    with pytest.raises(ValueError, match="within the dataset"):
        doctor(tmp_path / "set", fix=tmp_path / "set" / "copy")
    assert [file.name for file in (tmp_path / "copy").iterdir()] == ["mine.txt"]


def test_a_copy_that_fails_leaves_nothing(tmp_path, few, monkeypatch):
    few(2)

    def full_disk(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("datamodules.doctor.fixes.copy.shutil.copy2", full_disk)
    with pytest.raises(OSError, match="No space left"):
        doctor(tmp_path / "set", fix=tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize(
    ("notes", "can"), [((), True), (("PQ high dynamic range is read without tone mapping",), False)]
)
def test_high_dynamic_range_is_not_written_again_in_eight_bits(notes, can):
    info = MediaInfo(
        width=64,
        height=64,
        frames=30,
        duration=1,
        fps=30,
        has_audio=False,
        has_video=True,
        variable_fps=True,
        notes=notes,
    )
    clip = Clip(media=Path("a.mp4"), kind="video", caption="x", audio=None, split="train", name="a.mp4")
    pictures = PictureFacts(
        **dict.fromkeys((field.name for field in dataclasses.fields(PictureFacts)), ()) | {"seconds": 1.0}
    )
    seen = ExaminedClip(clip=clip, file=FileFacts(path=clip.media, info=info, pictures=pictures), companions={})
    (finding,) = check_rates(Examination(clips=(seen,), findings=(), wanted=Wanted()))
    assert (finding.code, finding.can_fix) == ("variable-rate", can)
