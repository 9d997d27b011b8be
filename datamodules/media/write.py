"""Video files: H.264 with AAC sound, and animated GIFs for TensorBoard.

Colours are written as BT.709 and marked so, which is what players and editors expect of H.264.
"""

import io
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datamodules.media.video_writer import PictureFormat, SoundFormat, writing_video

if TYPE_CHECKING:  # tools that load no model import no torch
    from torch import Tensor

_SOUND_CHUNK = 1024  # samples of an AAC frame


def write_video(
    path: Path, frames: "Tensor", fps: float | Fraction, waveform: "Tensor | None" = None, sample_rate: int = 48000
) -> None:
    """Write an mp4 (H.264, yuv420p, CRF 18; AAC if there is sound), whole or not at all.

    Args:
        path: Where to; the folder is made if missing.
        frames: `(F, 3, H, W)`, uint8 RGB, even height and width.
        fps: Frames per second; NTSC rates such as 23.976 are written exactly.
        waveform: `(2, N)` in [-1, 1], or None for a silent file.
        sample_rate: Hz of `waveform`.

    Raises:
        ValueError: If a shape is not as above.
    """
    if frames.ndim != 4 or frames.shape[1] != 3 or frames.shape[2] % 2 or frames.shape[3] % 2:
        raise ValueError(
            f"{path}: frames are {tuple(frames.shape)}, but they must be (F, 3, H, W) with even height and width: "
            "H.264 stores colour at half size."
        )
    if waveform is not None and (waveform.ndim != 2 or waveform.shape[0] != 2):
        raise ValueError(f"{path}: the waveform is {tuple(waveform.shape)}, but it must be (2, N): give stereo.")
    picture = PictureFormat(width=frames.shape[3], height=frames.shape[2])
    sound = None if waveform is None else SoundFormat(rate=sample_rate)
    with writing_video(path, picture, rate=exact_rate(fps), sound=sound) as writer:
        for index, frame in enumerate(_channels_last(frames)):
            writer.write(frame, index)
        if waveform is not None:
            samples = waveform.detach().float().clamp(-1, 1).cpu().numpy()
            for start in range(0, samples.shape[1], _SOUND_CHUNK):
                writer.write_sound(samples[:, start : start + _SOUND_CHUNK])


def encode_gif(frames: "Tensor", fps: float) -> bytes:
    """An endless animated GIF.

    Args:
        frames: `(F, 3, H, W)`, uint8 RGB.
        fps: Frames per second; kept on average, since a GIF counts in hundredths of a second.
    """
    from PIL import Image

    pictures = [Image.fromarray(frame) for frame in _channels_last(frames)]
    ends = [round((index + 1) * 100 / fps) * 10 for index in range(len(pictures))]
    lengths = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    file = io.BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=lengths, loop=0)
    return file.getvalue()


def exact_rate(fps: float | Fraction) -> Fraction:
    """The rate that a rounded number means: 23.976 is 24000/1001, 25.0 is 25."""
    value = float(fps)
    if abs(value - round(value)) < 1e-6:
        return Fraction(round(value))
    ntsc = Fraction(round(value * 1.001) * 1000, 1001)
    return ntsc if abs(float(ntsc) - value) < 2e-3 else Fraction(fps).limit_denominator(1000)


def _channels_last(frames: "Tensor") -> np.ndarray[Any, np.dtype[np.uint8]]:
    array: np.ndarray[Any, np.dtype[np.uint8]] = frames.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return array  # (F, 3, H, W) -> (F, H, W, 3)
