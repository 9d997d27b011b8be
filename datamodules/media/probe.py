"""What is inside a media file: size as displayed, length, rate and sound, found without decoding all of it.

The timestamps of every packet are read, since headers lie about variable rates, edits and truncated files, and the
first picture and the first sound are decoded, since a file may be listed well and be unreadable.
"""

import dataclasses
import itertools
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.manifest.clip import Clip, MediaError, media_kind
from datamodules.media.container import DISPLAY_PHASE, opened, sound_stream, video_stream
from datamodules.media.stills import still_facts

__all__ = ["MediaError", "MediaInfo", "clip_info", "describe_rate", "probe"]

_HDR_TRANSFERS = {16: "PQ", 18: "HLG"}  # AVCOL_TRC_SMPTE2084, AVCOL_TRC_ARIB_STD_B67
_MISSING_SECONDS = 0.5
_ROUNDING_SECONDS = 0.002  # Matroska counts in milliseconds


@dataclass(frozen=True, kw_only=True)
class MediaInfo:
    """What is inside a media file."""

    width: int
    """Pixels as displayed: after rotation, with square pixels. 0 for a sound."""
    height: int
    """Pixels as displayed."""
    frames: int
    """Stored frames; 1 for a still, 0 for a sound."""
    duration: float
    """Seconds from the first frame to the end of the last; 0 for a still."""
    fps: float
    """Frames per second, on average; 0 for a still or a sound."""
    has_audio: bool
    """Whether there is sound."""
    has_video: bool
    """Whether there is a picture."""
    variable_fps: bool
    """Whether frames last differently long."""
    sound_duration: float = 0.0
    """Seconds from time zero, the first frame of the picture, to the end of the sound; 0 without."""
    notes: tuple[str, ...] = ()
    """What happens to its picture on reading that the user should know."""

    def frames_at(self, fps: float) -> int:
        """Frames that the file gives when it is read at `fps`."""
        if self.frames <= 1:
            return self.frames
        return max(math.ceil(self.duration * fps - DISPLAY_PHASE), 1)


def probe(path: Path) -> MediaInfo:
    """Look inside a video, still or sound.

    Raises:
        MediaError: If it is damaged, incomplete, or of a kind that cannot be read.
    """
    if not path.is_file():
        raise MediaError(path, "does not exist")
    if path.stat().st_size == 0:
        raise MediaError(path, "is empty")
    if media_kind(path) == "image":
        return _still_info(path)
    with opened(path) as container:
        video = video_stream(container)
        picture = next(container.decode(video), None) if video else None
        pixel_aspect = float(video.sample_aspect_ratio or 1) if video else 1.0
    with opened(path) as container:
        sound = sound_stream(container)
        if sound:
            next(container.decode(sound), None)
    timeline = _read_timeline(path)
    if media_kind(path) == "sound":
        return _sound_info(path, timeline)
    if picture is None or not timeline.times:
        raise MediaError(path, "has no picture that can be decoded: it is damaged or incomplete")
    width, height = round(picture.width * pixel_aspect), picture.height
    if round(picture.rotation / 90) % 2:
        width, height = height, width
    transfer = _HDR_TRANSFERS.get(picture.color_trc)
    return MediaInfo(
        width=width,
        height=height,
        frames=len(timeline.times),
        duration=timeline.duration,
        fps=timeline.rate,
        has_audio=timeline.has_sound,
        has_video=True,
        variable_fps=_is_variable(timeline.times),
        sound_duration=timeline.sound_duration,
        notes=(f"{transfer} high dynamic range is read without tone mapping",) if transfer else (),
    )


def clip_info(clip: Clip, look: Callable[[Path], MediaInfo] = probe) -> MediaInfo:
    """What is inside a clip, with the sound that it will be trained with.

    Args:
        clip: The clip, whose separate sound is looked at too.
        look: `probe`, or one that remembers.

    Raises:
        MediaError: If one of its files cannot be read, or the separate sound has no sound.
    """
    info = look(clip.media)
    if clip.audio is None:
        return info
    sound = look(clip.audio)
    if not sound.has_audio:
        raise MediaError(clip.audio, "has no sound")
    return dataclasses.replace(info, has_audio=True, sound_duration=sound.sound_duration)


def describe_rate(info: MediaInfo) -> str:
    """Such as `23.976 fps`, or `variable rate (18.2 fps on average)`."""
    return f"variable rate ({info.fps:.3g} fps on average)" if info.variable_fps else f"{info.fps:.5g} fps"


@dataclass(frozen=True, kw_only=True)
class _Timeline:
    times: list[float]
    """When each video frame is shown, in order, seconds on the container's clock."""
    duration: float
    """Seconds from the first frame to the end of the last; of the sound if there is no video."""
    has_sound: bool
    sound_duration: float
    """Seconds from time zero to the end of the sound; 0 without."""
    declared_rate: float
    """Frames per second by the file's header; 0 if it does not say."""

    @property
    def rate(self) -> float:
        """Frames per second by the timestamps, or by the header if it differs by their rounding alone."""
        if len(self.times) < 2:
            return self.declared_rate
        span = self.times[-1] - self.times[0]
        measured = (len(self.times) - 1) / span
        rounded = self.declared_rate and abs(measured / self.declared_rate - 1) * span < _ROUNDING_SECONDS
        return self.declared_rate if rounded else measured


def _still_info(path: Path) -> MediaInfo:
    width, height, alpha = still_facts(path)
    return MediaInfo(
        width=width,
        height=height,
        frames=1,
        duration=0.0,
        fps=0.0,
        has_audio=False,
        has_video=True,
        variable_fps=False,
        notes=("its transparent parts are laid over black",) if alpha else (),
    )


def _sound_info(path: Path, timeline: _Timeline) -> MediaInfo:
    if not timeline.has_sound:
        raise MediaError(path, "has no sound")
    return MediaInfo(
        width=0,
        height=0,
        frames=0,
        duration=timeline.duration,
        fps=0.0,
        has_audio=True,
        has_video=False,
        variable_fps=False,
        sound_duration=timeline.sound_duration,
    )


def _read_timeline(path: Path) -> _Timeline:
    spans: dict[str, list[tuple[float, float]]] = {"video": [], "audio": []}
    with opened(path) as container:
        video = video_stream(container)
        declared_rate = float(video.average_rate or 0) if video else 0.0
        streams = [stream for stream in (video, sound_stream(container)) if stream is not None]
        for packet in container.demux(streams) if streams else ():
            if packet.is_corrupt:
                raise MediaError(path, "is incomplete: it ends in the middle of a frame")
            if packet.pts is not None and packet.size and not packet.is_discard:
                seconds = float(packet.pts * packet.time_base), float((packet.duration or 0) * packet.time_base)
                spans[packet.stream.type].append(seconds)
        _require_whole(path, container, [*spans["video"], *spans["audio"]], len(streams))
    timed, heard = sorted(spans["video"] or spans["audio"]), sorted(spans["audio"])
    return _Timeline(
        times=[time for time, _ in timed] if spans["video"] else [],
        duration=_end(timed) - timed[0][0] if timed else 0.0,
        has_sound=bool(heard),
        sound_duration=max(_end(heard) - timed[0][0], 0.0) if heard else 0.0,
        declared_rate=declared_rate,
    )


def _require_whole(path: Path, container: Any, spans: list[tuple[float, float]], num_streams: int) -> None:
    """Matroska and WebM files that were cut off read well up to there; their header knows how long they should be."""
    if "matroska" not in container.format.name or not container.duration or len(container.streams) != num_streams:
        return
    ends, declared = max((begin + length for begin, length in spans), default=0.0), container.duration / 1e6
    if declared - ends > _MISSING_SECONDS:
        raise MediaError(path, f"is incomplete: it ends at {ends:.2f} s of {declared:.2f} s")


def _end(spans: list[tuple[float, float]]) -> float:
    """When the last one ends; where its length is not said, it lasts as long as the one before."""
    begin, length = spans[-1]
    if length <= 0 and len(spans) > 1:
        length = begin - spans[-2][0]
    return begin + length


def _is_variable(times: list[float]) -> bool:
    """Whether frames last differently long, beyond timestamps rounded to milliseconds."""
    spans = [after - before for before, after in itertools.pairwise(times)]
    if not spans:
        return False
    usual = statistics.median(spans)
    return max(abs(span - usual) for span in spans) > _ROUNDING_SECONDS + 0.02 * usual
