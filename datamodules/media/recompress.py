"""A still as H.264 leaves it: inference compresses the picture a video begins with, so that it looks like a frame."""

import io
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor


def recompress(picture: Tensor, crf: int) -> Tensor:
    """Encode one picture as H.264 in memory and decode it again.

    Args:
        picture: `(3, H, W)`, uint8 RGB, even height and width.
        crf: Constant rate factor of the encoder: 0 keeps most, 51 least; inference takes 33.

    Returns:
        `(3, H, W)`, uint8 RGB.
    """
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(1), options={"crf": str(crf), "preset": "veryfast"})
        stream.height, stream.width = picture.shape[1:]
        stream.pix_fmt = "yuv420p"
        pixels = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())  # (3, H, W) -> (H, W, 3)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        frame = next(container.decode(video=0))
    return torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1).contiguous()  # (H, W, 3) -> (3, H, W)
