import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.media.probe import probe
from datamodules.media.video_writer import PictureFormat, writing_video
from datamodules.references.drawn import Blur, Canny, Downscale
from datamodules.references.make import make_reference, recipe_of
from tests.mixed_folder import write_timed

SIGNALS = {"canny": Canny(), "blur": Blur(), "downscale": Downscale()}


def make(source, target, name="canny", signal=None, **options):
    signal = signal or SIGNALS[name]
    make_reference(source, target, signal, recipe_of(name, signal, **({"crf": 8, "short_side": None} | options)))
    return target


def box(picture):
    rows, columns = np.where(picture.max(-1) > 127)
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_edges_lie_where_the_squares_edges_are(tmp_path, square_clip, decoded):
    reference = decoded(make(square_clip, tmp_path / "edges.mp4"))
    assert len(reference) == 20
    for index, shown in enumerate(reference):
        # the square covers rows 16 to 47 and columns 20 + index to 51 + index; an edge is on one side of the step
        assert np.abs(np.subtract(box(shown.picture), (16, 47, 20 + index, 51 + index))).max() <= 1
        inside, outside = shown.picture[20:44, 24 + index : 48 + index], shown.picture[:, : 16 + index]
        assert max(inside.max(), outside.max()) < 20


def test_edges_survive_the_codec(tmp_path, square_clip, decoded, square):
    reference = decoded(make(square_clip, tmp_path / "edges.mp4"))
    source = [shown.picture for shown in decoded(square_clip)]
    for drawn, shown in zip(Canny().draw(iter(source)), reference, strict=True):
        assert ((shown.picture[..., 0] > 127) == (drawn > 127)).all()
        assert np.abs(shown.picture.astype(int) - drawn[..., None]).mean() < 1


@pytest.mark.parametrize("name", list(SIGNALS))
def test_a_reference_has_the_rate_the_length_and_the_size_of_its_clip(tmp_path, square_clip, seconds, streams, name):
    reference = make(square_clip, tmp_path / "reference.mp4", name)
    assert seconds(reference) == seconds(square_clip)
    before, after = probe(square_clip), probe(reference)
    assert (after.width, after.height, after.frames, after.fps) == (96, 64, 20, before.fps)
    assert streams(reference) == (1, 0)


def test_frames_that_last_differently_long_keep_their_times_to_the_tick(tmp_path, ragged_clip, seconds):
    reference = make(ragged_clip, tmp_path / "reference.mp4")
    assert seconds(reference) == seconds(ragged_clip)
    assert [float(end) for _, end in seconds(reference)][-1] == 0.477
    assert probe(reference).duration == pytest.approx(0.477, abs=1e-9)


def test_a_matroska_with_a_late_start_keeps_its_frames(tmp_path, gray_ramp, seconds):
    times = [0.0, 0.03, 0.1, 0.35, 0.4]
    write_timed(tmp_path / "late.mkv", gray_ramp(5), times, delay=0.5)
    reference = make(tmp_path / "late.mkv", tmp_path / "reference.mp4", "blur")
    assert [float(begin) for begin, _ in seconds(reference)] == times


@pytest.mark.parametrize(("rotation", "size"), [(90, (64, 96)), (180, (96, 64)), (-90, (64, 96))])
def test_a_turned_clip_gives_an_upright_reference(tmp_path, square, decoded, rotation, size):
    frames = torch.from_numpy(np.stack([square(index) for index in range(4)])).permute(0, 3, 1, 2)
    write_timed(tmp_path / "turned.mp4", frames, [index / 24 for index in range(4)], rotation=rotation)
    reference = make(tmp_path / "turned.mp4", tmp_path / "reference.mp4")
    info = probe(reference)
    assert (info.width, info.height, info.frames) == (*size, 4)
    expected = next(Canny().draw(iter([np.ascontiguousarray(np.rot90(square(0), rotation // 90))])))
    shown = decoded(reference)[0].picture
    assert np.abs(np.subtract(box(shown), box(expected[..., None]))).max() <= 1


def test_odd_sides_are_kept(tmp_path, decoded):
    picture = np.zeros((47, 63, 3), np.uint8)
    picture[10:30, 20:40] = 255
    source = tmp_path / "odd.mp4"
    with writing_video(source, PictureFormat(width=63, height=47, pixels="yuv444p"), rate=Fraction(24)) as writer:
        writer.write(picture, 0)
    assert decoded(make(source, tmp_path / "reference.mp4"))[0].picture.shape == (47, 63, 3)


def test_a_still_gives_a_picture_of_its_size(tmp_path, square):
    Image.fromarray(square(0)).save(tmp_path / "still.png")
    reference = np.asarray(Image.open(make(tmp_path / "still.png", tmp_path / "reference.png")))
    assert reference.shape == (64, 96)
    assert np.abs(np.subtract(box(reference[..., None]), (16, 47, 20, 51))).max() <= 1


def test_edges_are_found_at_the_size_that_is_asked_for(tmp_path, square_clip, decoded):
    shown = decoded(make(square_clip, tmp_path / "reference.mp4", short_side=32))[0].picture
    assert shown.shape == (32, 48, 3)
    assert np.abs(np.subtract(box(shown), (8, 23, 10, 25))).max() <= 1
    assert shown.max() > 240  # as bright as at full size


def test_an_edge_between_colours_of_one_brightness_is_found():
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:, :16], picture[:, 16:] = (255, 0, 0), (0, 130, 0)  # both of luma 76
    assert next(Canny().draw(iter([picture])))[:, 14:18].any()


def test_thresholds_from_brightness_find_the_edges_of_a_dark_clip():
    picture = np.full((32, 32, 3), 12, np.uint8)
    picture[:, 16:] = 24
    assert not next(Canny().draw(iter([picture]))).any()
    assert next(Canny(auto=True).draw(iter([picture]))).any()


def test_blur_and_downscale_take_detail_and_leave_brightness():
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    for signal in (Blur(sigma=3.0), Downscale(factor=4.0)):
        soft = next(signal.draw(iter([noise])))
        assert soft.shape == noise.shape
        assert (
            np.abs(np.diff(soft.astype(int), axis=1)).mean() < 0.2 * np.abs(np.diff(noise.astype(int), axis=1)).mean()
        )
        assert abs(soft.mean() - noise.mean()) < 2


@pytest.mark.parametrize(
    ("make_signal", "message"),
    [
        (lambda: Canny(low=300), "canny.low` is 300"),
        (lambda: Canny(smooth=-1), "canny.smooth` is -1"),
        (lambda: Blur(sigma=0), "blur.sigma` is 0"),
        (lambda: Downscale(factor=1), "downscale.factor` is 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make_signal, message):
    with pytest.raises(ValueError, match=message):
        make_signal()


def test_making_edges_imports_no_torch(square_clip):
    program = (
        "import sys; from pathlib import Path; from datamodules.references.command import references; "
        f"references(Path({str(square_clip.parents[1])!r})); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
