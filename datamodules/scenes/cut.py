"""One scene of a video as a file of its own: the very frames between two cuts, and the sound that belongs to them.

Frames are encoded again, since a stream copy can only begin at a key frame. Pixel format, colours, pixel aspect and
rotation are the source's; sound is AAC at 128 kbit/s for each of one or two channels.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

from datamodules.manifest.clip import MediaError
from datamodules.media.container import beginning, frames_from, opened, video_stream
from datamodules.media.video_writer import PictureFormat, VideoWriter, writing_video
from datamodules.scenes.plan import Scene
from datamodules.scenes.shots import Shots
from datamodules.scenes.sound import sound_format, sound_pieces

_KEY = "ltx_scene"
_X264_PIXELS = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le")


def cut_scene(source: Path, target: Path, shots: Shots, scene: Scene, *, crf: int, stamp: Mapping[str, object]) -> None:
    """Writes a scene; it begins at time zero.

    Args:
        source: The video; it is only read.
        target: The mp4.
        shots: The times of its frames.
        scene: Which frames.
        crf: x264's rate factor.
        stamp: Kept in the file's metadata, to know it again.

    Raises:
        MediaError: If the video cannot be decoded, or gives other frames than before.
        OSError: If the file cannot be written.
    """
    tick = shots.time_base
    begin, end = shots.ticks[scene.first] * tick, shots.ticks[scene.end] * tick
    form = sound_format(source)
    pieces = sound_pieces(source, form, begin, end) if form else iter(())
    heard = Fraction(0)
    index = scene.first
    writer: VideoWriter | None = None
    with ExitStack() as stack:
        for frame in _frames(source, shots, scene):
            if writer is None:
                comment = json.dumps({_KEY: dict(stamp)}, sort_keys=True)
                with opened(source) as container:
                    stream: Any = video_stream(container)
                    picture, rate = _picture_format(frame, stream, crf), Fraction(stream.average_rate or 25)
                writing = writing_video(target, picture, rate=rate, time_base=tick, sound=form, comment=comment)
                writer = stack.enter_context(writing)
            shown = shots.ticks[index] - shots.ticks[scene.first]
            stored = frame.reformat(format=writer.picture.pixels)
            writer.write_frame(stored, shown, shots.ticks[index + 1] - shots.ticks[index])
            index += 1
            while form and heard < shown * tick and (piece := next(pieces, None)) is not None:
                writer.write_sound(piece)  # beside its frames, so that a player need not search for it
                heard += Fraction(piece.shape[1], form.rate)
        if writer is None or index != scene.end:
            raise MediaError(
                source, f"gave {index - scene.first} of {scene.end - scene.first} frames: it may be damaged"
            )
        for piece in pieces:
            writer.write_sound(piece)


def read_stamp(path: Path) -> Mapping[str, object] | None:
    """What a scene was made of, or None if the file is not one of ours or cannot be read."""
    try:
        with opened(path) as container:
            content = json.loads(container.metadata.get("comment", ""))[_KEY]
    except (MediaError, ValueError, KeyError, TypeError):
        return None
    return content if isinstance(content, dict) else None


def _frames(source: Path, shots: Shots, scene: Scene) -> Any:
    """The frames of a scene, known by their times."""
    start = beginning(source).time
    origin = round(start / shots.time_base)
    wanted = shots.ticks[scene.first : scene.end]
    position = 0
    for frame, _ in frames_from(source, video_stream, start, float(wanted[0] * shots.time_base)):
        if frame.pts - origin < wanted[position]:
            continue
        if frame.pts - origin > wanted[position]:
            raise MediaError(source, "gives other frames after a jump than from its start: remux or re-encode it")
        if frame.is_corrupt:
            raise MediaError(source, f"its picture at {frame.time:.2f} s is damaged")
        yield frame
        position += 1
        if position == len(wanted):
            return


def _picture_format(frame: Any, stream: Any, crf: int) -> PictureFormat:
    return PictureFormat(
        width=frame.width,
        height=frame.height,
        pixels=_pixels(frame),
        crf=crf,
        pixel_aspect=Fraction(stream.sample_aspect_ratio or 1),
        matrix=frame.colorspace,
        primaries=frame.color_primaries,
        transfer=frame.color_trc,
        range=frame.color_range,
        rotation=frame.rotation,
    )


def _pixels(frame: Any) -> str:
    """The source's own pixel format if x264 has it, else the next better one."""
    deep = max(component.bits for component in frame.format.components) > 8
    if frame.width % 2 or frame.height % 2:
        return "yuv444p10le" if deep else "yuv444p"
    if frame.format.name in _X264_PIXELS:
        return str(frame.format.name)
    return "yuv444p10le" if deep else "yuv444p"
