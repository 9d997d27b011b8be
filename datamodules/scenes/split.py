"""Splits one video: finds its shots, plans its scenes and writes those that are not there."""

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from datamodules.manifest.clip import MediaError
from datamodules.progress import progress
from datamodules.scenes.cut import cut_scene, read_stamp
from datamodules.scenes.ledger import Ledger, Source, source_of
from datamodules.scenes.plan import LeftOut, Scene, SceneRules, plan_scenes
from datamodules.scenes.shots import DetectorName, Shots, find_shots

logger = logging.getLogger(__name__)

LEDGERS = ".scenes"
"""Folder among the scenes that keeps what is known about their videos."""

State = Literal["made", "up to date", "failed"]


@dataclass(frozen=True, kw_only=True)
class SplitSettings:
    """How videos are split."""

    rules: SceneRules
    """How shots become scenes."""
    detector: DetectorName
    """How frames are compared."""
    threshold: float | None
    """From which difference on there is a cut; None is the detector's own."""
    crf: int
    """x264's rate factor."""
    force: bool = False
    """Whether scenes made of another video or with other settings are replaced."""


@dataclass(frozen=True, kw_only=True)
class SplitVideo:
    """What became of a video."""

    source: Path
    """The video."""
    scenes: tuple[tuple[Path, State], ...]
    """Files of the scenes in order."""
    left_out: tuple[LeftOut, ...]
    """Shots that became none."""
    reason: str = ""
    """Why it, or a scene of it, could not be made."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing failed."""
        return not self.reason


def split_video(source: Path, stem: Path, settings: SplitSettings) -> SplitVideo:
    """Splits a video into `<stem>_s001.mp4` and so on.

    Args:
        source: The video; it is only read.
        stem: Path of the scenes without number and suffix; the ledger lies in a hidden folder beside them.
        settings: How to split it.

    Raises:
        ValueError: If a file of such a name was not made by this tool, or of something else and `force` is not given.
    """
    try:
        ledger = Ledger(stem.parent / LEDGERS / f"{stem.name}.json")
        now = source_of(source, ledger.source)
        detection: dict[str, object] = {"detector": settings.detector, "threshold": settings.threshold}
        shots = ledger.shots(now, detection) or find_shots(source, settings.detector, settings.threshold)
    except (MediaError, OSError) as error:
        return SplitVideo(source=source, scenes=(), left_out=(), reason=str(error))
    scenes, left_out = plan_scenes(shots, settings.rules)
    files = [scene_file(stem, number) for number in range(1, len(scenes) + 1)]
    stamps = [_stamp(now, settings, shots, scene) for scene in scenes]
    stale = _stale(stem, dict(zip(files, stamps, strict=True)), settings)
    ledger.write(now, detection, shots, list(zip([file.name for file in files], scenes, strict=True)), left_out)
    for file in stale:
        file.unlink()
    done: list[tuple[Path, State]] = []
    reason = ""
    with progress(f"scenes of {source.name}", len(scenes), "scene", shown=True) as bar:
        for file, scene, stamp in zip(files, scenes, stamps, strict=True):
            if file.exists():
                done.append((file, "up to date"))
            else:
                failure = _cut(source, file, shots, scene, settings.crf, stamp)
                reason = reason or failure
                done.append((file, "failed" if failure else "made"))
            bar.update()
    return SplitVideo(source=source, scenes=tuple(done), left_out=left_out, reason=reason)


def scene_file(stem: Path, number: int) -> Path:
    """Such as `film_s001.mp4`."""
    return stem.with_name(f"{stem.name}_s{number:03d}.mp4")


def _cut(source: Path, file: Path, shots: Shots, scene: Scene, crf: int, stamp: dict[str, object]) -> str:
    """Writes a scene; why it could not be, or nothing."""
    try:
        cut_scene(source, file, shots, scene, crf=crf, stamp=stamp)
    except (MediaError, OSError) as error:
        return str(error)
    return ""


def _stamp(source: Source, settings: SplitSettings, shots: Shots, scene: Scene) -> dict[str, object]:
    ticks = [shots.ticks[scene.first], shots.ticks[scene.end]]
    return {"hash": source.hash, "ticks": ticks, "time_base": str(shots.time_base), "crf": settings.crf}


def _stale(stem: Path, wanted: dict[Path, dict[str, object]], settings: SplitSettings) -> list[Path]:
    """Files of such names that are to be replaced.

    Raises:
        ValueError: If one of them was not made by this tool, or may not be replaced.
    """
    if not stem.parent.is_dir():
        return []
    stale = []
    for file in sorted(stem.parent.iterdir()):
        number = file.stem.removeprefix(f"{stem.name}_s")
        if file.suffix.lower() not in (".mp4", ".mov", ".mkv", ".webm") or number == file.stem or not number.isdigit():
            continue
        stamp = read_stamp(file)
        if stamp is None:
            raise ValueError(
                f"{file} has the name of a scene but was not made by this tool: move it away, or give another `out`."
            )
        if stamp != wanted.get(file):
            stale.append(file)
    if stale and not settings.force:
        given = json.dumps(asdict(settings.rules))
        raise ValueError(
            f"{stale[0]} and {len(stale) - 1} others are scenes of another video or of other settings than {given}: "
            "give another `out`, or `--force` to replace them; captions beside them stay as they are."
        )
    return stale
