import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.captioning.command import caption
from datamodules.media.write import write_video
from datamodules.world.draw import draw_frames
from datamodules.world.scene import random_scene
from tests.datamodules.captioning.fake_endpoint import FakeEndpoint, serving


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    """A server that answers every question with the same caption, unless a test changes that."""
    with serving(FakeEndpoint()) as fake:
        yield fake


@pytest.fixture(autouse=True)
def at_once(monkeypatch) -> None:
    """No key of the machine's, and no seconds between attempts."""
    monkeypatch.delenv("LTX_CAPTION_API_KEY", raising=False)
    monkeypatch.setattr("datamodules.captioning.http_client.FIRST_WAIT_SECONDS", 0.001)


@pytest.fixture(scope="session")
def _drawn(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("media") / "clips"
    directory.mkdir()
    generator = torch.Generator().manual_seed(0)
    tone = 0.3 * torch.sin(torch.arange(48000) / 48000 * 440 * 2 * torch.pi).expand(2, -1)
    for name, sound in (("dance.mp4", tone), ("silent.mp4", None), ("\u821e\u8e0f \u00fc.mp4", tone)):
        frames = draw_frames(random_scene(generator), frames=24, width=64, height=48)
        write_video(directory / name, frames, 24.0, sound)
    Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(directory / "still.png")
    return directory


@pytest.fixture
def clips(_drawn, tmp_path) -> Path:
    """A folder without captions: `dance.mp4` and a clip with a foreign name have sound, `silent.mp4` has none."""
    return Path(shutil.copytree(_drawn, tmp_path / "clips"))


@pytest.fixture
def run(endpoint) -> Callable[..., int]:
    """Captions a dataset by the server."""

    def run(dataset: Path, **options: Any) -> int:
        return caption(dataset, **{"endpoint": endpoint.url, "model": "tiny-vl", "concurrency": 2} | options)

    return run
