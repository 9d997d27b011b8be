"""Listening to a clip: how loud it is, where it is silent or clipped, and whether it begins and ends with the picture.

Levels are in decibels below full scale (dBFS), of stretches of 50 ms.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.media.container import beginning, frames_from, samples_of, sound_stream

SILENCE_DB = -60.0
"""Stretches quieter than this are silent."""
FULL_SCALE = 0.99
"""Amplitude from which on a sample may be clipped."""
CLIPPED_RUN = 3
"""Samples in a row at full scale that count as clipped; a pure tone at full scale has them too."""

_WINDOW_SECONDS = 0.05
_QUIETEST_DB = -120.0


@dataclass(frozen=True, kw_only=True)
class SoundFacts:
    """What is heard in a video's track or a sound file."""

    begin: float
    """Seconds after the first frame at which the sound begins; 0 for a sound file."""
    seconds: float
    """Length."""
    loudness_db: float
    """Level of all that is not silent, dBFS; -120 if all is."""
    peak: float
    """Largest amplitude; 1 is full scale."""
    clipped_share: float
    """Share of the samples that are in runs at full scale."""
    silent_share: float
    """Share of the time that is silent."""


def listen(path: Path) -> SoundFacts | None:
    """Listen to all of a file's sound; None if it holds no sample.

    Raises:
        MediaError: If there is no sound stream, or it cannot be decoded.
    """
    origin = beginning(path).time
    energies: list[NDArray[np.float64]] = []
    begin, end, peak, clipped, count = None, 0.0, 0.0, 0, 0
    rest = np.zeros((0, 0), dtype=np.float32)
    for frame, time in frames_from(path, sound_stream, origin, 0.0):
        samples = samples_of(frame)
        begin = time if begin is None else begin
        end = time + samples.shape[1] / frame.sample_rate
        peak = max(peak, float(np.abs(samples).max(initial=0.0)))
        clipped, count = clipped + _clipped(samples), count + samples.size
        window = max(round(_WINDOW_SECONDS * frame.sample_rate), 1)
        rest = np.concatenate([rest, samples], axis=1) if rest.shape[0] == samples.shape[0] else samples
        whole = rest.shape[1] // window * window
        energies.append(_energies(rest[:, :whole], window))
        rest = rest[:, whole:]
    if begin is None or not count:
        return None
    if rest.shape[1]:
        energies.append(_energies(rest, rest.shape[1]))
    levels = np.concatenate(energies)
    heard = levels[levels > 10 ** (SILENCE_DB / 10)]
    return SoundFacts(
        begin=round(begin, 4),
        seconds=round(end - begin, 4),
        loudness_db=round(10 * math.log10(float(heard.mean())), 1) if len(heard) else _QUIETEST_DB,
        peak=round(peak, 4),
        clipped_share=round(clipped / count, 6),
        silent_share=round(1 - len(heard) / len(levels), 4),
    )


def _energies(samples: NDArray[np.float32], window: int) -> NDArray[np.float64]:
    """Mean square of the loudest channel in each window of samples `(channels, N)`."""
    windows = samples.astype(np.float64).reshape(samples.shape[0], -1, window)
    energies: NDArray[np.float64] = np.square(windows).mean(2).max(0)
    return energies


def _clipped(samples: NDArray[np.float32]) -> int:
    """Samples in runs at full scale on one side."""
    total = 0
    for channel in samples:
        for sign in (1, -1):
            full = np.concatenate([[False], sign * channel >= FULL_SCALE, [False]]).astype(np.int8)
            edges = np.diff(full)
            lengths = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
            total += int(lengths[lengths >= CLIPPED_RUN].sum())
    return total
