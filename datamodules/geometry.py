"""Sizes: the training shape of a clip (`Bucket`) and the latent shapes the two VAEs make of it.

The video VAE is causal: the first latent frame stands for the first pixel frame, each further one for 8 more.
Audio latents come 25 a second whatever the frame rate, and as many as sampling would use for the same clip.
"""

import re
from dataclasses import dataclass
from typing import Self

_FRAME_STRIDE = 8
_PIXEL_STRIDE = 32
_NOTATION = re.compile(r"\s*(\d+)\s*[xX]\s*(\d+)\s*[xX]\s*(\d+)\s*")


@dataclass(frozen=True, order=True, kw_only=True)
class Bucket:
    """One training shape, written `WIDTHxHEIGHTxFRAMES`: `960x544x49`, or `960x544x1` for stills."""

    width: int
    """Pixels, a multiple of 32."""
    height: int
    """Pixels, a multiple of 32."""
    frames: int
    """Pixel frames, 8k + 1; 1 for stills."""

    def __post_init__(self) -> None:
        _check_sizes("bucket", self.width, self.height, self.frames)

    @classmethod
    def parse(cls, text: str, key: str = "bucket") -> Self:
        """Read the `960x544x49` notation.

        Args:
            text: Width, height and frames with `x` between them.
            key: The recipe key that errors name, such as `data.buckets[0]`.

        Raises:
            ValueError: If it is not that notation, or a number breaks the rules of the VAE.
        """
        match = _NOTATION.fullmatch(text)
        if match is None:
            raise ValueError(
                f"`{key}` is {text!r}, but a bucket is WIDTHxHEIGHTxFRAMES: write for example 960x544x49, "
                "or 960x544x1 for stills."
            )
        width, height, frames = (int(number) for number in match.groups())
        _check_sizes(key, width, height, frames)
        return cls(width=width, height=height, frames=frames)

    @property
    def is_still(self) -> bool:
        """Whether this bucket takes stills (one frame)."""
        return self.frames == 1

    @property
    def aspect_ratio(self) -> float:
        """Width over height."""
        return self.width / self.height

    def __str__(self) -> str:
        return f"{self.width}x{self.height}x{self.frames}"


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

    def length(self, frames: int, fps: float) -> int:
        """Audio latents beside `frames` at `fps`, as sampling counts them: `round(frames / fps * 25)`."""
        return round(frames / fps * self.latents_per_second)

    def samples(self, frames: int, fps: float) -> int:
        """Samples per channel of the waveform beside `frames` at `fps`."""
        return round(frames / fps * self.sample_rate)

    def shape(self, frames: int, fps: float) -> tuple[int, int, int]:
        """Latent shape `(C, L, M)` beside `frames` at `fps`."""
        return self.channels, self.length(frames, fps), self.mel_bins


def nearest_frames(frames: int) -> tuple[int, int]:
    """The legal numbers of frames (8k + 1) around a number: the largest not above it, the smallest not below it."""
    lower = max(frames - (frames - 1) % _FRAME_STRIDE, 1)
    return lower, lower if lower >= frames else lower + _FRAME_STRIDE


def nearest_multiples(pixels: int) -> tuple[int, int]:
    """The legal lengths of a side (multiples of 32) around a number: not above it, and not below it."""
    lower = max(pixels - pixels % _PIXEL_STRIDE, _PIXEL_STRIDE)
    return lower, lower if lower >= pixels else lower + _PIXEL_STRIDE


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
