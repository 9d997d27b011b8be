"""Frame rate: constant, and not so low that frames have to be shown twice."""

from collections.abc import Iterator

from datamodules.doctor.diagnosis import Diagnosis
from datamodules.doctor.examination import Examination

LOWEST_SHARE = 0.8
"""Share of the rate of training below which so many frames are repeated that motion stutters."""


def check_rates(examination: Examination) -> Iterator[Diagnosis]:
    """`variable-rate`, `low-rate`."""
    fps = examination.wanted.fps
    for clip in examination.seen:
        if clip.info is None or not clip.is_video:
            continue
        if clip.info.variable_fps:
            yield Diagnosis(
                code="variable-rate",
                severity="warning",
                name=clip.name,
                message=f"its frames last differently long ({clip.info.fps:.3g} fps on average)",
                fix="export it at a constant rate; it is read by its timestamps, so sound stays in step meanwhile",
                can_fix=clip.can_be_written_again,
            )
        if clip.info.fps < LOWEST_SHARE * fps:
            yield Diagnosis(
                code="low-rate",
                severity="warning",
                name=clip.name,
                message=f"{clip.info.fps:.3g} fps: at {fps:g}, {1 - clip.info.fps / fps:.0%} of the frames are repeats",
                fix="use a version at the rate of training, or train at a lower `data.fps`",
            )
