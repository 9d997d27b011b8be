"""A whole examination: the dataset is listed, its files are read, and every check looks at them."""

import time
from collections.abc import Callable
from pathlib import Path

from datamodules.doctor.checks import CHECKS
from datamodules.doctor.doctor_report import DoctorReport
from datamodules.doctor.examination import Examination, examine
from datamodules.doctor.file_facts import FactsIndex
from datamodules.doctor.wanted import Wanted
from datamodules.manifest.scan import scan_dataset

INDEX_NAME = "doctor.json"
CACHE_NAME = ".ltx-cache"
"""Hidden folder of a dataset, that of its latents, in which the doctor remembers what it read."""

TOLD_BY_THE_PLAN = (
    *("too-short", "no-still-bucket", "length-off-grid", "upscaled", "cropped"),
    *("left-out", "not-used", "listed-oddly", "picture-altered", "exact-duplicate", "caption-missing"),
)
"""Codes of what the data report of `python -m ltx_module check` says already."""


def examine_dataset(
    dataset: Path, wanted: Wanted, *, cache: Path | None = None, on_progress: Callable[[], object] | None = None
) -> tuple[Examination, DoctorReport]:
    """Examine a dataset.

    Args:
        dataset: Folder or manifest.
        wanted: What it is for.
        cache: Directory in which results are remembered; None means `.ltx-cache` in the dataset's folder.
        on_progress: Called after each file.

    Returns:
        What was seen, for `--fix`, and the report.

    Raises:
        FileNotFoundError: If there is no dataset.
        ValueError: If it contradicts itself, or holds no clip.
    """
    begin = time.monotonic()
    manifest = scan_dataset(dataset, "DATASET")
    folder = dataset if dataset.is_dir() else dataset.parent
    index = FactsIndex((cache or folder / CACHE_NAME) / INDEX_NAME)
    examination = examine(manifest, wanted, index, on_progress=on_progress)
    findings = tuple(finding for check in CHECKS for finding in check(examination))
    clips = list(examination.readable)
    report = DoctorReport(
        dataset=str(dataset),
        findings=findings,
        clips=len(examination.clips),
        seconds=sum(clip.info.duration for clip in clips if clip.info is not None),
        with_sound=sum(clip.sound is not None for clip in clips),
        took=time.monotonic() - begin,
        num_read=index.num_read,
    )
    return examination, report
