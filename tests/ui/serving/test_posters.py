import os
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
from PIL import Image

from tests.ui.serving.villain import write_png, write_wav
from ui.serving.posters import Posters
from ui.workspace import Workspace


@pytest.fixture
def place(tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "runs").mkdir()
    return tmp_path


@pytest.fixture
def posters(place):
    one = Posters(Workspace(root=place))
    yield one
    one.close()


def write_video(path, size=(64, 48), frames=24):
    """Its brightness grows from black to white."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for index in range(frames):
            picture = np.full((size[1], size[0], 3), round(255 * index / (frames - 1)), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def brightness(path) -> float:
    return float(np.asarray(Image.open(path).convert("L")).mean())


def write_bomb(path, width, height):
    """A PNG of a few hundred kB that unpacks to a picture of `width` x `height`."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = b"\0" * (width + 1)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return path


def test_a_clip_shows_its_beginning_and_a_sample_its_middle(posters, place):
    clip = posters.poster(write_video(place / "datasets" / "a.mp4"))
    sample = posters.poster(write_video(place / "runs" / "a.mp4"))
    assert brightness(clip) < 10
    assert 100 < brightness(sample) < 160


def test_a_poster_is_small_and_drawn_once(posters, place):
    still = write_png(place / "datasets" / "large.png", (2000, 1000))
    first = posters.poster(still)
    assert Image.open(first).size == (320, 160)
    changed = first.stat().st_mtime_ns
    assert posters.poster(still) == first
    assert first.stat().st_mtime_ns == changed


def test_a_changed_file_has_another_poster(posters, place):
    still = write_png(place / "datasets" / "a.png")
    first = posters.poster(still)
    write_png(still, (80, 80))
    assert posters.poster(still) != first


def test_what_is_transparent_lies_on_white(posters, place):
    path = place / "datasets" / "clear.png"
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(path)
    assert brightness(posters.poster(path)) > 250


def test_a_picture_that_unpacks_to_more_than_fits_is_not_unpacked(posters, place):
    bomb = write_bomb(place / "datasets" / "bomb.png", 40_000, 20_000)
    assert bomb.stat().st_size < 10**6
    start = time.monotonic()
    assert posters.poster(bomb) is None
    assert time.monotonic() - start < 5.0


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov", ".png", ".jpg", ".webp", ".mp3", ".wav"])
@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"<html><script>1</script></html>", b"#EXTM3U\n/etc/passwd\n"])
def test_a_file_that_is_not_what_its_name_says_has_none(posters, place, suffix, content):
    path = place / "datasets" / f"odd{suffix}"
    path.write_bytes(content)
    assert posters.poster(path) is None


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_file_that_breaks_off_hurts_nobody(posters, place, kept):
    whole = write_video(place / "datasets" / "whole.mp4")
    broken = place / "datasets" / "broken.mp4"
    broken.write_bytes(whole.read_bytes()[: round(whole.stat().st_size * kept)])
    posters.poster(broken)
    assert posters.poster(whole) is not None


@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile '{secret}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_named_video_reads_no_other_file(posters, place, playlist):
    secret = write_video(place / "secret.mp4")
    path = place / "datasets" / "list.mp4"
    path.write_text(playlist.format(secret=secret))
    assert posters.poster(path) is None


def test_a_sound_has_none_and_is_not_asked_again(posters, place, monkeypatch):
    sound = write_wav(place / "datasets" / "a.wav")
    assert posters.poster(sound) is None
    monkeypatch.setattr(posters, "_draw", lambda *_: pytest.fail("asked again"))
    assert posters.poster(sound) is None


def test_what_takes_too_long_is_given_up(place):
    hasty = Posters(Workspace(root=place), seconds=0.0)
    assert hasty.poster(write_png(place / "datasets" / "a.png")) is None
    hasty.seconds = 20.0
    assert hasty.poster(write_png(place / "datasets" / "b.png")) is not None
    hasty.close()


def test_many_at_once_share_few_processes_and_ask_once_for_each(posters, place):
    stills = [write_png(place / "datasets" / f"{index}.png", (200 + index, 100)) for index in range(12)]
    with ThreadPoolExecutor(24) as crowd:
        drawn = list(crowd.map(posters.poster, stills * 2))
    assert len(set(drawn)) == 12
    assert None not in drawn


def test_the_oldest_go_when_there_are_too_many(place):
    posters = Posters(Workspace(root=place), most=3)
    drawn = [posters.poster(write_png(place / "datasets" / f"{index}.png")) for index in range(5)]
    for age, path in enumerate(drawn):
        os.utime(path, (1000 + age, 1000 + age))
    posters.sweep()
    assert [path.exists() for path in drawn] == [False, False, True, True, True]
    posters.most_bytes = drawn[4].stat().st_size
    posters.sweep()
    assert [path.exists() for path in drawn] == [False, False, False, False, True]
    posters.close()


def test_the_processes_that_draw_end_with_the_studio(place):
    posters = Posters(Workspace(root=place))
    posters.poster(write_png(place / "datasets" / "a.png"))
    processes = [drawer.process for drawer in (posters._drawers.get(), posters._drawers.get()) if drawer.process]
    assert len(processes) == 1
    processes[0].stdin.close()
    assert processes[0].wait(10) == 0
