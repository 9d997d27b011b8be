import io
from fractions import Fraction

import av
import pytest
import torch
from PIL import Image

from datamodules.media.decode import read_frames
from datamodules.media.write import encode_gif, exact_rate, write_video

COLOURS = [(220, 40, 40), (40, 200, 60), (30, 60, 230), (128, 128, 128), (250, 240, 20), (8, 8, 8)]


@pytest.fixture
def coloured():
    pictures = [torch.tensor(colour, dtype=torch.uint8)[:, None, None].expand(3, 32, 64) for colour in COLOURS]
    return torch.stack(pictures)


def test_colours_come_back_as_written(tmp_path, coloured):
    write_video(tmp_path / "a.mp4", coloured, 24)
    decoded = read_frames(tmp_path / "a.mp4", start=0, frames=len(COLOURS), fps=24, width=64, height=32)
    # 8-bit limited range and CRF 18 cost a few levels; a wrong matrix or range costs 10 to 30
    assert (decoded.float() - coloured.float()).abs().max() <= 5


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(24), Fraction(30), Fraction(25, 2)])
def test_the_rate_is_written_exactly(tmp_path, coloured, fps):
    write_video(tmp_path / "a.mp4", coloured, fps)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].average_rate == fps
        assert container.streams.video[0].frames == len(COLOURS)


@pytest.mark.parametrize(
    ("fps", "rate"),
    [(23.976, "24000/1001"), (29.97, "30000/1001"), (59.94, "60000/1001"), (24.0, "24"), (5, "5"), (12.5, "25/2")],
)
def test_rounded_rates_mean_the_exact_ones(fps, rate):
    assert exact_rate(fps) == Fraction(rate)


def test_the_file_is_what_every_player_reads(tmp_path, coloured):
    waveform = torch.zeros(2, 12000)
    write_video(tmp_path / "a.mp4", coloured, 24, waveform)
    with av.open(str(tmp_path / "a.mp4")) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.pix_fmt) == ("h264", "yuv420p")
        assert (sound.codec_context.name, sound.rate, sound.channels) == ("aac", 48000, 2)
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # plays before it is fully loaded


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, coloured, monkeypatch):
    write_video(tmp_path / "a.mp4", coloured, 24)
    before = (tmp_path / "a.mp4").read_bytes()

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("datamodules.media.video_writer.VideoWriter.write_sound", fail)
    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "a.mp4", coloured[:2], 24, torch.zeros(2, 100))
    assert (tmp_path / "a.mp4").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_the_same_frames_give_the_same_bytes(tmp_path, coloured):
    write_video(tmp_path / "a.mp4", coloured, 24)
    write_video(tmp_path / "b.mp4", coloured, 24)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize("shape", [(3, 32, 64), (2, 1, 32, 64), (2, 3, 31, 64)])
def test_frames_of_a_wrong_shape_are_refused(tmp_path, shape):
    with pytest.raises(ValueError, match="even height and width"):
        write_video(tmp_path / "a.mp4", torch.zeros(shape, dtype=torch.uint8), 24)


def test_a_mono_waveform_is_refused(tmp_path, coloured):
    with pytest.raises(ValueError, match="give stereo"):
        write_video(tmp_path / "a.mp4", coloured, 24, torch.zeros(1, 100))


def test_a_gif_has_all_frames_and_the_length_of_the_clip(coloured):
    image = Image.open(io.BytesIO(encode_gif(coloured, 24)))
    lengths = []
    for index in range(image.n_frames):
        image.seek(index)
        lengths.append(image.info["duration"])
    assert image.n_frames == len(COLOURS)
    assert sum(lengths) == 250  # 6 frames at 24 per second, in milliseconds
    image.seek(2)
    assert max(abs(a - b) for a, b in zip(image.convert("RGB").getpixel((5, 5)), COLOURS[2], strict=True)) <= 8
