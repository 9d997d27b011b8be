"""Small media files for tests."""

from pathlib import Path

import av
import numpy as np


def write_clip(path: Path, *, frames: int = 30, width: int = 96, height: int = 64, fps: int = 24) -> Path:
    """A silent video of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            picture = np.full((height, width, 3), 10 + number % 200, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_still(path: Path, *, width: int = 96, height: int = 64) -> Path:
    """A picture of one colour."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (200, 30, 90)).save(path)
    return path
