"""Length: enough frames for a bucket at the rate of training, and few left over by the rule of 8k + 1."""

from collections.abc import Iterator

from datamodules.doctor.diagnosis import Diagnosis
from datamodules.doctor.examination import Examination, ExaminedClip
from datamodules.geometry import nearest_frames
from datamodules.windows.buckets import assign_bucket

SHORTEST_VIDEO = 9
"""Frames of the shortest clip in which something can move: two latent frames."""
UNUSED_SHARE = 0.5
"""Share of a clip that is left out by `windows: head` from which on it is worth a note."""


def check_lengths(examination: Examination) -> Iterator[Diagnosis]:
    """`too-short`, `no-still-bucket`, `length-off-grid`, `mostly-unused`."""
    for clip in examination.readable:
        if clip.clip.kind != "sound" and examination.wanted.needs.streams != "audio":
            yield from _check_picture(clip, examination)
        else:
            yield from _check_sound(clip, examination)


def _check_picture(clip: ExaminedClip, examination: Examination) -> Iterator[Diagnosis]:
    wanted = examination.wanted
    assert clip.info is not None
    frames = clip.info.frames_at(wanted.fps)
    pictures = [bucket for bucket in wanted.buckets if not bucket.is_sound]
    if frames == 1:
        if pictures and not any(bucket.is_still for bucket in pictures):
            fix = "add a bucket for stills, such as 960x544x1, to `data.buckets`, or take the stills out"
            message = "is a still, and there is no bucket for stills"
            yield Diagnosis(code="no-still-bucket", severity="problem", name=clip.name, message=message, fix=fix)
        return
    lengths = [bucket.frames for bucket in pictures if not bucket.is_still]
    shortest = min(lengths, default=SHORTEST_VIDEO)
    if frames < shortest or (pictures and not lengths):
        least = (
            "all buckets are for stills" if pictures and not lengths else f"fewer than the shortest bucket's {shortest}"
        )
        if not pictures:
            least = f"fewer than the {shortest} in which something can move"
        yield Diagnosis(
            code="too-short",
            severity="problem",
            name=clip.name,
            message=f"has {frames} frames at {wanted.fps:g} fps ({clip.info.duration:.2f} s), {least}",
            fix="use a longer clip, or add a shorter bucket (8k + 1 frames) to `data.buckets`",
        )
        return
    bucket = assign_bucket(clip.info.width, clip.info.height, frames, pictures)
    legal, more = nearest_frames(frames)
    used = legal if bucket is None else bucket.frames
    if used == legal and frames != legal:
        yield Diagnosis(
            code="length-off-grid",
            severity="note",
            name=clip.name,
            message=f"has {frames} frames at {wanted.fps:g} fps: {legal} (8k + 1) are used; {more} would be, too",
            fix="nothing is to be done; the rest at the end is left out",
        )
    elif wanted.takes_head and used < (1 - UNUSED_SHARE) * frames:
        yield Diagnosis(
            code="mostly-unused",
            severity="note",
            name=clip.name,
            message=f"{used} of its {frames} frames at {wanted.fps:g} fps are trained in {bucket}",
            fix="set `data.windows: uniform` to train several windows of long clips, or add a longer bucket",
        )


def _check_sound(clip: ExaminedClip, examination: Examination) -> Iterator[Diagnosis]:
    lengths = [bucket.seconds for bucket in examination.wanted.buckets if bucket.is_sound]
    if clip.sound is None or not lengths or clip.sound.seconds >= min(lengths):
        return
    yield Diagnosis(
        code="too-short",
        severity="problem",
        name=clip.name,
        message=f"lasts {clip.sound.seconds:.2f} s, less than the shortest bucket's {min(lengths):g} s",
        fix="use a longer clip, or add a shorter bucket to `data.buckets`",
    )
