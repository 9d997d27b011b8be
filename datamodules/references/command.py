"""`python -m datamodules references`: reference videos for every clip of a dataset."""

import logging
from dataclasses import asdict
from pathlib import Path

from datamodules.atomic import remove_leftovers, write_json
from datamodules.manifest.companions import REFERENCES
from datamodules.progress import progress
from datamodules.references.depth import DepthOptions, open_depth
from datamodules.references.drawn import Blur, Canny, Downscale
from datamodules.references.jobs import list_jobs
from datamodules.references.make import recipe_of
from datamodules.references.manifest_column import check_output, write_with_column
from datamodules.references.pose import PoseOptions, open_pose
from datamodules.references.run import Outcome, run_jobs, summary
from datamodules.references.signal import Signal, SignalName

logger = logging.getLogger(__name__)

_INTERRUPTED = 130  # as a shell reports Ctrl-C
_CRF = 8

_CANNY, _BLUR, _DOWNSCALE, _DEPTH, _POSE = Canny(), Blur(), Downscale(), DepthOptions(), PoseOptions()


def references(
    dataset: Path,
    *,
    signal: SignalName = "canny",
    canny: Canny = _CANNY,
    blur: Blur = _BLUR,
    downscale: Downscale = _DOWNSCALE,
    model: Path | None = None,
    detector: Path | None = None,
    depth: DepthOptions = _DEPTH,
    pose: PoseOptions = _POSE,
    batch_size: int = 8,
    device: str = "auto",
    short_side: int | None = None,
    only: str | None = None,
    force: bool = False,
    crf: int = _CRF,
    write_manifest: Path | None = None,
    report: Path | None = None,
) -> int:
    """Make reference videos for every clip of a dataset, in `references/<signal>` beside its clips.

    A reference has the size, timestamps and length of its clip and no sound; a still's is a PNG. What is there and up
    to date is left alone, and so is any file that this tool did not make: run it again after new clips, new settings or
    an interruption.

    Args:
        dataset: Folder of clips, or a .csv, .json or .jsonl manifest.
        signal: What the references show.
        canny: How edges are found.
        blur: How much detail is taken away.
        downscale: How much resolution is taken away.
        model: Local transformers directory of the model that depth and pose need: Depth Anything V2 or any other depth
            model; ViTPose.
        detector: Local transformers directory of a detector that finds the persons for pose, such as RT-DETR; without
            one the whole picture is taken for one person.
        depth: How depth is drawn; near is white, and the nearest and farthest point are those of the whole clip.
        pose: Which skeletons are drawn.
        batch_size: Frames that go through a model at once.
        device: Where a model runs, such as `cuda`; `auto` takes the GPU if there is one.
        short_side: Pixels, even, that the shorter side is scaled down to before the signal is made; lines one pixel
            wide fade where a large clip is trained at a smaller size, so give that size. None keeps the clip's.
        only: Pattern of the names of the clips to make references for, such as `dance/*.mp4`.
        force: Make those anew that are up to date.
        crf: x264's rate factor; 8 costs edges nothing (56 dB), 0 is lossless.
        write_manifest: Where to write a copy of the manifest with the column `reference_video_<signal>`.
        report: Where to write what became of each clip, as JSON.

    Returns:
        0, or 1 if a reference could not be made.

    Raises:
        FileNotFoundError: If the dataset or a model is not there.
        ValueError: If the dataset has no clips, or an option does not fit.
    """
    if short_side is not None and (short_side < 2 or short_side % 2):
        raise ValueError(f"`short_side` is {short_side}, but H.264 needs even sides: give a multiple of 32.")
    if not 0 <= crf <= 51:
        raise ValueError(f"`crf` is {crf}, but it goes from 0, lossless, to 51.")
    if write_manifest is not None:
        check_output(dataset, write_manifest)
    if batch_size < 1:
        raise ValueError(f"`batch_size` is {batch_size}, but a batch has 1 frame or more.")
    drawn: dict[str, Signal] = {"canny": canny, "blur": blur, "downscale": downscale}
    if signal in drawn:
        maker = drawn[signal]
        if model or detector:
            raise ValueError(
                f"`model` and `detector` are for depth and pose, but `signal` is {signal}: leave them out."
            )
    elif signal == "depth":
        if detector:
            raise ValueError("`detector` finds persons for pose, but `signal` is depth: leave it out.")
        maker = open_depth(model, depth, batch_size=batch_size, device=device)
    else:
        maker = open_pose(model, detector, pose, batch_size=batch_size, device=device)
    jobs = list_jobs(dataset, signal, only)
    folder = (dataset if dataset.is_dir() else dataset.parent) / REFERENCES
    remove_leftovers(folder)
    outcomes: list[Outcome] = []
    interrupted = False
    try:
        with progress(f"{signal} references", len(jobs), "clip", shown=True) as bar:
            for outcome in run_jobs(jobs, maker, recipe_of(signal, maker, crf=crf, short_side=short_side), force=force):
                outcomes.append(outcome)
                level = logging.WARNING if outcome.state in ("failed", "kept") else logging.INFO
                logger.log(level, "%s", outcome)
                bar.update()
    except KeyboardInterrupt:
        interrupted = True
    _conclude(outcomes, len(jobs), folder / signal, report)
    if write_manifest is not None:
        made = {job.source: job.target for job in jobs if job.target.exists()}
        write_with_column(dataset, write_manifest, signal, made)
        logger.info("%s: its column reference_video_%s names %d references", write_manifest, signal, len(made))
    if interrupted:
        return _INTERRUPTED
    return 1 if any(outcome.state == "failed" for outcome in outcomes) else 0


def _conclude(outcomes: list[Outcome], total: int, folder: Path, report: Path | None) -> None:
    if len(outcomes) < total:
        logger.warning("interrupted: %d clips are left; run it again to go on", total - len(outcomes))
    logger.info("%s: %s", folder, summary(outcomes) or "nothing done")
    if report is not None:
        clips = [{**asdict(outcome), "target": str(outcome.target)} for outcome in outcomes]
        write_json(report, {"folder": str(folder), "left": total - len(outcomes), "clips": clips})
