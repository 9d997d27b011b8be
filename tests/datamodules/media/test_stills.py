import struct
import zlib

import pytest
import torch
from PIL import Image

from datamodules.manifest.clip import MediaError
from datamodules.media.decode import read_frames
from datamodules.media.probe import probe
from tests.mixed_folder import truncate


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("RGBA", (200, 100, 50, 255), (200, 100, 50)),
        ("RGBA", (200, 100, 50, 0), (0, 0, 0)),
        ("RGBA", (200, 100, 50, 128), (100, 50, 25)),
        ("LA", (200, 128), (100, 100, 100)),
        ("L", 77, (77, 77, 77)),
        ("I;16", 200 * 257, (200, 200, 200)),
    ],
)
def test_stills_of_every_mode_are_read_over_black(tmp_path, mode, value, expected):
    Image.new(mode, (64, 32), value).save(tmp_path / "a.png")
    picture = read_frames(tmp_path / "a.png", start=0, frames=1, fps=24, width=64, height=32)[0, :, 16, 32]
    assert (picture.int() - torch.tensor(expected)).abs().max() <= 1


def test_a_palette_with_a_transparent_colour_is_read_over_black(tmp_path):
    image = Image.new("P", (64, 32), 1)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.paste(0, (0, 0, 32, 32))
    image.save(tmp_path / "a.png", transparency=1)
    picture = read_frames(tmp_path / "a.png", start=0, frames=1, fps=24, width=64, height=32)[0]
    assert picture[:, 16, 10].tolist() == [10, 20, 30]
    assert picture[:, 16, 50].tolist() == [0, 0, 0]
    assert "laid over black" in probe(tmp_path / "a.png").notes[0]


@pytest.mark.parametrize("suffix", ["jpg", "webp", "png"])
def test_stills_are_turned_as_their_exif_data_says(tmp_path, suffix):
    image = Image.new("RGB", (64, 32))
    image.paste((255, 255, 255), (0, 0, 32, 16))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    image.save(tmp_path / f"a.{suffix}", exif=exif, quality=95)
    info = probe(tmp_path / f"a.{suffix}")
    picture = read_frames(tmp_path / f"a.{suffix}", start=0, frames=1, fps=24, width=32, height=64)[0, 0]
    assert (info.width, info.height) == (32, 64)
    assert picture[8, 24] > 200  # the bright corner is now at the top right
    assert picture[8, 4] < 50


def test_an_animated_still_is_refused(tmp_path):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    with pytest.raises(MediaError, match="animated"):
        probe(tmp_path / "a.webp")


def test_the_first_picture_of_a_phones_jpeg_is_read(tmp_path):
    photo, preview = Image.new("RGB", (64, 32), (200, 100, 50)), Image.new("RGB", (32, 16), (0, 0, 0))
    photo.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[preview])
    assert (probe(tmp_path / "a.jpg").width, probe(tmp_path / "a.jpg").height) == (64, 32)
    picture = read_frames(tmp_path / "a.jpg", start=0, frames=1, fps=24, width=64, height=32)[0, :, 16, 32]
    assert (picture.int() - torch.tensor((200, 100, 50))).abs().max() <= 3


def test_a_png_with_a_short_header_is_refused_by_name(tmp_path):
    short = struct.pack(">I", 5) + b"IHDR" + b"\0" * 5
    chunk = short + struct.pack(">I", zlib.crc32(short[4:]))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    with pytest.raises(MediaError, match=r"a\.png: cannot be decoded"):
        probe(tmp_path / "a.png")


def test_a_truncated_still_is_refused(tmp_path):
    Image.effect_noise((64, 64), 50).save(tmp_path / "a.png")
    truncate(tmp_path / "a.png", 0.5)
    with pytest.raises(MediaError, match="cannot be decoded"):
        probe(tmp_path / "a.png")
