import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.manifest.scan import scan_dataset
from datamodules.references.command import references
from datamodules.references.drawn import Canny, Downscale
from datamodules.references.stamp import read_stamp
from tests.mixed_folder import write_wav


@pytest.fixture
def folder(tmp_path, square, square_clip, ragged_clip):
    """Two clips and a still."""
    Image.fromarray(square(3)).save(tmp_path / "clips" / "still.png")
    return tmp_path / "clips"


def targets(folder, signal_name="canny"):
    root = folder / "references" / signal_name
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_every_clip_gets_a_reference_at_its_own_path(folder):
    assert references(folder) == 0
    assert targets(folder) == {"sub folder/square.mp4", "ragged.mp4", "still.png"}


def test_a_second_run_makes_nothing(folder, tmp_path):
    references(folder)
    before = {path: path.stat().st_mtime_ns for path in (folder / "references").rglob("*.*")}
    assert references(folder, report=tmp_path / "report.json") == 0
    assert {path: path.stat().st_mtime_ns for path in (folder / "references").rglob("*.*")} == before
    clips = json.loads((tmp_path / "report.json").read_text())["clips"]
    assert [clip["state"] for clip in clips] == ["up to date"] * 3


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"canny": Canny(low=50)}, "the settings have changed"),
        ({"crf": 4}, "the settings have changed"),
        ({"short_side": 32}, "the settings have changed"),
        ({"force": True}, "forced"),
    ],
)
def test_changed_settings_and_force_make_them_anew(folder, tmp_path, options, reason):
    references(folder)
    references(folder, report=tmp_path / "report.json", **options)
    clips = json.loads((tmp_path / "report.json").read_text())["clips"]
    assert [(clip["state"], clip["reason"]) for clip in clips] == [("made", reason)] * 3


def test_only_the_clip_that_changed_is_made_anew(folder, tmp_path, square):
    references(folder)
    Image.fromarray(square(9)).save(folder / "still.png")
    os.utime(folder / "ragged.mp4")  # touched, not changed
    references(folder, report=tmp_path / "report.json")
    clips = json.loads((tmp_path / "report.json").read_text())["clips"]
    assert {clip["name"]: clip["state"] for clip in clips} == {
        "ragged.mp4": "up to date",
        "still.png": "made",
        "sub folder/square.mp4": "up to date",
    }
    edges = np.asarray(Image.open(folder / "references" / "canny" / "still.png"))
    assert abs(int(np.where(edges > 127)[1].min()) - 29) <= 1  # the square of index 9 begins at column 29


def test_signals_lie_beside_each_other(folder):
    references(folder)
    references(folder, signal="downscale", downscale=Downscale(factor=2))
    assert targets(folder) == targets(folder, "downscale")
    stamp = read_stamp(folder / "references" / "downscale" / "ragged.mp4")
    assert (stamp.recipe.signal, stamp.recipe.settings["factor"]) == ("downscale", 2.0)


def test_a_reference_that_a_person_made_is_never_written_over(folder, tmp_path, square_clip):
    own = folder / "references" / "canny" / "ragged.mp4"
    own.parent.mkdir(parents=True)
    shutil.copy(square_clip, own)
    (folder / "references" / "canny" / "still.jpg").write_bytes(b"theirs")
    before = own.read_bytes()
    assert references(folder, force=True, report=tmp_path / "report.json") == 0
    assert own.read_bytes() == before
    states = {clip["name"]: clip["state"] for clip in json.loads((tmp_path / "report.json").read_text())["clips"]}
    assert states == {"ragged.mp4": "kept", "still.png": "kept", "sub folder/square.mp4": "made"}


def test_only_a_pattern(folder):
    references(folder, only="sub folder/*")
    assert targets(folder) == {"sub folder/square.mp4"}
    with pytest.raises(ValueError, match=r"`only` is 'dance\*', but no clip is called so"):
        references(folder, only="dance*")


def test_a_clip_that_cannot_be_read_fails_alone(folder, tmp_path):
    (folder / "broken.mp4").write_bytes(b"this is not a video\n" * 500)
    assert references(folder, report=tmp_path / "report.json") == 1
    failed = [c for c in json.loads((tmp_path / "report.json").read_text())["clips"] if c["state"] == "failed"]
    assert [clip["name"] for clip in failed] == ["broken.mp4"]
    assert "cannot be decoded" in failed[0]["reason"]
    assert len(targets(folder)) == 3


def test_bad_input_is_named(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="dataset"):
        references(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="dataset"):
        references(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="short_side` is 33"):
        references(folder, short_side=33)
    with pytest.raises(ValueError, match="crf` is 99"):
        references(folder, crf=99)
    with pytest.raises(ValueError, match="write_manifest` is for a manifest"):
        references(folder, write_manifest=tmp_path / "out.csv")


@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl"])
def test_a_manifest_is_left_alone_and_its_copy_has_the_column(folder, suffix):
    rows = [
        {"media_path": "sub folder/square.mp4", "caption": 'a "red" square, moving', "note": "mine"},
        {"media_path": str(folder / "still.png"), "caption": "caf\u00e9", "note": ""},
    ]
    manifest = folder / f"list{suffix}"
    if suffix == ".csv":
        with manifest.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        text = "[" + ",\n".join(lines) + "]" if suffix == ".json" else "\n".join(lines)
        manifest.write_text(text, encoding="utf-8")
    before = manifest.read_bytes()
    assert references(manifest, write_manifest=folder / f"with references{suffix}") == 0
    assert manifest.read_bytes() == before
    assert targets(folder) == {"sub folder/square.mp4", "still.png"}
    copy = (folder / f"with references{suffix}").read_text(encoding="utf-8")
    if suffix == ".csv":
        written = list(csv.DictReader(copy.splitlines()))
    else:
        written = json.loads(copy) if suffix == ".json" else [json.loads(line) for line in copy.splitlines()]
    paths = ["references/canny/sub folder/square.mp4", "references/canny/still.png"]
    assert written == [{**row, "reference_video_canny": path} for row, path in zip(rows, paths, strict=True)]


@pytest.mark.parametrize("names", [("canny",), ("canny", "downscale")])
def test_what_was_made_is_found_as_the_clips_references(folder, names):
    for name in names:
        references(folder, signal=name)
    manifest = scan_dataset(folder)
    assert len(manifest.clips) == 3
    for clip in manifest.clips:
        inside = clip.media.relative_to(folder)
        suffix = ".png" if clip.kind == "image" else ".mp4"
        assert clip.references == {n: (folder / "references" / n / inside).with_suffix(suffix) for n in names}
    assert not [finding for finding in manifest.findings if "reference" in str(finding)]


def test_the_written_column_is_read_as_the_clips_references(folder):
    (folder / "list.csv").write_text("media,caption\nragged.mp4,a\nstill.png,b\n")
    for name in ("canny", "blur"):
        references(folder / "list.csv", signal=name, write_manifest=folder / "list.csv")
    for clip in scan_dataset(folder / "list.csv").clips:
        assert set(clip.references) == {"canny", "blur"}
        assert all(path.is_file() for path in clip.references.values())


def test_sound_alone_has_no_reference_picture(tmp_path, folder):
    write_wav(folder / "voice.wav", torch.zeros(2, 4800))
    assert references(folder) == 0
    assert len(targets(folder)) == 3
    (tmp_path / "sounds").mkdir()
    write_wav(tmp_path / "sounds" / "voice.wav", torch.zeros(2, 4800))
    with pytest.raises(ValueError, match="sound alone"):
        references(tmp_path / "sounds")


def test_rows_of_one_stem_get_references_of_their_own(folder):
    shutil.copy(folder / "still.png", folder / "ragged.png")
    (folder / "list.csv").write_text("media,caption\nragged.mp4,a\nragged.png,b\nstill.png,c\n")
    assert references(folder / "list.csv", signal="blur") == 0
    assert targets(folder, "blur") == {"ragged.mp4", "ragged.png.png", "still.png"}


SLOW = """
import sys, time
from pathlib import Path
import datamodules.references.drawn as drawn
from datamodules.manifest.scan import scan_dataset
from datamodules.references.command import references
plain = drawn.Canny.draw
def slow(self, pictures):
    for index, picture in enumerate(plain(self, pictures)):
        if index == 5:
            Path(sys.argv[2]).touch()
            time.sleep(60)
        yield picture
drawn.Canny.draw = slow
sys.exit(references(Path(sys.argv[1])))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_end_on_the_way_leaves_no_half_file_and_the_next_run_goes_on(folder, tmp_path, number, code):
    started = tmp_path / "started"
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(folder), str(started)])
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(timeout=30) == code
    left = targets(folder) if (folder / "references").exists() else set()
    whole = {name for name in left if not name.rpartition("/")[2].startswith(".")}
    assert whole == set()  # ragged.mp4 was in hand, and is the first
    if number == signal.SIGINT:
        assert left == set()
    assert references(folder) == 0
    assert {"ragged.mp4", "still.png", "sub folder/square.mp4"} <= targets(folder)
