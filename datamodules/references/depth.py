"""Depth, near is white, black is the farthest point of the clip.

A model's depth has no fixed scale, and a scale found for each frame anew flickers. So a clip is judged whole: what the
model gives is kept in a temporary file, 16 bits and the model's own size, until the clip's nearest and farthest point
are known, and all frames are drawn by these two:

    white = (nearness - min(clip)) / (max(clip) - min(clip))

Nearness is 1 / distance, up to scale and shift: what relative models (Depth Anything, MiDaS) give as it is, and what
models that give metres (the metric Depth Anything, ZoeDepth, GLPN) are turned into.
"""

import itertools
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.references.model_directory import ModelDirectory, memory_errors, open_model_directory
from datamodules.references.signal import Picture

Gives = Literal["auto", "nearness", "metres"]

_METRIC_TYPES = ("zoedepth", "glpn")
_LEAST_METRES = 1e-3


@dataclass(frozen=True, kw_only=True)
class DepthOptions:
    """How depth is drawn."""

    gives: Gives = "auto"
    """What the model gives: `nearness`, 1 / distance up to scale and shift, or `metres`. Its configuration says so for
    the usual models; set it if near is black."""


def open_depth(model: Path | None, options: DepthOptions, *, batch_size: int = 8, device: str = "auto") -> "Depth":
    """The signal of a model's directory, checked and not loaded yet.

    Raises:
        FileNotFoundError: If the directory is not there, or holds no model.
        ValueError: If none is given, or the model is of another kind.
    """
    what = "a depth model, Depth Anything V2 for example"
    directory = open_model_directory(model, "model", "ForDepthEstimation", what)
    return Depth(directory, gives=options.gives, batch_size=batch_size, device=device)


class Depth:
    """The signal.

    Args:
        model: Directory of a depth model.
        gives: What the model gives; `auto` goes by its configuration.
        batch_size: Frames that go through the model at once.
        device: Such as `cuda`, or `auto`.
    """

    pixels: ClassVar[str] = "yuv420p"

    def __init__(
        self, model: ModelDirectory, *, gives: Gives = "auto", batch_size: int = 8, device: str = "auto"
    ) -> None:
        self.model, self.batch_size, self.device = model, batch_size, device
        self.gives: Gives = _gives(model.config) if gives == "auto" else gives
        self._loaded: tuple[Any, Any] | None = None

    @property
    def settings(self) -> Mapping[str, object]:
        """As `Signal`."""
        return {"model": self.model.fingerprint, "gives": self.gives}

    def draw(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        """As `Signal`."""
        kept: list[_Kept] = []
        with tempfile.TemporaryFile() as store:
            for batch in batched(pictures, self.batch_size):
                for picture, nearness in zip(batch, self._nearness(batch), strict=True):
                    kept.append(_keep(store, nearness, picture.shape[:2]))
            low, high = (
                min((frame.low for frame in kept), default=0.0),
                max((frame.high for frame in kept), default=0.0),
            )
            store.seek(0)
            for frame in kept:
                yield _drawn(_kept(store, frame), frame.size, low, high)

    def _nearness(self, batch: list[Picture]) -> NDArray[np.float32]:
        """`(B, h, w)` at the model's own size."""
        import torch

        if self._loaded is None:
            self._loaded = self.model.processor(), self.model.load("AutoModelForDepthEstimation", self.device)
        processor, model = self._loaded
        # Padding would add a border to the depth that belongs to no pixel of the picture.
        options = {"do_pad": False} if hasattr(processor, "do_pad") else {}
        inputs = processor(images=batch, return_tensors="pt", **options).to(model.device)
        with torch.inference_mode(), memory_errors(self.batch_size):
            depth = model(**inputs).predicted_depth.float()
        if self.gives == "metres":
            depth = 1 / depth.clamp(min=_LEAST_METRES)
        result: NDArray[np.float32] = depth.cpu().numpy()
        if not np.isfinite(result).all():
            raise ValueError(f"`model` {str(self.model.path)!r} gives depths that are no numbers: get it again.")
        return result


def batched(pictures: Iterator[Picture], size: int) -> Iterator[list[Picture]]:
    """Lists of at most so many pictures."""
    while batch := list(itertools.islice(pictures, size)):
        yield batch


def _gives(config: Mapping[str, Any]) -> Gives:
    metric = config.get("depth_estimation_type") == "metric" or config.get("model_type") in _METRIC_TYPES
    return "metres" if metric else "nearness"


@dataclass(frozen=True)
class _Kept:
    """A frame in the temporary file: 16 bits between its own least and greatest value."""

    size: tuple[int, int]
    """Height and width of the picture."""
    shape: tuple[int, ...]
    low: float
    high: float


def _keep(store: IO[bytes], nearness: NDArray[np.float32], size: tuple[int, int]) -> _Kept:
    low, high = float(nearness.min()), float(nearness.max())
    levels = (nearness.astype(np.float64) - low) / (high - low or 1.0) * 65535
    store.write(levels.round().astype(np.uint16).tobytes())
    return _Kept(size, nearness.shape, low, high)


def _kept(store: IO[bytes], frame: _Kept) -> NDArray[np.float64]:
    levels = np.frombuffer(store.read(2 * int(np.prod(frame.shape))), np.uint16).reshape(frame.shape)
    return frame.low + levels.astype(np.float64) / 65535 * (frame.high - frame.low)


def _drawn(nearness: NDArray[np.float64], size: tuple[int, int], low: float, high: float) -> Picture:
    import cv2

    white = (nearness - low) / (high - low or 1.0)
    scaled = np.asarray(cv2.resize(white, size[::-1], interpolation=cv2.INTER_CUBIC))
    picture: Picture = (scaled.clip(0, 1) * 255).round().astype(np.uint8)
    return picture
