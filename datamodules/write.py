"""Video files: H.264 with AAC sound, and animated GIFs for TensorBoard.

Colours are written as BT.709 and marked so, which is what players and editors expect of H.264.
"""

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from datamodules.atomic import replacing

_SOUND_CHUNK = 1024  # samples of an AAC frame


def write_video(
    path: Path, frames: Tensor, fps: float | Fraction, waveform: Tensor | None = None, sample_rate: int = 48000
) -> None:
    """Write an mp4 (H.264, yuv420p, CRF 18; AAC if there is sound), whole or not at all.

    Args:
        path: Where to; the folder is made if missing.
        frames: `(F, 3, H, W)`, uint8 RGB, even height and width.
        fps: Frames per second; NTSC rates such as 23.976 are written exactly.
        waveform: `(2, N)` in [-1, 1], or None for a silent file.
        sample_rate: Hz of `waveform`.

    Raises:
        ValueError: If a shape is not as above.
    """
    import av

    if frames.ndim != 4 or frames.shape[1] != 3 or frames.shape[2] % 2 or frames.shape[3] % 2:
        raise ValueError(
            f"{path}: frames are {tuple(frames.shape)}, but they must be (F, 3, H, W) with even height and width: "
            "H.264 stores colour at half size."
        )
    if waveform is not None and (waveform.ndim != 2 or waveform.shape[0] != 2):
        raise ValueError(f"{path}: the waveform is {tuple(waveform.shape)}, but it must be (2, N): give stereo.")
    with (
        replacing(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as container,
    ):
        video = _add_video_stream(container, frames, exact_rate(fps))
        sound = container.add_stream("aac", rate=sample_rate, layout="stereo") if waveform is not None else None
        _encode_frames(container, video, frames)
        if waveform is not None:
            _encode_waveform(container, sound, waveform, sample_rate)


def encode_gif(frames: Tensor, fps: float) -> bytes:
    """An endless animated GIF.

    Args:
        frames: `(F, 3, H, W)`, uint8 RGB.
        fps: Frames per second; kept on average, since a GIF counts in hundredths of a second.
    """
    from PIL import Image

    pictures = [Image.fromarray(frame) for frame in _channels_last(frames)]
    ends = [round((index + 1) * 100 / fps) * 10 for index in range(len(pictures))]
    lengths = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    file = io.BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=lengths, loop=0)
    return file.getvalue()


def exact_rate(fps: float | Fraction) -> Fraction:
    """The rate that a rounded number means: 23.976 is 24000/1001, 25.0 is 25."""
    value = float(fps)
    if abs(value - round(value)) < 1e-6:
        return Fraction(round(value))
    ntsc = Fraction(round(value * 1.001) * 1000, 1001)
    return ntsc if abs(float(ntsc) - value) < 2e-3 else Fraction(fps).limit_denominator(1000)


def _add_video_stream(container: Any, frames: Tensor, rate: Fraction) -> Any:
    from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

    stream = container.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "medium"})
    stream.width, stream.height, stream.pix_fmt = frames.shape[3], frames.shape[2], "yuv420p"
    context = stream.codec_context
    context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
    context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    return stream


def _encode_frames(container: Any, stream: Any, frames: Tensor) -> None:
    import av
    from av.video.reformatter import ColorRange, Colorspace

    for index, picture in enumerate(_channels_last(frames)):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.pts, frame.time_base = index, 1 / stream.codec_context.framerate
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _encode_waveform(container: Any, stream: Any, waveform: Tensor, sample_rate: int) -> None:
    import av

    samples = waveform.detach().float().clamp(-1, 1).cpu().numpy()
    for start in range(0, samples.shape[1], _SOUND_CHUNK):
        chunk = np.ascontiguousarray(samples[:, start : start + _SOUND_CHUNK])
        frame = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = sample_rate, start, Fraction(1, sample_rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _channels_last(frames: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    array: np.ndarray[Any, np.dtype[np.uint8]] = frames.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return array  # (F, 3, H, W) -> (F, H, W, 3)
