import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from datamodules.media.container import frames_from, samples_of, sound_stream
from datamodules.media.probe import probe
from datamodules.media.video_writer import PictureFormat, SoundFormat, writing_video

PICTURE = PictureFormat(width=64, height=48)


def test_frames_are_shown_when_and_as_long_as_they_were_given(tmp_path):
    times, lengths = [0, 33, 70, 140, 150, 260, 261], [33, 37, 70, 10, 110, 1, 139]
    with writing_video(tmp_path / "a.mp4", PICTURE, rate=Fraction(20), time_base=Fraction(1, 1000)) as writer:
        for index, (pts, duration) in enumerate(zip(times, lengths, strict=True)):
            writer.write(np.full((48, 64), 30 * index, np.uint8), pts, duration)
    with av.open(str(tmp_path / "a.mp4")) as container:
        frames = list(container.decode(video=0))
        spans = [(frame.pts * frame.time_base, frame.duration * frame.time_base) for frame in frames]
    assert spans == [(Fraction(a, 1000), Fraction(b, 1000)) for a, b in zip(times, lengths, strict=True)]
    assert probe(tmp_path / "a.mp4").duration == pytest.approx(0.4)


def test_a_frame_that_is_missing_at_a_constant_rate_leaves_the_one_before_it_standing(tmp_path):
    with writing_video(tmp_path / "a.mp4", PICTURE, rate=Fraction(25), time_base=Fraction(1, 25)) as writer:
        for index, (pts, duration) in enumerate([(0, 1), (1, 4), (5, 1), (6, 1), (7, 2)]):
            writer.write(np.full((48, 64), 50 * index, np.uint8), pts, duration)
    with av.open(str(tmp_path / "a.mp4")) as container:
        spans = [(float(frame.time), float(frame.duration * frame.time_base)) for frame in container.decode(video=0)]
    assert np.allclose(spans, [(0, 0.04), (0.04, 0.16), (0.2, 0.04), (0.24, 0.04), (0.28, 0.08)])


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p"])
def test_gray_pictures_keep_black_and_white(tmp_path, pixels):
    picture = np.zeros((48, 64), np.uint8)
    picture[:, 32:] = 255
    stored = PictureFormat(width=64, height=48, pixels=pixels, crf=4)
    with writing_video(tmp_path / "a.mp4", stored, rate=Fraction(24)) as writer:
        writer.write(picture, 0)
    with av.open(str(tmp_path / "a.mp4")) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert np.abs(shown - picture[..., None]).max() <= 4


def test_sound_in_pieces_is_the_sound(tmp_path):
    wave = 0.5 * np.sin(np.arange(48000) * 2 * np.pi * 300 / 48000, dtype=np.float32)[None]
    sound = SoundFormat(rate=48000, layout="mono", bit_rate=128_000)
    with writing_video(tmp_path / "a.mp4", PICTURE, rate=Fraction(24), sound=sound) as writer:
        for index in range(24):
            writer.write(np.zeros((48, 64, 3), np.uint8), index)
        for begin in range(0, 48000, 777):
            writer.write_sound(wave[:, begin : begin + 777])
    pieces = [samples_of(frame) for frame, time in frames_from(tmp_path / "a.mp4", sound_stream, 0, 0.0) if time >= 0]
    heard = np.concatenate(pieces, 1)[0]
    assert abs(len(heard) - 48000) <= 1024
    assert np.abs(heard[2000:46000] - wave[0, 2000:46000]).max() < 0.02


def test_sound_needs_to_be_announced_and_a_failed_file_leaves_nothing(tmp_path):
    def write():
        with writing_video(tmp_path / "a.mp4", PICTURE, rate=Fraction(24)) as writer:
            writer.write(np.zeros((48, 64, 3), np.uint8), 0)
            writer.write_sound(np.zeros((2, 100), np.float32))

    with pytest.raises(ValueError, match="without sound"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_odd_sides_need_colours_at_full_size(tmp_path):
    with (
        pytest.raises(ValueError, match="63x47, but both must be even"),
        writing_video(tmp_path / "a.mp4", PictureFormat(width=63, height=47), rate=Fraction(24)),
    ):
        pass


def test_a_comment_is_kept(tmp_path):
    with writing_video(tmp_path / "a.mp4", PICTURE, rate=Fraction(24), comment='{"caf\u00e9": 1}') as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8), 0)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.metadata["comment"] == '{"caf\u00e9": 1}'


def test_writing_imports_no_torch():
    program = "import sys, datamodules.media.write, datamodules.media.video_writer; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
