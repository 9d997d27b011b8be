import pytest
import torch

from datamodules.manifest.clip import MediaError
from datamodules.media.probe import probe
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
