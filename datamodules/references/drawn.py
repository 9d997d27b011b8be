"""Signals that need no model: edges, blur and a lower resolution. No torch.

Edges come from OpenCV. kornia, the other choice, needs torch to run, and costs 7 MB where OpenCV costs 60. OpenCV's
operator with thresholds of 100 and 200 is what the reference trainer's script and ComfyUI's `CannyEdgePreprocessor`
apply; ComfyUI's core node `Canny` is kornia's, which blurs first and counts its thresholds otherwise. PySceneDetect
needs OpenCV anyway, in the same headless build, so one dependency serves both tools.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

from datamodules.references.signal import Picture

_AUTO_SPREAD = 1 / 3  # thresholds at 2/3 and 4/3 of the median brightness


@dataclass(frozen=True, kw_only=True)
class Canny:
    """White edges on black."""

    low: float = 100.0
    """Gradient (Sobel's, of 8 bits, both directions added up) from which a pixel goes on an edge that is there."""
    high: float = 200.0
    """Gradient from which a pixel begins an edge."""
    smooth: float = 0.0
    """Pixels of Gaussian blur before, against the noise of a grainy source; 0 is none."""
    auto: bool = False
    """Thresholds from each picture's brightness, 2/3 and 4/3 of its median: for dark clips or changing light."""

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high:
            raise ValueError(
                f"`canny.low` is {self.low:g} and `canny.high` {self.high:g}, but edges begin at the higher one: give "
                "0 <= low <= high."
            )
        if self.smooth < 0:
            raise ValueError(f"`canny.smooth` is {self.smooth:g}, but a blur has 0 pixels or more.")

    # Gray pictures lose nothing to colours at half size, and this is what every player reads. FFmpeg takes monochrome
    # H.264 for limited range, which costs 20 dB.
    pixels: ClassVar[str] = "yuv420p"

    @property
    def settings(self) -> Mapping[str, object]:
        """As `Signal`."""
        thresholds: dict[str, object] = {"auto": True} if self.auto else {"low": self.low, "high": self.high}
        return {**thresholds, "smooth": self.smooth}

    def draw(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        """As `Signal`."""
        import cv2

        for picture in pictures:
            if self.smooth:
                picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), self.smooth), dtype=np.uint8)
            low, high = self._thresholds(picture)
            # The greatest gradient of the three channels: an edge between colours of one brightness is one too.
            yield np.asarray(cv2.Canny(picture, low, high), dtype=np.uint8)

    def _thresholds(self, picture: Picture) -> tuple[float, float]:
        if not self.auto:
            return self.low, self.high
        median = float(np.median(picture))
        return (1 - _AUTO_SPREAD) * median, (1 + _AUTO_SPREAD) * median


@dataclass(frozen=True, kw_only=True)
class Blur:
    """The clip without its fine detail, for a LoRA that puts detail back."""

    sigma: float = 4.0
    """Pixels of the Gaussian."""

    def __post_init__(self) -> None:
        if self.sigma <= 0:
            raise ValueError(f"`blur.sigma` is {self.sigma:g}, but a blur needs more than 0 pixels.")

    # Clips are 4:2:0 themselves.
    pixels: ClassVar[str] = "yuv420p"

    @property
    def settings(self) -> Mapping[str, object]:
        """As `Signal`."""
        return asdict(self)

    def draw(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        """As `Signal`."""
        import cv2

        for picture in pictures:
            yield np.asarray(cv2.GaussianBlur(picture, (0, 0), self.sigma), dtype=np.uint8)


@dataclass(frozen=True, kw_only=True)
class Downscale:
    """The clip scaled down and up again, for a LoRA that raises the resolution."""

    factor: float = 4.0
    """How many times smaller it is in between."""

    def __post_init__(self) -> None:
        if self.factor <= 1:
            raise ValueError(f"`downscale.factor` is {self.factor:g}, but only more than 1 makes a clip smaller.")

    pixels: ClassVar[str] = "yuv420p"

    @property
    def settings(self) -> Mapping[str, object]:
        """As `Signal`."""
        return asdict(self)

    def draw(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        """As `Signal`."""
        import cv2

        for picture in pictures:
            height, width = picture.shape[:2]
            small = max(round(width / self.factor), 1), max(round(height / self.factor), 1)
            shrunk = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
            yield np.asarray(cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
