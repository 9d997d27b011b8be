"""`python -m datamodules scenes`: long videos split at their shot cuts."""

import logging
from pathlib import Path
from typing import Any

from datamodules.atomic import remove_leftovers, write_json
from datamodules.manifest.clip import VIDEO_SUFFIXES
from datamodules.scenes.plan import SceneRules, Short
from datamodules.scenes.shots import DetectorName
from datamodules.scenes.split import LEDGERS, SplitSettings, SplitVideo, split_video

logger = logging.getLogger(__name__)

_FOREIGN_SUFFIXES = (".avi", ".wmv", ".flv", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".3gp")
_RULES = SceneRules()
_CRF = 12


def scenes(
    source: Path,
    *,
    out: Path | None = None,
    min: float = _RULES.min,  # noqa: A002 - the option's name
    max: float = _RULES.max,  # noqa: A002
    detector: DetectorName = "adaptive",
    threshold: float | None = None,
    short: Short = _RULES.short,
    trim: int = _RULES.trim,
    crf: int = _CRF,
    force: bool = False,
    report: Path | None = None,
) -> int:
    """Split long videos at their shot cuts into `<name>_s001.mp4` and so on, exact to the frame, with their sound.

    The videos are only read. Scenes that are there already are not made again, so an interrupted run goes on. What was
    cut where, and what was left out, stands in `OUT/.scenes/<name>.json`.

    Args:
        source: A video, or a folder of videos.
        out: Folder for the scenes.
        min: Seconds of the shortest scene.
        max: Seconds of the longest; a longer shot is cut into equal parts, as few as can be. At least twice `min`.
        detector: How cuts are found: `adaptive` bears camera movement, `content` is simpler, `hash` and `histogram`
            bear flashes and grain, `threshold` finds fades to black.
        threshold: From which difference on there is a cut, in the detector's unit; None is its own: adaptive 3,
            content 27, hash 0.35, histogram 0.2, threshold 12.
        short: What becomes of a shot shorter than `min`: left out, or joined to the one before it.
        trim: Frames left out on each side of a cut, where two shots are often blended.
        crf: x264's rate factor; 12 cannot be told from the source, 0 is lossless for 8-bit video.
        force: Replace scenes that were made of another video or with other settings.
        report: Where to write what became of each video, as JSON.

    Returns:
        0, or 1 if a video could not be split.

    Raises:
        FileNotFoundError: If there is no such video or folder.
        ValueError: If an option does not fit, or the folder holds other files of these names.
    """
    if out is None:
        raise ValueError("`out` is missing: give `--out`, the folder for the scenes.")
    if not 0 <= crf <= 51:
        raise ValueError(f"`crf` is {crf}, but it goes from 0, lossless, to 51.")
    rules = SceneRules(min=min, max=max, short=short, trim=trim)
    settings = SplitSettings(rules=rules, detector=detector, threshold=threshold, crf=crf, force=force)
    videos = _videos(source, out)
    remove_leftovers(out)
    results = []
    for video, stem in videos:
        try:
            result = split_video(video, stem, settings)
        except KeyboardInterrupt:
            logger.warning("interrupted at %s; run it again to go on", video.name)
            raise
        results.append(result)
        _log(result)
    if report is not None:
        write_json(report, [_as_json(result) for result in results])
    return 0 if all(result.is_whole for result in results) else 1


def _videos(source: Path, out: Path) -> list[tuple[Path, Path]]:
    """Each video with the stem of its scenes."""
    suffixes = VIDEO_SUFFIXES + _FOREIGN_SUFFIXES
    if source.is_file():
        return [(source, out / source.stem)]
    if not source.is_dir():
        raise FileNotFoundError(
            f"`source` is {str(source)!r}, but there is nothing: give a video or a folder of videos."
        )
    if out.resolve() == source.resolve():
        raise ValueError(f"`out` is {str(out)!r}, the folder of the videos: give another, lest scenes be split again.")
    found = [
        file
        for file in sorted(source.rglob("*"))
        if file.suffix.lower() in suffixes and out.resolve() not in file.resolve().parents
    ]
    found = [file for file in found if not any(part.startswith(".") for part in file.relative_to(source).parts)]
    if not found:
        raise ValueError(f"`source` {str(source)!r} holds no video ({', '.join(suffixes)}).")
    stems: dict[Path, Path] = {}
    for file in found:
        stem = out / file.relative_to(source).with_suffix("")
        if stem in stems:
            raise ValueError(f"{stems[stem]} and {file} would give scenes of one name: rename one of them.")
        stems[stem] = file
    return [(file, stem) for stem, file in stems.items()]


def _log(result: SplitVideo) -> None:
    states = [state for _, state in result.scenes]
    for out in result.left_out:
        logger.info("%s: frames %d to %d left out: %s", result.source.name, out.first, out.end - 1, out.reason)
    logger.info(
        "%s: %d scenes made, %d up to date, %d shots left out",
        result.source.name,
        states.count("made"),
        states.count("up to date"),
        len(result.left_out),
    )
    if result.reason:
        logger.warning("%s: failed: %s", result.source.name, result.reason)
    elif not result.scenes:
        logger.warning("%s: no scene is long enough; lower `min`", result.source.name)


def _as_json(result: SplitVideo) -> dict[str, Any]:
    return {
        "source": str(result.source),
        "scenes": [{"file": str(file), "state": state} for file, state in result.scenes],
        "left_out": [
            {"first_frame": out.first, "frames": out.end - out.first, "reason": out.reason} for out in result.left_out
        ],
        "failed": result.reason,
        "details": [str(file.parent / LEDGERS) for file, _ in result.scenes[:1]],
    }
