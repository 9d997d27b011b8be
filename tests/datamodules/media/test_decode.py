import io
import subprocess
import sys
from pathlib import Path

import av
import pytest
import torch

from datamodules.manifest.clip import MediaError
from datamodules.manifest.scan import scan_dataset
from datamodules.media.decode import read_frames
from datamodules.media.probe import probe
from datamodules.media.resize import cover_crop
from datamodules.media.write import write_video
from tests.mixed_folder import RAGGED_TIMES, write_timed


def shown_at(times, moments):
    """Which frame is on the screen at each moment, by definition."""
    return [max(index for index, time in enumerate(times) if time <= moment) for moment in moments]


def read_all(path, *, start=0.0, frames=33, fps=24.0):
    return read_frames(path, start=start, frames=frames, fps=fps, width=64, height=32)


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("fps", [24, 24000 / 1001, 30, 60, 25, 12, 15])
def test_frames_of_any_rate_are_those_on_the_screen(tmp_path, gray_ramp, source_indices, fps, container):
    times = [index / fps for index in range(72)]
    write_timed(tmp_path / f"a.{container}", gray_ramp(72), times)
    frames = 25
    shown = source_indices(read_all(tmp_path / f"a.{container}", frames=frames))
    # a quarter of an output frame after its begin, as documented
    assert shown == shown_at(times, [(index + 0.25) / 24 for index in range(frames)])


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_film_rate_neither_repeats_nor_skips_a_frame(tmp_path, gray_ramp, source_indices, container):
    write_timed(tmp_path / f"a.{container}", gray_ramp(72), [index * 1001 / 24000 for index in range(72)])
    assert source_indices(read_all(tmp_path / f"a.{container}", frames=72)) == list(range(72))


def test_a_variable_rate_is_followed_by_its_timestamps(tmp_path, gray_ramp, source_indices):
    write_timed(tmp_path / "a.mkv", gray_ramp(len(RAGGED_TIMES)), RAGGED_TIMES)
    shown = source_indices(read_all(tmp_path / "a.mkv", frames=41))
    assert shown == shown_at(RAGGED_TIMES, [(index + 0.25) / 24 for index in range(41)])
    assert probe(tmp_path / "a.mkv").variable_fps


@pytest.mark.parametrize("start", [0.5, 1.875, 2.25, 2.5])
def test_a_window_begins_where_it_is_asked_to(tmp_path, gray_ramp, source_indices, start):
    write_timed(tmp_path / "a.mp4", gray_ramp(72), [index / 24 for index in range(72)])
    first = round(start * 24)
    assert source_indices(read_all(tmp_path / "a.mp4", start=start, frames=9)) == list(range(first, first + 9))


@pytest.mark.parametrize("container_format", ["mp4", "mpegts", "matroska"])
def test_a_window_of_a_streamed_recording_without_an_index_is_found(
    tmp_path, gray_ramp, source_indices, container_format
):
    file = io.BytesIO()
    file.seekable = lambda: False
    options = {"movflags": "frag_keyframe+empty_moov"} if container_format == "mp4" else {}
    with av.open(file, "w", format=container_format, options=options) as container:
        stream = container.add_stream("libx264", rate=24, options={"g": "12"})
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for picture in gray_ramp(72).permute(0, 2, 3, 1).numpy():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    (tmp_path / "a.mp4").write_bytes(file.getvalue())
    assert source_indices(read_all(tmp_path / "a.mp4", start=2.25, frames=9)) == list(range(54, 63))


def test_time_zero_is_the_first_frame_wherever_the_container_puts_it(tmp_path, gray_ramp, source_indices):
    write_timed(tmp_path / "a.mkv", gray_ramp(72), [index / 24 for index in range(72)], delay=1.7)
    assert source_indices(read_all(tmp_path / "a.mkv", start=2.25, frames=9)) == list(range(54, 63))


def test_every_frame_that_is_counted_can_be_read(mixed_folder):
    for clip in scan_dataset(mixed_folder).clips:
        if clip.name not in ("corrupt.mp4", "truncated.mp4"):
            frames = probe(clip.media).frames_at(24.0)
            assert len(read_all(clip.media, frames=frames)) == frames, clip.name


def test_a_window_beyond_the_end_is_an_error(tmp_path, gray_ramp):
    write_timed(tmp_path / "a.mp4", gray_ramp(24), [index / 24 for index in range(24)])
    with pytest.raises(MediaError, match=r"ends 0\.50 s into the window of 1\.04 s at 0\.50 s"):
        read_all(tmp_path / "a.mp4", start=0.5, frames=25)


@pytest.mark.parametrize(("rotation", "corner"), [(0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (-90, (0, 1))])
def test_rotation_metadata_is_applied(tmp_path, rotation, corner):
    frames = torch.zeros(5, 3, 32, 64, dtype=torch.uint8)
    frames[:, :, :16, :32] = 255  # the top left quarter, which turns counter-clockwise
    write_timed(tmp_path / "a.mp4", frames, [index / 24 for index in range(5)], rotation=rotation)
    info = probe(tmp_path / "a.mp4")
    assert (info.width, info.height) == ((32, 64) if rotation in (90, -90) else (64, 32))
    picture = read_frames(tmp_path / "a.mp4", start=0, frames=1, fps=24, width=info.width, height=info.height)[0, 0]
    quarters = picture.unflatten(0, (2, -1)).unflatten(2, (2, -1)).float().mean((1, 3))
    assert (quarters > 128).nonzero().tolist() == [list(corner)]


def test_anamorphic_pixels_are_made_square(tmp_path, gray_ramp):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.sample_aspect_ratio = 2
        for picture in gray_ramp(5).permute(0, 2, 3, 1).numpy():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    info = probe(tmp_path / "a.mp4")
    assert (info.width, info.height) == (96, 32)


def test_the_picture_covers_the_bucket_and_is_cut_at_the_centre():
    # columns hold their own number; a picture twice as wide as the bucket loses a quarter on each side
    picture = torch.arange(128, dtype=torch.uint8)[None, None].expand(3, 64, 128)
    cropped = cover_crop(picture, width=64, height=64)
    assert cropped[0, 0].tolist() == list(range(32, 96))


def test_scaling_down_averages_instead_of_skipping():
    checkerboard = (torch.arange(256)[:, None] + torch.arange(256)) % 2 * 255
    scaled = cover_crop(checkerboard.to(torch.uint8).expand(3, 256, 256), width=32, height=32)
    assert (scaled[:, 2:-2, 2:-2].float() - 127.5).abs().max() < 8


def test_scaling_agrees_with_bicubic_in_floating_point():
    picture = torch.randint(60, 196, (3, 90, 130), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    # 130:90 is narrower than 64:32, so the width decides: int(90 * 64 / 130) = 44 rows, of which 6 are cut above
    exact = torch.nn.functional.interpolate(picture[None].float(), (44, 64), mode="bicubic", antialias=True)
    assert (cover_crop(picture, width=64, height=32).float() - exact[0, :, 6:38].clamp(0, 255)).abs().max() <= 1.01


def test_damage_in_the_middle_is_found_while_decoding(tmp_path):
    path = tmp_path / "a.mp4"
    noise = torch.randint(0, 256, (48, 3, 32, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    write_video(path, noise, 24)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    path.write_bytes(content)
    assert probe(path).frames == 48
    with pytest.raises(MediaError, match="damaged"):
        read_all(path, frames=48)


def test_a_long_clip_is_never_held_at_source_size(tmp_path):
    # 240 frames of 640x360 are 166 MB as RGB
    frames = torch.zeros(1, 3, 360, 640, dtype=torch.uint8).expand(240, -1, -1, -1)
    write_timed(tmp_path / "a.mp4", frames, [index / 24 for index in range(240)])
    script = """
import resource, sys
from pathlib import Path
from datamodules.media.decode import read_frames
def read(frames):
    read_frames(Path(sys.argv[1]), start=0, frames=frames, fps=24, width=64, height=32)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = read(9)
print((read(233) - before) // 1024)
"""
    command = [sys.executable, "-c", script, str(tmp_path / "a.mp4")]
    root = Path(__file__).parents[3]
    grown = int(subprocess.run(command, capture_output=True, check=True, text=True, cwd=root).stdout)
    assert grown < 60  # MB
