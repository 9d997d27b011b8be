"""One mp4 written frame by frame: H.264, AAC if there is sound. Memory does not grow with its length; no torch.

Timestamps are kept as given, so variable rates survive to the tick. The file appears under its name when it is whole.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.atomic import replacing

_BT709, _LIMITED = 1, 1  # AVCOL_PRI_BT709 and its like, AVCOL_RANGE_MPEG


@dataclass(frozen=True, kw_only=True)
class PictureFormat:
    """How pictures are stored."""

    width: int
    """Pixels; even unless colours are stored at full size."""
    height: int
    """Pixels."""
    pixels: str = "yuv420p"
    """FFmpeg's pixel format: `yuv420p`, which every player reads, or `yuv444p` with colours at full size."""
    crf: int = 18
    """x264's constant rate factor: 18 looks like the source, 8 measures like it, 0 is lossless."""
    pixel_aspect: Fraction = Fraction(1)
    """Width over height of a pixel."""
    matrix: int = _BT709
    """FFmpeg's number of the colour matrix, as are the following ones."""
    primaries: int = _BT709
    """Of the colour primaries."""
    transfer: int = _BT709
    """Of the transfer function."""
    range: int = _LIMITED
    """Of the range: 1 limited, 2 full."""
    rotation: int = 0
    """Degrees, counter-clockwise, that a player is to turn the picture."""


@dataclass(frozen=True, kw_only=True)
class SoundFormat:
    """How sound is stored."""

    rate: int = 48000
    """Hz."""
    layout: Literal["mono", "stereo"] = "stereo"
    """Channels."""
    bit_rate: int | None = None
    """Bits per second; None is the encoder's own choice."""


@contextmanager
def writing_video(
    path: Path,
    picture: PictureFormat,
    *,
    rate: Fraction,
    time_base: Fraction | None = None,
    sound: SoundFormat | None = None,
    comment: str | None = None,
) -> Iterator["VideoWriter"]:
    """Writes one file: whole when the block ends well, nothing if it does not.

    Args:
        path: Where to; the folder is made if missing.
        picture: How pictures are stored.
        rate: Frames per second, on average if frames last differently long.
        time_base: Seconds per tick of timestamps; None if each frame lasts as long as the other, one tick.
        sound: How sound is stored; None for a silent file.
        comment: Text kept in the file's metadata.

    Raises:
        ValueError: If a side is odd and colours are stored at half size.
    """
    import av

    if "420" in picture.pixels and (picture.width % 2 or picture.height % 2):
        raise ValueError(
            f"{path}: pictures are {picture.width}x{picture.height}, but both must be even: H.264 stores colour at "
            "half size."
        )
    options = {"movflags": "+faststart"}  # plays before it is fully loaded
    with replacing(path) as temporary, av.open(str(temporary), "w", format="mp4", options=options) as container:
        if comment is not None:
            container.metadata["comment"] = comment
        writer = VideoWriter(container, picture, rate, time_base, sound)
        yield writer
        writer.finish()


class VideoWriter:
    """Adds pictures and sound to an open file; made by `writing_video`.

    Args:
        container: PyAV's, open for writing.
        picture: How pictures are stored.
        rate: Frames per second, on average.
        time_base: Seconds per tick of timestamps; None if each frame lasts one.
        sound: How sound is stored.
    """

    def __init__(
        self,
        container: Any,
        picture: PictureFormat,
        rate: Fraction,
        time_base: Fraction | None,
        sound: SoundFormat | None,
    ) -> None:
        self.picture, self.rate, self.sound = picture, rate, sound
        self.time_base, self._is_constant = time_base or 1 / rate, time_base is None
        self._container = container
        self._video = self._add_video()
        self._sound = self._add_sound(sound) if sound else None
        self._durations: dict[int, int] = {}
        self._next_sample = 0

    def finish(self) -> None:
        """Adds what the encoders still hold."""
        self._mux_video(None)
        if self._sound is not None:
            self._container.mux(self._sound.encode())

    def write(self, picture: NDArray[np.uint8], pts: int, duration: int = 1) -> None:
        """Adds a picture.

        Args:
            picture: `(H, W, 3)` RGB, or `(H, W)` gray.
            pts: When it is shown, in ticks.
            duration: How long, in ticks.
        """
        import av

        gray = picture.ndim == 2
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="gray" if gray else "rgb24")
        if gray:
            frame.color_range = 2  # FFmpeg takes gray for limited range unless told
        converted = frame.reformat(
            format=self.picture.pixels, dst_colorspace=self.picture.matrix, dst_color_range=self.picture.range
        )
        self.write_frame(converted, pts, duration)

    def write_frame(self, frame: Any, pts: int, duration: int = 1) -> None:
        """Adds a PyAV frame that is in the picture format already; arguments as `write`."""
        frame.pts, frame.time_base = pts, self.time_base
        frame.pict_type = 0  # a decoded frame brings its own, which would force key frames
        self._durations[pts] = duration
        self._mux_video(frame)

    def write_sound(self, samples: NDArray[np.float32]) -> None:
        """Adds sound right after what was added before.

        Args:
            samples: `(channels, N)` in [-1, 1].
        """
        import av

        if self._sound is None or self.sound is None:
            raise ValueError("The file was opened without sound: give `sound`.")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self.sound.layout)
        frame.sample_rate, frame.pts = self.sound.rate, self._next_sample
        frame.time_base = Fraction(1, self.sound.rate)
        self._next_sample += samples.shape[1]
        self._container.mux(self._sound.encode(frame))

    def _mux_video(self, frame: Any) -> None:
        for packet in self._video.encode(frame):
            # without a duration the last frame would last as long as the one before it
            packet.duration = int(self._durations.pop(int(packet.pts * packet.time_base / self.time_base), 0))
            self._container.mux(packet)

    def _add_video(self) -> Any:
        picture = self.picture
        options = {"crf": str(picture.crf), "preset": "medium"}
        if not self._is_constant:
            # An mp4 stores how long frames last in the order of decoding: reordered ones would swap their lengths.
            options["bf"] = "0"
        stream = self._container.add_stream("libx264", rate=self.rate, options=options)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, picture.pixels
        if picture.rotation:
            stream.set_display_rotation(picture.rotation)
        context = stream.codec_context
        stream.time_base = context.time_base = self.time_base
        context.sample_aspect_ratio = picture.pixel_aspect
        context.colorspace, context.color_range = picture.matrix, picture.range
        context.color_primaries, context.color_trc = picture.primaries, picture.transfer
        return stream

    def _add_sound(self, sound: SoundFormat) -> Any:
        stream = self._container.add_stream("aac", rate=sound.rate, layout=sound.layout)
        if sound.bit_rate:
            stream.bit_rate = sound.bit_rate
        return stream
