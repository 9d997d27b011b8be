"""Entries of the cache that are made from media: where each is read from, and how.

A `VideoEntry` becomes latents of the video VAE and an `AudioEntry` those of the audio VAE; masks are stored as they are
read, at the size of latents.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from datamodules.encoding.latent_masks import given_pixels, given_sound, given_spans
from datamodules.geometry import AudioLatentSpec, Bucket
from datamodules.manifest.clip import Spans
from datamodules.media.audio import SAMPLE_RATE
from datamodules.media.decode import read_audio, read_frames
from datamodules.media.recompress import recompress


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What all entries have."""

    key: str
    """Name in the cache."""
    name: str
    """What it is of, for messages: `walk.mp4@1.25s`."""
    num_bytes: int
    """Size in the cache."""


@dataclass(frozen=True, kw_only=True)
class VideoEntry(Entry):
    """A window of a video, or a still, as latents."""

    path: Path
    """The file."""
    start: float
    """Seconds from the first frame."""
    bucket: Bucket
    """Frames to read and the size they are cut to."""
    fps: float
    """Frames per second."""
    temporal_factor: int = 1
    """Which frames are kept: 0, 1, and every n-th from there."""
    recompress: int | None = None
    """CRF of the H.264 that a single frame goes through first."""
    mirrored: bool = False
    """Whether left and right are exchanged."""

    @property
    def decoded_bytes(self) -> int:
        """Memory that it takes while it is read."""
        return _picture_bytes(self.bucket)

    def read(self) -> Tensor:
        """Frames, `(F, 3, H, W)`, uint8.

        Raises:
            MediaError: If the file cannot be decoded, or ends before the window does.
        """
        size = {"width": self.bucket.width, "height": self.bucket.height}
        frames = read_frames(self.path, start=self.start, frames=self.bucket.frames, fps=self.fps, **size)
        frames = frames.flip(-1) if self.mirrored else frames
        if self.temporal_factor > 1:
            frames = torch.cat([frames[:1], frames[1 :: self.temporal_factor]])
        return frames if self.recompress is None else recompress(frames[0], self.recompress)[None]


@dataclass(frozen=True, kw_only=True)
class AudioEntry(Entry):
    """A stretch of sound as latents."""

    path: Path
    """The video or sound."""
    start: float
    """Seconds from the first frame or sample."""
    duration: float
    """Seconds."""
    mirrored: bool = False
    """Whether left and right are exchanged."""

    @property
    def decoded_bytes(self) -> int:
        """Memory that it takes while it is read."""
        return _sound_bytes(self.duration)

    def read(self) -> Tensor:
        """Waveform, `(2, N)` at 16 kHz.

        Raises:
            MediaError: If there is no sound, or it cannot be decoded.
        """
        waveform = read_audio(self.path, start=self.start, duration=self.duration)
        return waveform.flip(0) if self.mirrored else waveform

    @property
    def length(self) -> int:
        """Audio latents."""
        return AudioLatentSpec().length(self.duration)


@dataclass(frozen=True, kw_only=True)
class VideoMaskEntry(Entry):
    """The mask of a window's picture."""

    path: Path
    """A video, or a still that counts for every frame."""
    start: float
    """Seconds from the first frame."""
    bucket: Bucket
    """Shape of the window."""
    fps: float
    """Frames per second."""
    white_is_given: bool
    """What white means."""
    mirrored: bool = False
    """Whether left and right are exchanged."""

    @property
    def decoded_bytes(self) -> int:
        """Memory that it takes while it is read."""
        return _picture_bytes(self.bucket)

    def read(self) -> Tensor:
        """`(F', H', W')`, bool, True is given.

        Raises:
            MediaError: If the file cannot be decoded, or ends before the window does.
        """
        bucket = self.bucket
        frames = read_frames(
            self.path,
            start=self.start,
            frames=bucket.frames,
            fps=self.fps,
            width=bucket.width,
            height=bucket.height,
        )
        frames = frames.flip(-1) if self.mirrored else frames
        return given_pixels(frames, white_is_given=self.white_is_given)


@dataclass(frozen=True, kw_only=True)
class AudioMaskEntry(Entry):
    """The mask of a window's sound."""

    mask: Path | Spans
    """A sound, or seconds of the clip that are made anew."""
    start: float
    """Seconds from the clip's beginning to the window."""
    duration: float
    """Seconds."""
    loud_is_given: bool
    """What a loud mask means."""

    @property
    def decoded_bytes(self) -> int:
        """Memory that it takes while it is read."""
        return _sound_bytes(self.duration)

    def read(self) -> Tensor:
        """`(L,)`, bool, True is given.

        Raises:
            MediaError: If there is no sound, or it cannot be decoded.
        """
        if not isinstance(self.mask, Path):
            return given_spans(self.mask, self.start, self.duration)
        waveform = read_audio(self.mask, start=self.start, duration=self.duration)
        return given_sound(waveform, self.duration, loud_is_given=self.loud_is_given)


MaskEntry = VideoMaskEntry | AudioMaskEntry
MediaEntry = VideoEntry | AudioEntry | MaskEntry


def _picture_bytes(bucket: Bucket) -> int:
    return 3 * bucket.frames * bucket.height * bucket.width


def _sound_bytes(duration: float) -> int:
    return round(2 * 4 * SAMPLE_RATE * duration)  # two channels in fp32
