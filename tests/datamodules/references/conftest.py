from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from datamodules.media.container import opened, video_stream
from datamodules.media.video_writer import PictureFormat, writing_video
from datamodules.references.timed_pictures import TimedPicture, timed_pictures

TICKS = (0, 33, 70, 140, 150, 260, 261, 400)
"""Milliseconds at which the frames of a clip with a variable rate are shown; it ends at 477."""
END = 477


@pytest.fixture(scope="session")
def square() -> Callable[[int], np.ndarray]:
    """A red square of 32 pixels on black, 96x64, whose left edge is at `20 + index` and whose top is at 16."""

    def draw(index: int) -> np.ndarray:
        picture = np.zeros((64, 96, 3), np.uint8)
        picture[16:48, 20 + index : 52 + index] = (220, 30, 30)
        return picture

    return draw


@pytest.fixture
def square_clip(tmp_path, square) -> Path:
    """20 frames at 24000/1001 in a dataset of its own."""
    path = tmp_path / "clips" / "sub folder" / "square.mp4"
    with writing_video(path, PictureFormat(width=96, height=64, crf=4), rate=Fraction(24000, 1001)) as writer:
        for index in range(20):
            writer.write(square(index), index)
    return path


@pytest.fixture
def ragged_clip(tmp_path, square) -> Path:
    """Eight frames that last differently long."""
    path = tmp_path / "clips" / "ragged.mp4"
    durations = np.diff([*TICKS, END])
    stored = PictureFormat(width=96, height=64, crf=4)
    with writing_video(path, stored, rate=Fraction(20), time_base=Fraction(1, 1000)) as writer:
        for index, (pts, duration) in enumerate(zip(TICKS, durations, strict=True)):
            writer.write(square(index), pts, int(duration))
    return path


@pytest.fixture(scope="session")
def decoded() -> Callable[[Path], list[TimedPicture]]:
    """All pictures of a video."""
    return lambda path: list(timed_pictures(path))


@pytest.fixture(scope="session")
def seconds() -> Callable[[Path], list[tuple[Fraction, Fraction]]]:
    """When each frame of a video begins and ends, from the first one, in exact seconds."""

    def times(path: Path) -> list[tuple[Fraction, Fraction]]:
        with opened(path) as container:
            tick = Fraction(video_stream(container).time_base)
        return [(shown.pts * tick, (shown.pts + shown.duration) * tick) for shown in timed_pictures(path)]

    return times


@pytest.fixture(scope="session")
def streams() -> Callable[[Path], tuple[int, int]]:
    """How many video and sound streams a file has."""

    def count(path: Path) -> tuple[int, int]:
        with av.open(str(path)) as container:
            return len(container.streams.video), len(container.streams.audio)

    return count
