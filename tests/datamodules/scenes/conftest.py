from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from datamodules.media.video_writer import PictureFormat, SoundFormat, writing_video

COLOURS = ((200, 40, 40), (40, 160, 60), (50, 70, 210), (220, 210, 60))
SHOTS = (30, 41, 28, 60)
"""Frames of the film's shots, 25 a second."""
RATE = 25
SOUND_RATE = 48000


def frame_of(shot: int, index: int) -> np.ndarray:
    """A bar that moves by a pixel a frame over the shot's colour; its columns tell the index within the film."""
    picture = np.empty((48, 160, 3), np.uint8)
    picture[:] = COLOURS[shot % len(COLOURS)]
    picture[16:32, index % 156 : index % 156 + 4] = 255
    return picture


def clicks(seconds: float, every: float) -> np.ndarray:
    """Silence with a click of one millisecond `every` so many seconds, beginning in the middle of the first span."""
    samples = np.zeros((2, round(seconds * SOUND_RATE)), np.float32)
    for at in np.arange(every / 2, seconds, every):
        samples[:, round(at * SOUND_RATE) : round(at * SOUND_RATE) + 48] = 0.8
    return samples


@pytest.fixture(scope="session")
def write_film() -> Callable[..., Path]:
    """A film of shots in the given lengths, with a click in the middle of every fifth of a second."""

    def write(
        path: Path, shots: Sequence[int] = SHOTS, *, sound: bool = True, times: Sequence[int] | None = None
    ) -> Path:
        total = sum(shots)
        ticks = list(times or range(0, 40 * total + 1, 40))  # milliseconds
        form = SoundFormat() if sound else None
        stored = PictureFormat(width=160, height=48, crf=4)
        with writing_video(path, stored, rate=Fraction(RATE), time_base=Fraction(1, 1000), sound=form) as writer:
            index = 0
            for shot, length in enumerate(shots):
                for _ in range(length):
                    writer.write(frame_of(shot, index), ticks[index], ticks[index + 1] - ticks[index])
                    index += 1
            if sound:
                writer.write_sound(clicks(ticks[total] / 1000, 0.2))
        return path

    return write


@pytest.fixture
def film(tmp_path, write_film) -> Path:
    """Four shots of different colours."""
    return write_film(tmp_path / "films" / "film.mp4")
