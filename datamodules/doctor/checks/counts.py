"""Counts: as many clips as the kind of recipe needs."""

from collections.abc import Iterator

from datamodules.doctor.diagnosis import Diagnosis
from datamodules.doctor.examination import Examination
from datamodules.doctor.kinds import COUNTS, OVERFIT_BELOW


def check_counts(examination: Examination) -> Iterator[Diagnosis]:
    """`overfit-risk`, `few-clips`, `many-clips`."""
    kind = examination.wanted.kind
    counts = None if kind is None else COUNTS[kind]
    unit = "clips" if counts is None else counts.unit
    training = [clip for clip in examination.readable if clip.clip.split == "train"]
    if examination.wanted.needs.streams != "audio" and any(clip.pictures for clip in training):
        training = [clip for clip in training if clip.pictures is not None]
    if kind == "ic":
        training = [clip for clip in training if clip.clip.references or clip.clip.reference_audio]
    number = len(training)
    usual = "" if counts is None else f"; {kind} takes {counts.fewest} to {counts.most}, for {counts.reason}"
    if number < OVERFIT_BELOW:
        yield Diagnosis(
            code="overfit-risk",
            severity="warning",
            message=f"{number} {unit} to train on: fewer than {OVERFIT_BELOW} are learnt by heart{usual}",
            fix="add clips, or train briefly at a low rate and keep an early LoRA",
        )
    elif counts is not None and number < counts.fewest:
        yield Diagnosis(
            code="few-clips",
            severity="warning",
            message=f"{number} {unit} to train on{usual}",
            fix="add varied clips",
        )
    elif counts is not None and number > counts.most:
        yield Diagnosis(
            code="many-clips",
            severity="note",
            message=f"{number} {unit} to train on{usual}",
            fix="more than usual do no harm if all are good and varied; allow more steps",
        )
