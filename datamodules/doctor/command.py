"""`python -m datamodules doctor DATASET`: what is wrong with a dataset, before any GPU time is spent."""

import logging
import re
import sys
from pathlib import Path

from datamodules.doctor.visit import examine_dataset
from datamodules.doctor.wanted import wanted_by

logger = logging.getLogger(__name__)


def doctor(
    dataset: Path,
    *,
    recipe: str | None = None,
    trigger: str | None = None,
    buckets: str | None = None,
    fps: float | None = None,
    json: Path | None = None,
    fix: Path | None = None,
    cache: Path | None = None,
) -> int:
    """Find what is wrong with a dataset before any GPU time is spent on it, and say how to mend it.

    Looks for files that cannot be read, are too short, too small or of variable rate; shot cuts, black bars, black and
    frozen clips, copies; sound that is missing, silent, clipped, too low, too loud or out of step; captions that are
    missing, too short, too long or say nothing; references and masks that do not fit; and too few clips.

    Exit code: 0 if there is nothing but notes, 1 if there is a problem or a warning, 2 for bad input.

    Args:
        dataset: Folder of videos and stills with captions beside them, or a .csv, .json or .jsonl manifest.
        recipe: What the dataset is for: style, character, motion, audio_video, ic, or a recipe's .yaml file, from
            which trigger, buckets and rate are taken.
        trigger: The word for what is learnt, in place of the recipe's.
        buckets: Training shapes such as 960x544x49,960x544x1, in place of the recipe's.
        fps: Frames per second of training, in place of the recipe's; 24 without one.
        json: File for the findings as JSON.
        fix: New directory for a copy of the dataset in which what can be mended safely is mended.
        cache: Directory in which results are remembered; null means .ltx-cache in the dataset's folder.

    Raises:
        FileNotFoundError: If there is no dataset or recipe.
        ValueError: If an option or the dataset is not what it should be, or `fix` names a directory with content.
    """
    wanted = wanted_by(recipe, dataset, trigger=trigger, buckets=_shapes(buckets), fps=fps)
    if fix is not None:
        from datamodules.doctor.fixes.copy import require_free

        require_free(fix, dataset)
    examination, report = examine_dataset(dataset, wanted, cache=cache)
    sys.stdout.write(report.text("--fix DIRECTORY" if fix is None else "") + "\n")
    if json is not None:
        report.write(json)
    if fix is not None:
        from datamodules.doctor.fixes.copy import mended_copy

        done = mended_copy(dataset, examination, fix)
        sys.stdout.write("\n".join([f"{fix}: a copy of {dataset} in which", *(f"    {line}" for line in done)]) + "\n")
    return 1 if report.count("problem") or report.count("warning") else 0


def _shapes(text: str | None) -> list[str] | None:
    """The shapes of a list, with or without brackets."""
    return None if text is None else [shape for shape in re.split(r"[\s,;\[\]'\"]+", text) if shape]
