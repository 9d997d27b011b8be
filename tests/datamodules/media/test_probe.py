import json

import pytest
import torch

from datamodules.manifest.clip import MediaError
from datamodules.media.index import MediaIndex
from datamodules.media.probe import clip_info, probe
from tests.mixed_folder import truncate, write_timed, write_wav


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.png", "a.jpg", "a.wav"])
@pytest.mark.parametrize("content", [b"", b"not media at all" * 50])
def test_a_file_that_is_no_media_is_refused_with_its_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError, match=f"{name}: (is empty|cannot be decoded)"):
        probe(tmp_path / name)


@pytest.mark.parametrize(
    ("suffix", "fraction"), [("mp4", 0.3), ("mp4", 0.7), ("mp4", 0.99), ("mkv", 0.3), ("mkv", 0.7)]
)
def test_a_truncated_video_is_refused(tmp_path, gray_ramp, suffix, fraction):
    path = tmp_path / f"a.{suffix}"
    noise = torch.randint(0, 256, (48, 3, 32, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    write_timed(path, noise, [index / 24 for index in range(48)])
    truncate(path, fraction)
    with pytest.raises(MediaError, match="incomplete"):
        probe(path)


@pytest.mark.parametrize(
    ("name", "expected"),
    # width, height, frames, rate, sound
    [
        ("portrait.mp4", (96, 128, 36, 24.0, True)),
        ("landscape 23.976.mp4", (128, 96, 36, 23.976, True)),
        ("thirty.mov", (128, 96, 45, 30.0, False)),
        ("sixty.mkv", (128, 96, 90, 60.0, False)),
        ("silent.webm", (128, 96, 36, 24.0, False)),
        ("one frame.mp4", (128, 96, 1, 24.0, False)),
        ("sub folder/rotated.mp4", (96, 128, 36, 24.0, False)),
        ("alpha.png", (128, 96, 1, 0.0, False)),
    ],
)
def test_the_probe_sees_what_is_in_the_mixed_folder(mixed_folder, name, expected):
    info = probe(mixed_folder / name)
    assert (info.width, info.height, info.frames, pytest.approx(info.fps, abs=0.05), info.has_audio) == expected
    assert not info.variable_fps


@pytest.mark.parametrize(
    ("name", "reason"),
    [("corrupt.mp4", "cannot be decoded"), ("truncated.mp4", "is incomplete: it ends in the middle")],
)
def test_broken_clips_of_the_mixed_folder_are_refused_with_the_reason(mixed_folder, name, reason):
    with pytest.raises(MediaError, match=reason):
        probe(mixed_folder / name)


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(MediaError, match="does not exist"):
        probe(tmp_path / "a.mp4")


def test_a_sound_has_a_length_and_no_picture(tmp_path):
    write_wav(tmp_path / "a.wav", torch.zeros(2, 72000))
    info = probe(tmp_path / "a.wav")
    assert (info.duration, info.frames, info.has_video, info.has_audio) == (1.5, 0, False, True)


@pytest.mark.parametrize(
    ("delays", "end"),
    [({}, 0.5), ({"sound_delay": 0.25}, 0.75), ({"delay": 0.125}, 0.375), ({"delay": 1.0}, 0.0)],
    ids=["in step", "late sound", "late picture", "over before the picture"],
)
def test_a_sound_is_as_long_as_its_track_and_counts_from_the_first_frame(tmp_path, gray_ramp, delays, end):
    path = tmp_path / "a.mkv"
    write_timed(path, gray_ramp(48), [index / 24 for index in range(48)], waveform=torch.zeros(2, 24000), **delays)
    info = probe(path)
    assert info.duration == pytest.approx(2.0, abs=0.01)
    assert info.sound_duration == pytest.approx(end, abs=0.025)  # a packet of 1024 samples


def test_a_separate_sound_gives_its_own_length(tmp_path, make_clip, gray_ramp):
    write_timed(tmp_path / "a.mp4", gray_ramp(48), [index / 24 for index in range(48)])
    write_wav(tmp_path / "a.wav", torch.zeros(2, 36000))
    assert probe(tmp_path / "a.mp4").sound_duration == 0
    assert clip_info(make_clip(media=tmp_path / "a.mp4", audio=tmp_path / "a.wav")).sound_duration == 0.75


def test_what_was_remembered_before_sounds_had_a_length_is_looked_at_again(tmp_path):
    write_wav(tmp_path / "a.wav", torch.zeros(2, 36000))
    index = MediaIndex(tmp_path / "index.json")
    index.info(tmp_path / "a.wav")
    index.save()
    content = json.loads(index.path.read_text())
    for entry in content["files"].values():
        del entry["info"]["sound_duration"]
    index.path.write_text(json.dumps(content | {"format": 1}))
    assert MediaIndex(index.path).info(tmp_path / "a.wav").sound_duration == 0.75
