"""Which references a dataset is to have, and where each of them lies."""

import logging
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from datamodules.manifest.clip import Clip
from datamodules.manifest.companions import REFERENCES
from datamodules.manifest.scan import scan_dataset

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A reference to make."""

    name: str
    """The clip's, relative to the dataset."""
    source: Path
    """The clip's video or still."""
    target: Path
    """Where its reference lies."""


def list_jobs(dataset: Path, signal: str, only: str | None = None) -> tuple[Job, ...]:
    """The references of a dataset's clips, in their order.

    Args:
        dataset: A folder or a manifest, beside which the references lie.
        signal: Such as `canny`, the folder's name.
        only: Pattern of the clips' names, such as `dance/*.mp4`; None is all.

    Raises:
        FileNotFoundError: If there is no dataset.
        ValueError: If it has no clips with a picture, or none of the pattern.
    """
    manifest = scan_dataset(dataset, key="dataset")
    for finding in manifest.findings:
        if finding.action == "dropped":
            logger.warning("%s", finding)
    root = dataset if dataset.is_dir() else dataset.parent
    clips = {clip.media: clip for clip in manifest.clips if clip.kind in ("video", "image")}
    if not clips:
        raise ValueError(f"`dataset` {str(dataset)!r} has sound alone: only a picture has a reference video.")
    jobs: dict[Path, Job] = {}
    for media, clip in clips.items():  # of all clips, lest a pattern change where they lie
        target = _target(root / REFERENCES / signal, clip)
        if target.with_suffix("") in jobs:  # rows may name files of one stem; a folder's clips do not share one
            target = target.with_name(media.name + target.suffix)
        jobs[target.with_suffix("")] = Job(name=clip.name, source=media, target=target)
    chosen = tuple(job for job in jobs.values() if only is None or fnmatch(job.name, only))
    if not chosen:
        raise ValueError(
            f"`only` is {only!r}, but no clip is called so; the first is {next(iter(jobs.values())).name!r}."
        )
    return chosen


def _target(folder: Path, clip: Clip) -> Path:
    """`<folder>/<path of the clip>`; clips outside the dataset lie in it by their name."""
    name = Path(clip.name)
    inside = Path(name.name) if name.is_absolute() or ".." in name.parts else name
    return (folder / inside).with_suffix(".mp4" if clip.kind == "video" else ".png")
