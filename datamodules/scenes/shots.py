"""Where the shots of a video begin, found by PySceneDetect on frames decoded here, so that a cut is a frame's index.

Frames are scaled down to about 256 pixels before they are compared, as PySceneDetect does itself; its own readers are
not used, because they count frames by a constant rate.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from datamodules.manifest.clip import MediaError
from datamodules.media.container import beginning, frames_from, opened, video_stream
from datamodules.progress import progress

DetectorName = Literal["adaptive", "content", "hash", "histogram", "threshold"]

_WIDTH = 256  # pixels of the longer side on which frames are compared


@dataclass(frozen=True, kw_only=True)
class Shots:
    """The frames of a video and where its shots begin."""

    ticks: tuple[int, ...]
    """When each frame is shown, in ticks from the first, and when the last one ends."""
    time_base: Fraction
    """Seconds per tick."""
    cuts: tuple[int, ...]
    """Index of the first frame of each shot but the first."""


def find_shots(path: Path, detector: DetectorName, threshold: float | None = None) -> Shots:
    """Decodes a video once and finds its cuts; only the times of its frames are kept.

    Args:
        path: The video.
        detector: How frames are compared.
        threshold: In the detector's own unit, a higher one finds fewer cuts; None is its own choice.

    Raises:
        MediaError: If the video cannot be decoded.
    """
    from scenedetect import FrameTimecode

    judge = _detector(detector, threshold)
    with opened(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise MediaError(path, "has no picture")
        rate, time_base = Fraction(stream.average_rate or 25), Fraction(stream.time_base)
        expected = int(stream.frames or 0) or int((container.duration or 0) * rate / 1_000_000)
    ticks: list[int] = []
    cuts: list[Any] = []
    last: Any = None
    with progress(f"looking for cuts in {path.name}", expected, "frame", shown=True) as bar:
        for frame in _frames(path):
            cuts += judge.process_frame(FrameTimecode(len(ticks), rate), _small(frame))
            ticks.append(frame.pts)
            last = frame
            bar.update()
    if last is None:
        raise MediaError(path, "has no picture that can be decoded")
    cuts += judge.post_process(FrameTimecode(len(ticks) - 1, rate))
    usual = ticks[-1] - ticks[-2] if len(ticks) > 1 else 1
    ends = [*ticks, ticks[-1] + (int(last.duration or 0) or usual)]
    found = sorted({cut.frame_num for cut in cuts} - {0})
    return Shots(ticks=tuple(tick - ends[0] for tick in ends), time_base=time_base, cuts=tuple(found))


def _frames(path: Path) -> Iterator[Any]:
    """Decoded frames in the order of their times."""
    latest: int | None = None
    for frame, _ in frames_from(path, video_stream, beginning(path).time, 0.0):
        if latest is None or frame.pts > latest:
            latest = frame.pts
            yield frame


def _small(frame: Any) -> Any:
    scale = min(_WIDTH / max(frame.width, frame.height), 1.0)
    width, height = max(round(frame.width * scale), 8), max(round(frame.height * scale), 8)
    return frame.reformat(width=width, height=height, interpolation="AREA").to_ndarray(format="bgr24")


def _detector(name: DetectorName, threshold: float | None) -> Any:
    """PySceneDetect's detector, which is not to judge the length of a shot."""
    from scenedetect import AdaptiveDetector, ContentDetector, HashDetector, HistogramDetector, ThresholdDetector

    kinds: dict[DetectorName, tuple[Any, str]] = {
        "adaptive": (AdaptiveDetector, "adaptive_threshold"),
        "content": (ContentDetector, "threshold"),
        "hash": (HashDetector, "threshold"),
        "histogram": (HistogramDetector, "threshold"),
        "threshold": (ThresholdDetector, "threshold"),
    }
    kind, argument = kinds[name]
    return kind(min_scene_len=0, **({} if threshold is None else {argument: threshold}))
