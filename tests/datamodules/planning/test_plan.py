"""What is known before anything is encoded: refusals with their reasons, and which clips are held out."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.geometry import Bucket
from datamodules.latents import LatentDataModule
from datamodules.manifest.clip import Clip
from datamodules.planning.hold_out import held_out_files
from datamodules.windows.clip_windows import ClipWindow
from datamodules.world.dataset import write_dataset
from ltx_module.pico import write_pico
from tests.mixed_folder import write_wav


@pytest.fixture(scope="module")
def pico(tmp_path_factory):
    return write_pico(tmp_path_factory.mktemp("pico"))


@pytest.fixture
def folder(tmp_path):
    write_dataset(tmp_path / "clips", clips=3, stills=1, width=64, height=64, frames=17)
    return tmp_path / "clips"


@pytest.fixture
def make(pico, folder):
    def make(**changes):
        arguments = {
            "buckets": ["64x64x17", "64x64x1"],
            "base_model": pico,
            "text_encoder": pico.parent / "gemma",
            "text_window": 128,
            "with_audio": True,
            "path": folder,
        }
        return LatentDataModule(**(arguments | changes))

    return make


def test_a_recipe_with_sound_refuses_a_dataset_without(make, folder):
    for clip in folder.glob("*.mp4"):
        clip.unlink()
    with pytest.raises(ValueError, match=r"none of the 1 clips .* has any"):
        make().prepare_data()


def test_a_dataset_that_yields_nothing_is_refused_with_every_reason(make, folder):
    for clip in folder.glob("*.mp4"):
        clip.write_bytes(b"nonsense" * 100)
    with pytest.raises(ValueError, match="yields nothing") as refusal:
        make(buckets=["64x64x17"]).prepare_data()
    assert all(path.name in str(refusal.value) for path in [*folder.glob("*.mp4"), *folder.glob("*.png")])


def test_a_small_disk_is_refused_before_anything_is_encoded(make, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 10**9 - 1000, 1000))
    data = make()
    with pytest.raises(ValueError, match=r"data\.cache_dir"):
        data.prepare_data()
    assert list(data.cache.root.rglob("*.safetensors")) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"buckets": ["64x64x17", "64x64x16"]}, r"data\.buckets\[1\].*frames"),
        ({"buckets": []}, r"data\.buckets. is empty"),
        ({"text_window": 200}, r"data\.text_window"),
    ],
    ids=["bucket", "no bucket", "text window"],
)
def test_a_wrong_setting_is_named_with_its_key(make, changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes).plan()


def test_one_video_with_two_sounds_gives_two_pairs(make, folder):
    video = sorted(folder.glob("*.mp4"))[0]
    for name, level in (("x.wav", 0.1), ("y.wav", 0.5)):
        write_wav(folder / name, torch.full((2, 48000), level))
    table = folder / "clips.csv"
    table.write_text(f"video,audio,caption\n{video.name},x.wav,first\n{video.name},y.wav,second\n")
    data = make(path=table)
    report = data.plan()
    assert [row.name for row in report.rows] == [f"{video.name}+{name}@0.00s" for name in ("x.wav", "y.wav")]
    assert [clip.cached.caption for clip in data._clips] == ["first", "second"]
    assert len({clip.cached.audio_key for clip in data._clips}) == 2


def test_windows_are_not_counted_as_clips(make, tmp_path):
    assert "4 clips to train on" in make().plan().table()
    write_dataset(tmp_path / "long", clips=2, stills=1, width=64, height=64, frames=33)
    shown = make(path=tmp_path / "long", buckets=["64x64x1", "64x64x9"], windows="all").plan().table()
    assert "7 windows of 3 clips to train on" in shown  # three windows of each video, and the still


def test_a_tilde_is_the_home_directory(make, folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    shutil.copytree(folder, folder.parent / "copy")
    data = make(path=Path("~/copy"), cache_dir=Path("~/cache"))
    assert data.plan().count("train") == 4
    assert data.cache.root == folder.parent / "cache"


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=30), st.floats(0.0, 1.0))
def test_held_out_files_are_a_fixed_share_and_never_all(numbers, fraction):
    windows = [_window(number) for number in numbers]
    held_out = held_out_files([windows], fraction)
    files = {str(number) for number in numbers}
    assert held_out <= files
    assert held_out == held_out_files([windows[::-1]], fraction)
    assert bool(held_out) == (fraction > 0 and len(files) > 1)
    assert len(held_out) < len(files)


def _window(number, split="train"):
    clip = Clip(media=None, kind="video", caption="", audio=None, split=split, name=f"{number}.mp4")
    bucket = Bucket(width=64, height=64, frames=17)
    return ClipWindow(clip=clip, bucket=bucket, start=0.0, has_audio=False, media_hash=str(number), audio_hash=None)


def test_the_manifest_decides_what_is_held_out_before_the_fraction():
    assert held_out_files([[_window(1), _window(2, "validation")], [_window(3)]], 0.9) == {"2"}


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=9), min_size=1, max_size=4), st.floats(0.0, 1.0))
def test_no_set_is_held_out_as_a_whole(sets, fraction):
    held_out = held_out_files([[_window(number) for number in numbers] for numbers in sets], fraction)
    assert all({str(number) for number in numbers} - held_out for numbers in sets)
