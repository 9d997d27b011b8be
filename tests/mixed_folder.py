"""A folder as users have them: sizes, rates, containers and defects of all kinds, each file named after what it is."""

import io
import shutil
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from datamodules.media.write import write_video
from datamodules.world import Scene, draw_frames, play_tone

RAGGED_TIMES = (0.0, 0.03, 0.1, 0.35, 0.4, 0.45, 0.8, 0.9, 0.95, 1.2, 1.25, 1.4, 1.41, 1.7)
"""Seconds at which the frames of the clip with a variable rate are shown."""

MIXED_FILES = {
    "portrait.mp4": "a red circle stays still",
    "landscape 23.976.mp4": "a blue star moves to the left",
    "thirty.mov": "a green square spins",
    "sixty.mkv": "a pink triangle moves up",
    "variable rate.mkv": "a white diamond moves down",
    "silent.webm": "a yellow circle grows",
    "one frame.mp4": "an orange star",
    "corrupt.mp4": "nothing that can be seen",
    "truncated.mp4": "the half of a circle",
    "empty caption.mp4": "",
    "alpha.png": "a ring over black",
    "photo.jpg": "a purple square",
    "caf\u00e9 \u6620\u753b.mp4": "a teal background",
    "sub folder/rotated.mp4": "a circle, held upright",
    "other sound.mp4": "a square with another sound",
    "the same portrait.mp4": "a red circle, once more",
}
"""Media files and their captions."""


def write_mixed_folder(directory: Path) -> Path:
    """Write the folder; clips last at least 33 frames at 24 per second unless their name says otherwise."""
    (directory / "sub folder").mkdir(parents=True)
    _clip(directory / "portrait.mp4", Scene(tone="low"), width=96, height=128)
    _clip(
        directory / "landscape 23.976.mp4", Scene(shape="star", colour="blue", motion="left", tone="high"), fps=23.976
    )
    thirty = Scene(shape="square", colour="green", motion="spin")
    write_timed(directory / "thirty.mov", _drawn(thirty, 45), [index / 30 for index in range(45)])
    sixty = Scene(shape="triangle", colour="pink", motion="up")
    write_timed(directory / "sixty.mkv", _drawn(sixty, 90), [index / 60 for index in range(90)])
    ragged = Scene(shape="diamond", colour="white", motion="down")
    write_timed(directory / "variable rate.mkv", _drawn(ragged, len(RAGGED_TIMES)), RAGGED_TIMES)
    silent = Scene(colour="yellow", motion="grow")
    write_timed(directory / "silent.webm", _drawn(silent, 36), [index / 24 for index in range(36)], codec="libvpx")
    write_video(directory / "one frame.mp4", _drawn(Scene(shape="star", colour="orange"), 1), 24)
    (directory / "corrupt.mp4").write_bytes(b"this is not a video\n" * 500)
    _clip(directory / "truncated.mp4", Scene(motion="right", tone="middle"))
    truncate(directory / "truncated.mp4", 0.6)
    _clip(directory / "empty caption.mp4", Scene(colour="blue", tone="rising"))
    _write_alpha(directory / "alpha.png")
    Image.fromarray(_drawn(Scene(shape="square", colour="purple"), 1)[0].permute(1, 2, 0).numpy()).save(
        directory / "photo.jpg", quality=95
    )
    _clip(directory / "caf\u00e9 \u6620\u753b.mp4", Scene(background="teal", tone="low"))
    rotated = Scene(colour="red", motion="down")
    times = [index / 24 for index in range(36)]
    write_timed(directory / "sub folder" / "rotated.mp4", _drawn(rotated, 36), times, rotation=90)
    _clip(directory / "other sound.mp4", Scene(shape="square", tone="low"))
    write_wav(directory / "other sound.wav", play_tone(Scene(tone="high"), frames=36))
    shutil.copy(directory / "portrait.mp4", directory / "the same portrait.mp4")
    for name, caption in MIXED_FILES.items():
        (directory / name).with_suffix(".txt").write_text(caption, encoding="utf-8")
    return directory


def write_timed(
    path: Path,
    frames: Tensor,
    times: Sequence[float],
    *,
    codec: str = "libx264",
    rotation: int = 0,
    delay: float = 0.0,
    waveform: Tensor | None = None,
    sound_delay: float = 0.0,
) -> None:
    """Write frames `(F, 3, H, W)` to be shown at the given seconds, by default without sound.

    Args:
        path: Where to; the suffix decides the container.
        frames: uint8 RGB.
        times: Seconds of each frame, ascending.
        codec: Name of FFmpeg's encoder.
        rotation: Degrees, counter-clockwise, that a player is to turn the picture.
        delay: Seconds added to the timestamps of the picture.
        waveform: `(2, N)` at 48 kHz.
        sound_delay: Seconds added to the timestamps of the sound.
    """
    import av  # tests on a card run without it

    with av.open(str(path), "w") as container:
        options = {"crf": "12", "g": "12"} if codec == "libx264" else {"crf": "8", "b": "4M", "deadline": "realtime"}
        rate = round((len(times) - 1) / (times[-1] - times[0])) if len(times) > 1 else 24
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = frames.shape[3], frames.shape[2], "yuv420p"
        stream.codec_context.time_base = Fraction(1, 90000)
        if rotation:
            stream.set_display_rotation(rotation)
        sound = (
            container.add_stream("pcm_s16le" if path.suffix == ".mkv" else "aac", rate=48000, layout="stereo")
            if (waveform is not None)
            else None
        )
        for picture, time in zip(frames.permute(0, 2, 3, 1).numpy(), times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round((time + delay) * 90000), Fraction(1, 90000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None and waveform is not None:
            samples = (waveform.numpy() * 32767).astype(np.int16)
            for start in range(0, samples.shape[1], 1024):
                chunk = np.ascontiguousarray(samples[:, start : start + 1024])
                audio = av.AudioFrame.from_ndarray(chunk, format="s16p", layout="stereo")
                audio.sample_rate, audio.time_base = 48000, Fraction(1, 48000)
                audio.pts = start + round(sound_delay * 48000)
                container.mux(sound.encode(audio))
            container.mux(sound.encode())


def write_wav(path: Path, waveform: Tensor, rate: int = 48000) -> None:
    """Write `(channels, N)` as 16-bit PCM."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(waveform.shape[0])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((waveform.T.numpy() * 32767).round().astype("<i2").tobytes())


def write_sound(path: Path, codec: str, rate: int, waveform: Tensor) -> None:
    """Write a mono sound `(1, N)` in [-1, 1] with one of FFmpeg's encoders."""
    import av

    is_planar = codec in ("libmp3lame", "aac")
    samples = waveform.numpy() if is_planar else (waveform.numpy() * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        for start in range(0, samples.shape[1], 1024):
            chunk = np.ascontiguousarray(samples[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(chunk, format="fltp" if is_planar else "s16", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def truncate(path: Path, fraction: float) -> None:
    """Keep the beginning of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])


def _clip(path: Path, scene: Scene, *, width: int = 128, height: int = 96, fps: float = 24.0) -> None:
    waveform = play_tone(scene, frames=36, fps=fps)
    write_video(path, draw_frames(scene, frames=36, width=width, height=height), fps, waveform)


def _drawn(scene: Scene, frames: int) -> Tensor:
    return draw_frames(scene, frames=frames, width=128, height=96)


def _write_alpha(path: Path) -> None:
    picture = np.zeros((96, 128, 4), dtype=np.uint8)
    picture[..., :3] = 200
    picture[24:72, 32:96, 3] = 255
    content = io.BytesIO()
    Image.fromarray(picture, "RGBA").save(content, "PNG")
    path.write_bytes(content.getvalue())
