"""What is known about a video that is being split: its cuts and scenes, in a JSON file among the scenes.

It makes a second run cheap: cuts are not looked for again while the video and the detector are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

from datamodules.atomic import read_json, write_json
from datamodules.manifest.scan import file_hash
from datamodules.scenes.plan import LeftOut, Scene
from datamodules.scenes.shots import Shots

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Source:
    """A video as it was when its cuts were found."""

    hash: str
    """SHA-256 of its bytes."""
    size: int
    """Bytes."""
    mtime_ns: int
    """When it was changed last."""


def source_of(path: Path, known: Source | None) -> Source:
    """What a video is now; its bytes are only read if size or time differ from what is known."""
    status = path.stat()
    if known is not None and (known.size, known.mtime_ns) == (status.st_size, status.st_mtime_ns):
        return known
    return Source(hash=file_hash(path), size=status.st_size, mtime_ns=status.st_mtime_ns)


class Ledger:
    """The JSON file of one video.

    Args:
        path: The file; a missing or damaged one counts as empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        content = read_json(path)
        valid = isinstance(content, dict) and content.get("format") == _FORMAT
        self._content: dict[str, object] = content if valid and isinstance(content, dict) else {}

    @property
    def source(self) -> Source | None:
        """The video whose cuts are known."""
        known = self._content.get("source")
        return Source(**known) if isinstance(known, dict) else None

    def shots(self, source: Source, detection: Mapping[str, object]) -> Shots | None:
        """The cuts, if they are of this video and were found so."""
        known = self._content.get("shots")
        found = self.source
        if not isinstance(known, dict) or found is None or found.hash != source.hash:
            return None
        if self._content.get("detection") != dict(detection):
            return None
        return Shots(ticks=tuple(known["ticks"]), time_base=Fraction(known["time_base"]), cuts=tuple(known["cuts"]))

    def write(
        self,
        source: Source,
        detection: Mapping[str, object],
        shots: Shots,
        scenes: Sequence[tuple[str, Scene]],
        left_out: Sequence[LeftOut],
    ) -> None:
        """Keeps what was found; scenes come with the names of their files."""
        known = {"ticks": shots.ticks, "time_base": str(shots.time_base), "cuts": shots.cuts}
        self._content = {
            "format": _FORMAT,
            "source": asdict(source),
            "detection": dict(detection),
            "scenes": [{"file": name, **_stretch(shots, scene.first, scene.end)} for name, scene in scenes],
            "left_out": [{"reason": out.reason, **_stretch(shots, out.first, out.end)} for out in left_out],
            "shots": known,
        }
        write_json(self.path, self._content)


def _stretch(shots: Shots, first: int, end: int) -> dict[str, object]:
    start, stop = (float(shots.ticks[index] * shots.time_base) for index in (first, end))
    return {"first_frame": first, "frames": end - first, "start": round(start, 6), "end": round(stop, 6)}
