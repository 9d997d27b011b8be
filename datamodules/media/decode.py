"""Decoding with PyAV: any stretch of a video as frames at the wanted rate, and the sound that belongs to it.

Frames are chosen by their timestamps, never counted, so constant and variable rates are one case: output frame `k`
shows what is on the screen at `start + (k + 1/4) / fps`. The quarter of a frame absorbs timestamps rounded to
milliseconds and lets 23.976 play as 24 for ten seconds without repeating a frame; a frame is late or early by less
than it lasts. What needs no tensor is in `datamodules.media.container`.
"""

from pathlib import Path

import torch
from torch import Tensor

from datamodules.manifest.clip import MediaError, media_kind
from datamodules.media.audio import SAMPLE_RATE, downmix, resample
from datamodules.media.container import (
    DISPLAY_PHASE,
    Frame,
    Stream,
    beginning,
    frames_from,
    opened,
    samples_of,
    shown_frames,
    sound_stream,
    upright,
    video_stream,
)
from datamodules.media.resize import cover_crop
from datamodules.media.stills import still_array

__all__ = [
    "DISPLAY_PHASE",
    "MediaError",
    "Stream",
    "opened",
    "read_audio",
    "read_frames",
    "read_still",
    "sound_stream",
    "video_stream",
    "waveform_of",
]

_SOUND_PREROLL_SECONDS = 1.0
_MARGIN_SECONDS = 0.05  # of sound around a window, so that its edges are resampled with their surroundings
_THREADS = 1  # clips are read side by side; a decoder of many threads would also decode far beyond a window's end
_JITTER_SECONDS = 0.02  # timestamps of sound closer than this to where the last chunk ended mean "go on"


def read_frames(path: Path, *, start: float, frames: int, fps: float, width: int, height: int) -> Tensor:
    """Decode a window of a video, or a still, at the wanted rate and size.

    Args:
        path: The video or still.
        start: Seconds from the first frame.
        frames: Frames to return; 1 for a still.
        fps: Frames per second to return.
        width: Pixels; the picture is scaled to cover the size and cropped at the centre.
        height: Pixels.

    Returns:
        `(F, 3, H, W)`, uint8 RGB.

    Raises:
        MediaError: If the file cannot be decoded, or ends before the window does.
    """
    if media_kind(path) == "image":
        return cover_crop(read_still(path), width=width, height=height)[None].repeat(frames, 1, 1, 1)
    pictures = torch.empty(frames, 3, height, width, dtype=torch.uint8)
    origin, filled = beginning(path), 0
    for frame, end in shown_frames(path, origin.time, start, threads=_THREADS):
        picture: Tensor | None = None
        while filled < frames and start + (filled + DISPLAY_PHASE) / fps < end:
            if picture is None:
                picture = cover_crop(*_upright(path, frame, origin.pixel_aspect), width=width, height=height)
            pictures[filled] = picture
            filled += 1
        if filled == frames:
            return pictures
    raise MediaError(
        path, f"ends {filled / fps:.2f} s into the window of {frames / fps:.2f} s at {start:.2f} s: it may be damaged"
    )


def read_audio(path: Path, *, start: float, duration: float) -> Tensor:
    """Decode the sound of a window, from a video's track or a sound file.

    Args:
        path: The video or sound.
        start: Seconds from the first video frame, or from the first sample of a sound file.
        duration: Seconds to return; silence where the file has no sound.

    Returns:
        `(2, N)` at 16 kHz in [-1, 1], float32, with `N = round(duration * 16000)`.

    Raises:
        MediaError: If there is no sound, or it cannot be decoded.
    """
    begin, total = start - _MARGIN_SECONDS, duration + 2 * _MARGIN_SECONDS
    buffer, rate, expected = torch.zeros(2, 0), 0, None
    origin, preroll = beginning(path).time, start - _SOUND_PREROLL_SECONDS
    for frame, time in frames_from(path, sound_stream, origin, preroll, threads=_THREADS):
        if not rate:
            rate = frame.sample_rate
            buffer = torch.zeros(2, round(total * rate))
        elif frame.sample_rate != rate:
            raise MediaError(path, f"its sound changes from {rate} to {frame.sample_rate} Hz: convert it")
        position = round((time - begin) * rate)
        if expected is not None and abs(position - expected) < _JITTER_SECONDS * rate:
            position = expected
        if position >= buffer.shape[1]:
            break
        expected = position + frame.samples
        if expected > 0:
            chunk = downmix(waveform_of(frame))[:, max(-position, 0) : buffer.shape[1] - position]
            buffer[:, max(position, 0) : max(position, 0) + chunk.shape[1]] = chunk
    wanted = round(duration * SAMPLE_RATE)
    if not rate:
        return torch.zeros(2, wanted)
    skipped = round(_MARGIN_SECONDS * SAMPLE_RATE)
    return resample(buffer, rate)[:, skipped : skipped + wanted].clamp(-1, 1)


def read_still(path: Path) -> Tensor:
    """Decode a still.

    Returns:
        `(3, height, width)`, uint8 RGB.

    Raises:
        MediaError: If it cannot be decoded, or is animated.
    """
    return torch.from_numpy(still_array(path)).permute(2, 0, 1).contiguous()  # (H, W, 3) -> (3, H, W)


def waveform_of(frame: Frame) -> Tensor:
    """Samples of a sound frame, `(channels, N)`, float32 in [-1, 1], whatever their format."""
    return torch.from_numpy(samples_of(frame))


def _upright(path: Path, frame: Frame, pixel_aspect: float) -> tuple[Tensor, float]:
    """The picture as displayed, `(3, h, w)`, and its pixel aspect."""
    picture, aspect = upright(path, frame, pixel_aspect)
    return torch.from_numpy(picture).permute(2, 0, 1), aspect  # (h, w, 3) -> (3, h, w)
