"""Every check of the doctor, in the order in which their findings are told."""

from collections.abc import Callable, Iterator

from datamodules.doctor.checks.captions import check_captions
from datamodules.doctor.checks.copies import check_copies
from datamodules.doctor.checks.counts import check_counts
from datamodules.doctor.checks.files import check_files
from datamodules.doctor.checks.lengths import check_lengths
from datamodules.doctor.checks.pictures import check_pictures
from datamodules.doctor.checks.rates import check_rates
from datamodules.doctor.checks.references import check_references
from datamodules.doctor.checks.sizes import check_sizes
from datamodules.doctor.checks.sounds import check_sounds
from datamodules.doctor.checks.subjects import check_subjects
from datamodules.doctor.diagnosis import Diagnosis
from datamodules.doctor.examination import Examination

Check = Callable[[Examination], Iterator[Diagnosis]]
"""Looks at an examined dataset for one kind of fault; its docstring names the codes."""

CHECKS: tuple[Check, ...] = (
    check_files,
    check_lengths,
    check_sizes,
    check_rates,
    check_pictures,
    check_copies,
    check_sounds,
    check_captions,
    check_subjects,
    check_references,
    check_counts,
)

__all__ = ["CHECKS", "Check"]
