"""Size: a clip is neither enlarged nor much cropped on its way into its bucket."""

from collections.abc import Iterator

from datamodules.doctor.diagnosis import Diagnosis
from datamodules.doctor.examination import Examination, ExaminedClip
from datamodules.geometry import Bucket
from datamodules.windows.buckets import assign_bucket, enlargement, kept_area, suggest_bucket

MOST_ENLARGEMENT = 1.1
"""Factor beyond which enlarging blurs visibly."""
SPOILT_ENLARGEMENT = 2.0
"""Factor beyond which an adapter learns the blur."""
LEAST_KEPT = 0.6
"""Share of the picture that has to be left after cropping."""
SMALLEST_SIDE = 64
"""Pixels of the shorter side below which nothing is to be learnt, where no buckets are known."""


def check_sizes(examination: Examination) -> Iterator[Diagnosis]:
    """`upscaled`, `cropped`, `too-small`."""
    wanted = examination.wanted
    pictures = [bucket for bucket in wanted.buckets if not bucket.is_sound]
    for clip in examination.seen:
        assert clip.info is not None
        size = f"{clip.info.width}x{clip.info.height}"
        bucket = assign_bucket(clip.info.width, clip.info.height, clip.info.frames_at(wanted.fps), pictures)
        if bucket is not None:
            yield from _check_bucket(clip, bucket, size)
        elif not pictures and min(clip.info.width, clip.info.height) < SMALLEST_SIDE:
            yield Diagnosis(
                code="too-small",
                severity="problem",
                name=clip.name,
                message=f"is {size}, less than {SMALLEST_SIDE} pixels on a side",
                fix="use a larger version of the clip",
            )


def _check_bucket(clip: ExaminedClip, bucket: Bucket, size: str) -> Iterator[Diagnosis]:
    assert clip.info is not None
    width, height = clip.info.width, clip.info.height
    factor, kept = enlargement(width, height, bucket), kept_area(width, height, bucket)
    if factor > MOST_ENLARGEMENT:
        yield Diagnosis(
            code="upscaled",
            severity="problem" if factor > SPOILT_ENLARGEMENT else "warning",
            name=clip.name,
            message=f"{size} is enlarged {factor:.2f} times for {bucket}",
            fix="use a larger version of the clip, or smaller buckets",
        )
    if kept < LEAST_KEPT:
        own = suggest_bucket(width, height, bucket.frames, ())
        yield Diagnosis(
            code="cropped",
            severity="warning",
            name=clip.name,
            message=f"{size} is cropped to {kept:.0%} of its picture for {bucket}; {own} would keep it",
            fix="add a bucket of its shape to `data.buckets`",
        )
