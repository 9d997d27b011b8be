"""How near two clips are: decibels, overlap of silhouettes, and the same tune."""

import torch
from torch import Tensor

from datamodules.world.read import pitches
from datamodules.world.silhouette import cut_out

_SAME_PITCH = 1 / 6  # octaves, two semitones: pico's own pitches wander by one
_MOST_DB = 60.0


def psnr(frames: Tensor, true_frames: Tensor, where: Tensor | None = None) -> float:
    """Peak signal-to-noise ratio in decibels, at most 60.

    Args:
        frames: `(F, 3, H, W)`, uint8 RGB.
        true_frames: The same shape.
        where: Pixels that count, bool, `(H, W)`; None is all of them.
    """
    squared = (frames.float() - true_frames.float()).square()
    error = float((squared if where is None else squared[..., where]).mean())
    return min(_MOST_DB, 10 * torch.tensor(255.0**2 / max(error, 1e-9)).log10().item())


def overlap(frames: Tensor, true_frames: Tensor) -> float:
    """Intersection over union of the shapes, mean over the frames, in [0, 1].

    Args:
        frames: `(F, 3, H, W)`, uint8 RGB.
        true_frames: The same shape.
    """
    found, true = cut_out(frames).mask, cut_out(true_frames).mask
    both = torch.minimum(found, true).sum((1, 2))
    return float((both / torch.maximum(found, true).sum((1, 2)).clamp(min=1)).mean())


def same_tune(waveform: Tensor, true_waveform: Tensor, seconds: tuple[float, float] | None = None) -> float:
    """Share of the tenths of a second with a tone that have its pitch, in [0, 1]; of all if the true sound is silent.

    Args:
        waveform: `(2, N)` at 48 kHz.
        true_waveform: The same shape, or a little longer or shorter.
        seconds: Begin and end of what counts, in whole tenths; None is all of it.
    """
    found, true = pitches(waveform), pitches(true_waveform)
    length = min(len(found), len(true))
    begin, end = (0, length) if seconds is None else (min(length, round(10 * second)) for second in seconds)
    found, true = found[begin:end], true[begin:end]
    near = (found.clamp(min=1).log2() - true.clamp(min=1).log2()).abs() < _SAME_PITCH
    return float((near[true > 0] if true.any() else near).float().mean())
