import json
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from datamodules.media.container import frames_from, samples_of, sound_stream, upright
from datamodules.media.decode import read_audio
from datamodules.media.probe import probe
from datamodules.media.video_writer import PictureFormat, writing_video
from datamodules.references.timed_pictures import timed_pictures
from datamodules.scenes.command import scenes
from tests.datamodules.scenes.conftest import SHOTS, clicks, frame_of
from tests.mixed_folder import write_timed


def pictures(path):
    return [shown.picture.astype(int) for shown in timed_pictures(path)]


def file_names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def film_indices(path):
    """Which frames of the film a scene shows, told by the bar's column."""
    found = []
    for picture in pictures(path):
        luma = picture[24] @ (0.2126, 0.7152, 0.0722)  # colours are stored at half size, brightness is not
        found.append(int(np.where(luma > 228)[0].min()))
    return found


@pytest.mark.parametrize("detector", ["adaptive", "content", "histogram"])
def test_a_film_is_cut_exactly_at_its_joins(tmp_path, film, detector):
    out = tmp_path / "scenes"
    assert scenes(film, out=out, detector=detector, trim=0) == 0
    assert file_names(out) == [f"film_s00{number}.mp4" for number in (1, 2, 3, 4)]
    begin = 0
    for number, length in enumerate(SHOTS, start=1):
        assert film_indices(out / f"film_s00{number}.mp4") == [index % 156 for index in range(begin, begin + length)]
        begin += length


def write_pictures(path, pictures):
    with writing_video(path, PictureFormat(width=160, height=96, crf=4), rate=Fraction(25)) as writer:
        for index, picture in enumerate(pictures):
            writer.write(picture, index)
    return path


def test_pictures_that_differ_in_their_parts_alone_are_told_apart_by_hashes(tmp_path):
    random = np.random.default_rng(0)
    parts = [np.kron(random.integers(60, 200, (3, 5)), np.ones((32, 32))).astype(np.uint8) for _ in range(2)]
    film = write_pictures(tmp_path / "film.mp4", [parts[index // 30] for index in range(60)])
    scenes(film, out=tmp_path / "out", detector="hash", trim=0)
    assert [probe(path).frames for path in sorted((tmp_path / "out").glob("*.mp4"))] == [30, 30]


def test_a_fade_to_black_is_cut_in_its_dark(tmp_path):
    levels = [*[200] * 40, 150, 100, 50, *[0] * 10, 50, 100, 150, *[200] * 40]
    film = write_pictures(tmp_path / "film.mp4", [np.full((96, 160, 3), level, np.uint8) for level in levels])
    scenes(film, out=tmp_path / "out", detector="threshold", trim=0)
    first, second = sorted((tmp_path / "out").glob("*.mp4"))
    assert probe(first).frames + probe(second).frames == len(levels)
    assert 43 <= probe(first).frames <= 53  # frames 43 to 52 are black


def test_scenes_look_like_the_film(tmp_path, film):
    scenes(film, out=tmp_path, trim=0)
    begin = 0
    source = pictures(film)
    for number, length in enumerate(SHOTS, start=1):
        for picture, original in zip(pictures(tmp_path / f"film_s00{number}.mp4"), source[begin:], strict=False):
            assert 10 * np.log10(255**2 / max(((picture - original) ** 2).mean(), 1e-9)) > 45
        begin += length


def test_trimmed_frames_are_gone_at_the_cuts(tmp_path, film):
    scenes(film, out=tmp_path, trim=3)
    assert film_indices(tmp_path / "film_s002.mp4") == list(range(33, 68))
    assert probe(tmp_path / "film_s001.mp4").frames == SHOTS[0] - 3


def clicks_in(path):
    """Seconds from the first frame at which clicks begin."""
    sound = read_audio(path, start=0.0, duration=probe(path).duration)[0]
    loud = torch.where(sound.abs() > 0.3)[0] / 16000
    return [float(at) for index, at in enumerate(loud) if index == 0 or at - loud[index - 1] > 0.05]


def test_sound_stays_in_step_to_the_millisecond(tmp_path, film):
    scenes(film, out=tmp_path, trim=0)
    begin = 0
    for number, length in enumerate(SHOTS, start=1):
        start, end = begin / 25, (begin + length) / 25
        expected = [at - start for at in np.arange(0.1, sum(SHOTS) / 25, 0.2) if start <= at < end - 0.01]
        found = clicks_in(tmp_path / f"film_s00{number}.mp4")
        assert len(found) == len(expected)
        assert np.abs(np.subtract(found, expected)).max() < 0.002
        begin += length


def test_a_scene_has_as_much_sound_as_picture(tmp_path, film):
    scenes(film, out=tmp_path, trim=0)
    for number, length in enumerate(SHOTS, start=1):
        path = tmp_path / f"film_s00{number}.mp4"
        samples = sum(samples_of(frame).shape[1] for frame, _ in frames_from(path, sound_stream, 0, 0.0))
        assert abs(samples - length / 25 * 48000) <= 1024  # AAC counts in frames of 1024


def test_a_film_without_sound_gives_silent_scenes(tmp_path, write_film):
    film = write_film(tmp_path / "silent.mp4", (30, 30), sound=False)
    scenes(film, out=tmp_path / "out")
    assert not probe(tmp_path / "out" / "silent_s001.mp4").has_audio


def test_shortest_and_longest_lengths_are_kept(tmp_path, film):
    scenes(film, out=tmp_path, min=1.15, max=2.3, trim=0)  # shots of 1.2, 1.64, 1.12 and 2.4 s
    lengths = [probe(path).frames for path in sorted(tmp_path.glob("film_s*.mp4"))]
    assert lengths == [30, 41, 30, 30]
    ledger = json.loads((tmp_path / ".scenes" / "film.json").read_text())
    assert [(scene["file"], scene["first_frame"]) for scene in ledger["scenes"]] == [
        ("film_s001.mp4", 0),
        ("film_s002.mp4", 30),
        ("film_s003.mp4", 99),
        ("film_s004.mp4", 129),
    ]
    assert ledger["left_out"] == [
        {"first_frame": 71, "frames": 28, "start": 2.84, "end": 3.96, "reason": "lasts 1.12 s, less than 1.15 s"}
    ]


def test_a_variable_rate_keeps_its_times(tmp_path, write_film):
    steps = [30 + 7 * (index % 5) for index in range(70)]
    ticks = [sum(steps[:index]) for index in range(71)]
    film = write_film(tmp_path / "ragged.mp4", (40, 30), sound=False, times=ticks)
    scenes(film, out=tmp_path / "out", trim=0)
    with av.open(str(tmp_path / "out" / "ragged_s002.mp4")) as container:
        times = [round(float(frame.time) * 1000) for frame in container.decode(video=0)]
    assert times == [tick - ticks[40] for tick in ticks[40:70]]
    assert probe(tmp_path / "out" / "ragged_s002.mp4").duration == pytest.approx((ticks[70] - ticks[40]) / 1000)


def test_a_turned_film_stays_turned(tmp_path):
    frames = np.stack([frame_of(index // 30, index) for index in range(60)])
    tensor = torch.from_numpy(frames).permute(0, 3, 1, 2)
    write_timed(tmp_path / "turned.mp4", tensor, [index / 25 for index in range(60)], rotation=90)
    scenes(tmp_path / "turned.mp4", out=tmp_path / "out", trim=0)
    info = probe(tmp_path / "out" / "turned_s002.mp4")
    assert (info.width, info.height, info.frames) == (48, 160, 30)
    with av.open(str(tmp_path / "out" / "turned_s002.mp4")) as container:
        picture, _ = upright(tmp_path, next(container.decode(video=0)), 1.0)
    expected = np.rot90(frame_of(1, 30)).astype(int)
    assert np.abs(picture.astype(int) - expected).mean() < 4


def test_ten_bits_colours_and_pixel_aspect_stay(tmp_path):
    stored = PictureFormat(
        width=64,
        height=48,
        pixels="yuv420p10le",
        pixel_aspect=Fraction(4, 3),
        matrix=9,  # AVCOL_SPC_BT2020_NCL
        primaries=9,
        transfer=18,  # hybrid log-gamma
    )
    ramp = (np.arange(64) * 16 % 1024).astype(np.uint16)
    with writing_video(tmp_path / "deep.mp4", stored, rate=Fraction(25)) as writer:
        for index in range(30):
            frame = av.VideoFrame(64, 48, "yuv420p10le")
            for plane, content in zip(
                frame.planes, (np.tile(ramp, (48, 1)), *[np.full((24, 32), 512)] * 2), strict=True
            ):
                padded = np.zeros((plane.height, plane.line_size // 2), np.uint16)
                padded[:, : content.shape[1]] = content
                plane.update(padded.tobytes())
            writer.write_frame(frame, index)
    scenes(tmp_path / "deep.mp4", out=tmp_path / "out")
    with av.open(str(tmp_path / "deep.mp4")) as before, av.open(str(tmp_path / "out" / "deep_s001.mp4")) as after:
        for container in (before, after):
            stream = container.streams.video[0]
            frame = next(container.decode(stream))
            kept = frame.format.name, frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range
            assert (*kept, stream.sample_aspect_ratio) == ("yuv420p10le", 9, 9, 18, 1, Fraction(4, 3))


def test_a_matroska_film_that_starts_late_is_cut_exactly(tmp_path):
    frames = torch.from_numpy(np.stack([frame_of(index // 60, index) for index in range(120)])).permute(0, 3, 1, 2)
    wave = torch.from_numpy(clicks(4.8, 0.2))
    times = [index / 25 for index in range(120)]
    write_timed(tmp_path / "late.mkv", frames, times, delay=0.5, waveform=wave, sound_delay=0.5)
    scenes(tmp_path / "late.mkv", out=tmp_path / "out", trim=0)
    second = tmp_path / "out" / "late_s002.mp4"
    assert film_indices(second) == list(range(60, 120))
    expected = np.arange(0.1, 2.4, 0.2)  # the cut is at 2.4 s, a multiple of 0.2
    assert np.abs(np.subtract(clicks_in(second), expected)).max() < 0.003


def test_the_film_is_not_touched_and_a_second_run_makes_nothing(tmp_path, film):
    before = film.read_bytes()
    scenes(film, out=tmp_path / "out")
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.mp4")}
    assert scenes(film, out=tmp_path / "out") == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.mp4")} == files
    assert film.read_bytes() == before


def test_a_missing_scene_is_made_without_looking_for_cuts_again(tmp_path, film, monkeypatch):
    scenes(film, out=tmp_path / "out")
    (tmp_path / "out" / "film_s002.mp4").unlink()
    monkeypatch.setattr("datamodules.scenes.split.find_shots", lambda *_: pytest.fail("it looked again"))
    assert scenes(film, out=tmp_path / "out") == 0
    assert film_indices(tmp_path / "out" / "film_s002.mp4") == list(range(31, 70))


def test_other_settings_replace_scenes_only_when_told_to(tmp_path, film):
    out = tmp_path / "out"
    scenes(film, out=out)
    (out / "film_s004.txt").write_text("a caption")
    with pytest.raises(ValueError, match="other settings"):
        scenes(film, out=out, min=1.1, max=30)
    assert len(list(out.glob("*.mp4"))) == 4
    assert scenes(film, out=out, min=1.1, max=30, force=True) == 0  # the third shot lasts 1.04 s when trimmed
    assert file_names(out) == ["film_s001.mp4", "film_s002.mp4", "film_s003.mp4", "film_s004.txt"]
    assert film_indices(out / "film_s003.mp4")[0] == 100


def test_files_of_others_are_never_replaced(tmp_path, film):
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(film, out / "film_s002.mp4")
    with pytest.raises(ValueError, match="was not made by this tool"):
        scenes(film, out=out, force=True)
    assert file_names(out) == ["film_s002.mp4"]


def test_a_folder_of_films_is_split_whole_and_a_broken_one_fails_alone(tmp_path, film, write_film):
    write_film(film.parent / "more" / "second.mp4", (30, 30))
    (film.parent / "broken.mp4").write_bytes(b"no video\n" * 500)
    assert scenes(film.parent, out=tmp_path / "out", report=tmp_path / "report.json") == 1
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.mp4"))
    assert made == [*(f"film_s00{n}.mp4" for n in (1, 2, 3, 4)), "more/second_s001.mp4", "more/second_s002.mp4"]
    report = {entry["source"].rpartition("/")[2]: entry for entry in json.loads((tmp_path / "report.json").read_text())}
    assert "cannot be decoded" in report["broken.mp4"]["failed"]
    assert [scene["state"] for scene in report["second.mp4"]["scenes"]] == ["made", "made"]


def test_bad_input_is_named(tmp_path, film):
    with pytest.raises(ValueError, match="`out` is missing"):
        scenes(film)
    with pytest.raises(FileNotFoundError, match="source"):
        scenes(tmp_path / "nowhere.mp4", out=tmp_path)
    with pytest.raises(ValueError, match="the folder of the videos"):
        scenes(film.parent, out=film.parent)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no video"):
        scenes(tmp_path / "empty", out=tmp_path / "out")


SLOW = """
import sys, time
from pathlib import Path
import datamodules.scenes.cut as cut
from datamodules.scenes.command import scenes
plain = cut.VideoWriter.write_frame
def slow(self, frame, pts, duration):
    if Path(sys.argv[2], "film_s002.mp4").exists():
        Path(sys.argv[3]).touch()
        time.sleep(60)
    plain(self, frame, pts, duration)
cut.VideoWriter.write_frame = slow
try:
    sys.exit(scenes(Path(sys.argv[1]), out=Path(sys.argv[2])))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_end_on_the_way_loses_the_scene_in_hand_alone(tmp_path, film, number, code):
    out, started = tmp_path / "out", tmp_path / "started"
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(film), str(out), str(started)])
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(timeout=30) == code
    assert file_names(out) == ["film_s001.mp4", "film_s002.mp4"]
    made = {path: path.stat().st_mtime_ns for path in out.glob("*.mp4")}
    assert scenes(film, out=out) == 0
    assert file_names(out) == [f"film_s00{n}.mp4" for n in (1, 2, 3, 4)]
    assert all(path.stat().st_mtime_ns == before for path, before in made.items())


def test_splitting_imports_no_torch(tmp_path, film):
    program = (
        "import sys; from pathlib import Path; from datamodules.scenes.command import scenes; "
        f"scenes(Path({str(film)!r}), out=Path({str(tmp_path / 'out')!r})); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
