"""Recipes of sound alone: which clips and windows they take, and what their batches hold."""

import dataclasses

import pytest
import torch

from datamodules.batch import LatentBatch
from datamodules.geometry import AudioLatentSpec, Bucket
from datamodules.needs import Needs
from datamodules.windows.sound_windows import plan_sound_windows
from ltx_module.pico import write_pico
from tests.datamodules.given_clips import data_module, write_clip, write_sound

SOUND = Needs(streams="audio")


@pytest.fixture(scope="module")
def pico(tmp_path_factory):
    return write_pico(tmp_path_factory.mktemp("pico"))


@pytest.fixture
def windows(make_clip, make_info):
    def plan(duration, *texts, clip=None, has_audio=True, sound_duration=None, **settings):
        clip = clip or make_clip("voice.wav", kind="sound")
        info = make_info(width=0, height=0, frames=0, fps=0.0, duration=duration, has_audio=has_audio, has_video=False)
        if sound_duration is not None:
            info = dataclasses.replace(info, sound_duration=sound_duration)
        buckets = [Bucket.parse(text) for text in texts]
        return plan_sound_windows([clip], [info], buckets, hashes={clip.media: "hash"}, **settings)

    return plan


def test_a_sound_takes_the_longest_length_that_fits(windows):
    lengths = ("1s", "4s", "2.5s", "8s")
    chosen = {seconds: windows(seconds, *lengths)[0][0].bucket.seconds for seconds in (1.2, 2.5, 3.99, 60.0)}
    assert chosen == {1.2: 1.0, 2.5: 2.5, 3.99: 4.0, 60.0: 8.0}  # encoders miss a length by some samples


def test_the_windows_of_a_video_are_those_of_its_sound(windows, make_clip):
    planned, _ = windows(10.0, "1s", "4s", clip=make_clip(), sound_duration=2.5, windows="all")
    assert [(window.start, window.bucket.seconds) for window in planned] == [(0.0, 1.0), (1.0, 1.0)]
    _, (finding,) = windows(10.0, "4s", clip=make_clip(), sound_duration=2.5)
    assert "2.50 s of sound" in finding.reason


def test_a_sound_too_short_is_dropped_with_the_length_to_add(windows):
    planned, (finding,) = windows(1.37, "2s", "4s")
    assert planned == ()
    assert finding.action == "dropped"
    assert "1.37 s of sound, less than the 2 s of the shortest bucket" in finding.reason
    assert finding.fix == "add 1.3s to `data.buckets`"


def test_windows_of_a_sound_begin_at_audio_latents(windows):
    planned, _ = windows(10.0, "4s", windows="uniform", max_windows=3)
    assert [window.start for window in planned] == [0.0, 6.0]
    planned, _ = windows(10.0, "2.5s", windows="all")
    assert [window.start for window in planned] == [0.0, 2.52, 5.04]  # 63 latents of 40 ms hold 2.5 s
    assert [window.name for window in planned] == [f"voice.wav@{start:.2f}s" for start in (0, 2.52, 5.04)]


def test_stills_and_silent_clips_are_dropped_with_the_reason(windows, make_clip):
    for name, reason in (("a.png", "is a still"), ("a.mp4", "has no sound")):
        planned, (finding,) = windows(3.0, "1s", clip=make_clip(name), has_audio=False)
        assert planned == ()
        assert (finding.action, finding.reason.startswith(reason)) == ("dropped", True)


@pytest.fixture
def folder(tmp_path):
    """A sound, a video with sound, a silent one."""
    write_sound(tmp_path / "voice.wav", 1.5, caption="a voice")
    write_clip(tmp_path / "loud.mp4", frames=40, sound=True, caption="a loud one")
    write_clip(tmp_path / "silent.mp4", caption="a silent one")
    return tmp_path


def test_a_batch_of_sound_has_neither_picture_nor_its_context(pico, folder):
    data = data_module(pico, folder, SOUND, buckets=["1s"], batch_size=2)
    data.prepare_data()
    data.setup()
    batch = next(iter(data.train_dataloader()))
    assert sorted(batch.names) == ["loud.mp4@0.00s", "voice.wav@0.00s"]
    assert batch.video is None
    assert batch.video_context is None
    assert batch.audio.shape[2] == 25
    assert batch.audio_context is not None
    assert batch.size == 2
    assert not list(data.cache.root.glob("video/*/*"))


def test_the_report_counts_sounds(pico, folder):
    report = data_module(pico, folder, SOUND, buckets=["1s"]).plan()
    assert report.buckets() == [(Bucket.parse("1s"), 2, 0, 0)]
    dropped = {row.name: row.reason for row in report.rows if row.status == "dropped"}
    assert dropped == {"silent.mp4": "has no sound, and `model.streams: audio` trains sound alone"}


def test_a_window_of_sound_is_what_is_heard_there(pico, folder):
    data = data_module(pico, folder, SOUND, buckets=["0.4s"], windows="all")
    data.plan()
    clips = [clip for clip in data.clips_of("train") if clip.cached.name.startswith("voice")]
    assert len(clips) == 3
    whole = torch.cat([data._plan.media[clip.cached.audio_key].read() for clip in clips], 1)
    assert whole.shape == (2, round(1.2 * 16000))
    jumps = (whole[:, 1:] - whole[:, :-1]).abs().max()
    assert jumps < 0.6 * 2 * torch.pi * 440 / 16000 * 1.1  # no sine of 440 Hz is steeper


def test_a_decoded_sound_is_a_wav(pico, folder, tmp_path_factory):
    data = data_module(pico, folder, SOUND, buckets=["1s"])
    data.prepare_data()
    data.setup()
    directory = data.decode(tmp_path_factory.mktemp("decoded"))
    assert {path.name for path in directory.iterdir()} == {"voice.wav@0.00s.wav", "loud.mp4@0.00s.wav"}


def test_sounds_are_dropped_where_pictures_are_trained(pico, folder):
    report = data_module(pico, folder, Needs(), buckets=["64x64x17"]).plan()
    dropped = {row.name: row.reason for row in report.rows if row.status == "dropped"}
    assert dropped == {"voice.wav": "a sound without a video, which only `model.streams: audio` trains"}


@pytest.mark.parametrize(
    ("needs", "buckets", "message"),
    [
        (SOUND, ["1s", "64x64x17"], r"data\.buckets\[1\]. is 64x64x17, but `model\.streams` is audio: use lengths"),
        (Needs(), ["64x64x17", "4s"], r"data\.buckets\[1\]. is 4s, but `model\.streams` is av: use WIDTHx"),
    ],
)
def test_a_bucket_of_the_other_kind_is_named(pico, folder, needs, buckets, message):
    with pytest.raises(ValueError, match=message):
        data_module(pico, folder, needs, buckets=buckets).plan()


def test_sounds_have_masks_and_references(pico, tmp_path):
    write_sound(tmp_path / "voice.wav", 1.5, caption="a voice")
    write_sound(tmp_path / "references" / "voice.wav", 1.5, frequency=220.0)
    write_sound(tmp_path / "masks" / "voice.wav", 1.5, frequency=100.0)
    needs = Needs(streams="audio", audio_reference=True, audio_mask=True)
    data = data_module(pico, tmp_path, needs, buckets=["1s"])
    data.prepare_data()
    data.setup()
    batch = next(iter(data.train_dataloader()))
    assert batch.given.audio_reference.shape == batch.audio.shape
    assert batch.given.audio_mask.shape == (1, 25)
    assert not batch.given.audio_mask.any()  # it is loud throughout
    assert data.report.given == ("masks of the sound: 1 of 1 clips", "reference sounds: 1 of 1 clips")


def test_a_mask_of_sound_shorter_than_the_window_stops_the_recipe(pico, tmp_path):
    write_sound(tmp_path / "voice.wav", 1.5, caption="a voice")
    write_sound(tmp_path / "masks" / "voice.wav", 0.8)
    needs = Needs(streams="audio", audio_mask=True)
    (problem,) = data_module(pico, tmp_path, needs, buckets=["1s"]).plan().problems
    assert "voice.wav lasts 0.80 s, but it is the mask of voice.wav@0.00s, which ends at 1.00 s" in problem


@pytest.mark.parametrize("text", ["4s", "2.5s", "0.04s"])
def test_lengths_are_read_back_as_written(text):
    bucket = Bucket.parse(text)
    assert str(bucket) == text
    assert bucket.is_sound
    assert not bucket.is_still
    assert bucket.duration(24.0) == bucket.duration(60.0) == float(text[:-1])


@pytest.mark.parametrize("text", ["0s", "0.01s", "s", "-1s", "4 m", "64x64s"])
def test_what_is_no_length_is_refused(text):
    with pytest.raises(ValueError, match=r"data\.buckets\[0\]"):
        Bucket.parse(text, "data.buckets[0]")


def test_a_bucket_is_picture_or_sound():
    with pytest.raises(ValueError, match="give one of them"):
        Bucket(width=64, height=64, frames=9, seconds=1.0)
    assert Bucket.parse("64x64x49").duration(24.0) == 49 / 24
    assert AudioLatentSpec().length(Bucket.parse("4s").duration(24.0)) == 100


def test_a_batch_of_sound_moves_as_a_whole():
    batch = LatentBatch(
        video=None,
        audio=torch.zeros(1, 8, 25, 16),
        video_context=None,
        audio_context=torch.zeros(1, 4, 8),
        fps=24.0,
        bucket=Bucket.parse("1s"),
        names=("a",),
    )
    moved = batch.to("meta")
    assert moved.audio.is_meta
    assert moved.video is None
