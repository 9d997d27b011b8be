"""Sizes: the training shape of a clip (`Bucket`) and the latent shapes the two VAEs make of it.

A clip of sound alone has no picture; its shape is a length in seconds, written `4s`.

The video VAE is causal: the first latent frame stands for the first pixel frame, each further one for 8 more.
Audio latents come 25 a second whatever the frame rate, and as many as sampling would use for the same clip.
"""

import re
from dataclasses import dataclass
from typing import Self

_FRAME_STRIDE = 8
_PIXEL_STRIDE = 32
_NOTATION = re.compile(r"\s*(\d+)\s*[xX]\s*(\d+)\s*[xX]\s*(\d+)\s*")
_SOUND_NOTATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*s\s*")
_SHORTEST_SOUND = 0.04  # seconds, one audio latent


@dataclass(frozen=True, order=True, kw_only=True)
class Bucket:
    """One training shape, written `WIDTHxHEIGHTxFRAMES`: `960x544x49`, `960x544x1` for stills, `4s` for sound alone."""

    width: int
    """Pixels, a multiple of 32; 0 for sound alone."""
    height: int
    """Pixels, a multiple of 32; 0 for sound alone."""
    frames: int
    """Pixel frames, 8k + 1; 1 for stills, 0 for sound alone."""
    seconds: float = 0.0
    """Length of sound alone; 0 for anything with a picture."""

    def __post_init__(self) -> None:
        if not self.seconds:
            _check_sizes("bucket", self.width, self.height, self.frames)
        elif self.width or self.height or self.frames:
            raise ValueError("A bucket has a picture or seconds of sound alone: give one of them.")
        else:
            _check_sound("bucket", self.seconds)

    @classmethod
    def parse(cls, text: str, key: str = "bucket") -> Self:
        """Read the `960x544x49` notation, or `4s`.

        Args:
            text: Width, height and frames with `x` between them, or seconds of sound.
            key: The recipe key that errors name, such as `data.buckets[0]`.

        Raises:
            ValueError: If it is not that notation, or a number breaks the rules of the VAE.
        """
        if sound := _SOUND_NOTATION.fullmatch(text):
            _check_sound(key, float(sound[1]))
            return cls(width=0, height=0, frames=0, seconds=float(sound[1]))
        match = _NOTATION.fullmatch(text)
        if match is None:
            raise ValueError(
                f"`{key}` is {text!r}, but a bucket is WIDTHxHEIGHTxFRAMES: write for example 960x544x49, "
                "960x544x1 for stills, or 4s for sound alone."
            )
        width, height, frames = (int(number) for number in match.groups())
        _check_sizes(key, width, height, frames)
        return cls(width=width, height=height, frames=frames)

    @property
    def is_still(self) -> bool:
        """Whether this bucket takes stills (one frame)."""
        return self.frames == 1

    @property
    def is_sound(self) -> bool:
        """Whether this bucket takes sound alone."""
        return self.seconds > 0

    @property
    def aspect_ratio(self) -> float:
        """Width over height; there is none for sound alone."""
        return self.width / self.height

    def duration(self, fps: float) -> float:
        """Seconds of an item at `fps`, which plays no part for sound alone."""
        return self.seconds if self.is_sound else self.frames / fps

    def __str__(self) -> str:
        return f"{self.seconds:g}s" if self.is_sound else f"{self.width}x{self.height}x{self.frames}"


@dataclass(frozen=True, kw_only=True)
class LatentSpec:
    """What the video VAE makes of a bucket."""

    channels: int = 128
    """Latent channels: 128 in LTX-2.3, fewer in small models."""
    frame_stride: int = _FRAME_STRIDE
    """Pixel frames per latent frame, after the first."""
    pixel_stride: int = _PIXEL_STRIDE
    """Pixels per latent pixel, along width and height."""

    def latent_frames(self, frames: int) -> int:
        """`F' = 1 + (frames - 1) / 8`, for `frames` of the form 8k + 1."""
        return 1 + (frames - 1) // self.frame_stride

    def shape(self, bucket: Bucket) -> tuple[int, int, int, int]:
        """Latent shape `(C, F', H', W')` of one item of the bucket."""
        height, width = bucket.height // self.pixel_stride, bucket.width // self.pixel_stride
        return self.channels, self.latent_frames(bucket.frames), height, width

    def tokens(self, bucket: Bucket) -> int:
        """Video tokens of one item: `F' * H' * W'`."""
        _, frames, height, width = self.shape(bucket)
        return frames * height * width


@dataclass(frozen=True, kw_only=True)
class AudioLatentSpec:
    """What the audio VAE makes of a clip's sound."""

    channels: int = 8
    """Latent channels."""
    mel_bins: int = 16
    """Frequency bins of a latent."""
    latents_per_second: float = 25.0
    """Audio latents, which are also the audio tokens, of one second."""
    sample_rate: int = 16000
    """Hz of the waveform that the VAE takes."""

    def length(self, duration: float) -> int:
        """Audio latents of `duration` seconds, as sampling counts them: `round(duration * 25)`."""
        return round(duration * self.latents_per_second)

    def samples(self, duration: float) -> int:
        """Samples per channel of the waveform of `duration` seconds."""
        return round(duration * self.sample_rate)

    def shape(self, duration: float) -> tuple[int, int, int]:
        """Latent shape `(C, L, M)` of `duration` seconds; of a clip, `bucket.duration(fps)`."""
        return self.channels, self.length(duration), self.mel_bins


def nearest_frames(frames: int) -> tuple[int, int]:
    """The legal numbers of frames (8k + 1) around a number: the largest not above it, the smallest not below it."""
    lower = max(frames - (frames - 1) % _FRAME_STRIDE, 1)
    return lower, lower if lower >= frames else lower + _FRAME_STRIDE


def nearest_multiples(pixels: int) -> tuple[int, int]:
    """The legal lengths of a side (multiples of 32) around a number: not above it, and not below it."""
    lower = max(pixels - pixels % _PIXEL_STRIDE, _PIXEL_STRIDE)
    return lower, lower if lower >= pixels else lower + _PIXEL_STRIDE


def _check_sound(key: str, seconds: float) -> None:
    if seconds < _SHORTEST_SOUND:
        raise ValueError(
            f"`{key}` is {seconds:g}s, but the VAE makes 25 latents of a second, so a sound lasts at least "
            f"{_SHORTEST_SOUND}s: use 4s."
        )


def _check_sizes(key: str, width: int, height: int, frames: int) -> None:
    for name, value in (("width", width), ("height", height)):
        if value < _PIXEL_STRIDE or value % _PIXEL_STRIDE:
            raise ValueError(
                f"`{key}.{name}` is {value}, but the VAE compresses pixels 32x, so it must be a multiple of 32: "
                f"use {_either(*nearest_multiples(value))}."
            )
    if frames < 1 or frames % _FRAME_STRIDE != 1:
        raise ValueError(
            f"`{key}.frames` is {frames}, but the VAE compresses time 8x, so it must be 8k + 1: "
            f"use {_either(*nearest_frames(frames))}."
        )


def _either(lower: int, upper: int) -> str:
    return str(lower) if lower == upper else f"{lower} or {upper}"
