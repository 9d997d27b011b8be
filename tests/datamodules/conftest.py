from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from datamodules.manifest.clip import Clip
from datamodules.media.probe import MediaInfo

GOLDEN = Path(__file__).parents[1] / "golden" / "golden.safetensors"


@pytest.fixture(scope="session")
def golden() -> dict[str, Tensor]:
    """Numbers of the reference implementation."""
    return load_file(GOLDEN)


@pytest.fixture(scope="session")
def gray_ramp() -> Callable[[int], Tensor]:
    """Frames whose gray level is `20 + 3 * index`, so that a decoded frame tells which one it was."""

    def ramp(frames: int) -> Tensor:
        levels = (20 + 3 * torch.arange(frames)).to(torch.uint8)
        return levels[:, None, None, None].expand(frames, 3, 32, 48).contiguous()

    return ramp


@pytest.fixture(scope="session")
def source_indices() -> Callable[[Tensor], list[int]]:
    """Which frames of `gray_ramp` the given frames show."""

    def indices(frames: Tensor) -> list[int]:
        return ((frames.float().mean((1, 2, 3)) - 20) / 3).round().int().tolist()

    return indices


@pytest.fixture
def make_clip() -> Callable[..., Clip]:
    """A clip of the given name, without a file."""

    def make(name: str = "clip.mp4", **changes) -> Clip:
        kind = "image" if name.endswith(".png") else "video"
        fields = {"media": Path(name), "kind": kind, "caption": "a cat", "audio": None, "split": "train", "name": name}
        return Clip(**(fields | changes))

    return make


@pytest.fixture
def make_info() -> Callable[..., MediaInfo]:
    """What a probe would say of a video at a constant rate."""

    def make(width: int = 640, height: int = 352, frames: int = 100, fps: float = 24.0, **changes) -> MediaInfo:
        fields = {
            "width": width,
            "height": height,
            "frames": frames,
            "duration": frames / fps if fps else 0.0,
            "fps": fps,
            "has_audio": False,
            "has_video": True,
            "variable_fps": False,
        }
        fields |= changes
        return MediaInfo(**({"sound_duration": fields["duration"] if fields["has_audio"] else 0.0} | fields))

    return make
