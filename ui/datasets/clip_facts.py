"""What is inside a clip in words, and the bucket that it would be trained in."""

from typing import TYPE_CHECKING

from datamodules.doctor.diagnosis import Diagnosis
from datamodules.geometry import Bucket
from datamodules.windows.buckets import assign_bucket, enlargement, kept_area
from ui.datasets.purpose import Purpose

if TYPE_CHECKING:
    from datamodules.media.probe import MediaInfo

_NOTED_ENLARGEMENT = 1.05
_NOTED_CROP = 0.75


def bucket_of(info: "MediaInfo", purpose: Purpose) -> Bucket | None:
    """The bucket that a clip falls into; None if it is too short or of another kind."""
    if not info.has_video:
        fitting = [bucket for bucket in purpose.buckets if bucket.is_sound and bucket.seconds <= info.duration]
        return max(fitting, key=lambda bucket: bucket.seconds, default=None)
    shapes = [bucket for bucket in purpose.buckets if not bucket.is_sound]
    if not (info.width and info.height):
        return None
    return assign_bucket(info.width, info.height, max(info.frames_at(purpose.fps), 1), shapes)


def facts_in_words(info: "MediaInfo") -> list[str]:
    """Length, rate, size and sound, as they are shown below a clip."""
    words = []
    if info.duration:
        words.append(f"{info.duration:.1f} s")
    if info.fps:
        words.append(f"{info.fps:.3g} fps" + (", variable" if info.variable_fps else ""))
    if info.has_video:
        words.append(f"{info.width} x {info.height}")
    if info.frames == 1:
        words.append("still")
    elif info.has_video:
        words.append("sound" if info.has_audio else "no sound")
    return words


def bucket_in_words(info: "MediaInfo", purpose: Purpose) -> tuple[str, str]:
    """The bucket as it is shown, and what happens to the clip in it; empty if there is nothing to say."""
    bucket = bucket_of(info, purpose)
    if bucket is None:
        return "", _without_bucket(info, purpose)
    if bucket.is_sound:
        return str(bucket), ""
    notes = []
    if (factor := enlargement(info.width, info.height, bucket)) > _NOTED_ENLARGEMENT:
        notes.append(f"enlarged {factor:.1f} times")
    if (kept := kept_area(info.width, info.height, bucket)) < _NOTED_CROP:
        notes.append(f"{1 - kept:.0%} of the picture cropped")
    return str(bucket), ", ".join(notes)


def _without_bucket(info: "MediaInfo", purpose: Purpose) -> str:
    if not purpose.buckets:
        return ""
    if not info.has_video:
        return "no bucket takes a sound of this length"
    if info.frames <= 1:
        return "no bucket takes stills"
    frames = [bucket.frames for bucket in purpose.buckets if bucket.frames > 1]
    if not frames:
        return "no bucket takes videos"
    return f"too short: {info.frames_at(purpose.fps)} frames, the shortest bucket takes {min(frames)}"


def unreadable(name: str, problem: str) -> Diagnosis:
    """The finding for a file that cannot be read."""
    fix = "replace the file, or remove it"
    return Diagnosis(code="unreadable", severity="problem", name=name, message=problem, fix=fix)
