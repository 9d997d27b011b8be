"""Which stretches of which clips are trained: one or several windows per clip, each as long as its bucket.

`head` takes the first window. `uniform` takes up to `max_windows`, spread evenly from the first frame to the last, as
many as fit without overlap. `all` takes every window back to back; it is not bounded, and the rest at the end that
does not fill a window is left out.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datamodules.geometry import Bucket
from datamodules.manifest.clip import Clip, Finding
from datamodules.manifest.mirroring import MIRRORED
from datamodules.media.probe import MediaInfo, describe_rate
from datamodules.windows.buckets import assign_bucket, enlargement, kept_area, suggest_bucket

WindowRule = Literal["head", "uniform", "all"]

_NOTICEABLE_ENLARGEMENT = 1.02
_NOTICEABLE_CROP = 0.6


@dataclass(frozen=True, kw_only=True)
class ClipWindow:
    """One stretch of a clip, which becomes one item of training."""

    clip: Clip
    """The clip; its kind is `image` if the file holds a single frame, whatever its name says."""
    bucket: Bucket
    """The shape it is cut to."""
    start: float
    """Seconds from the first frame, a multiple of a frame at the recipe's rate."""
    has_audio: bool
    """Whether there is sound to train on."""
    media_hash: str
    """Hash of the video's or still's bytes."""
    audio_hash: str | None
    """Hash of the bytes of the sound that replaces the video's track."""
    mirrored: bool = False
    """Whether it is shown with left and right exchanged, and whatever belongs to it too."""

    @property
    def name(self) -> str:
        """The clip's label, for videos and sounds with the start: `clip.mp4@1.25s`, or `clip.mp4+other.wav@1.25s`."""
        return self.original + (MIRRORED if self.mirrored else "")

    @property
    def original(self) -> str:
        """The name, whether it is shown mirrored or not."""
        return self.clip.label if self.bucket.is_still else f"{self.clip.label}@{self.start:.2f}s"


def plan_windows(
    clips: Sequence[Clip],
    infos: Sequence[MediaInfo],
    buckets: Sequence[Bucket],
    fps: float,
    *,
    hashes: Mapping[Path, str],
    windows: WindowRule = "head",
    max_windows: int = 4,
    requires_sound: bool = False,
) -> tuple[tuple[ClipWindow, ...], tuple[Finding, ...]]:
    """Cut clips into windows.

    Args:
        clips: The clips to use.
        infos: What is in each clip, from `clip_info`.
        buckets: The recipe's shapes.
        fps: Frames per second of training.
        hashes: Content hash of each file of the clips, by path.
        windows: How many windows a clip longer than its bucket gives.
        max_windows: Windows per clip at most, for `uniform`.
        requires_sound: Whether clips without sound are left out.

    Returns:
        The windows in the order of the clips, and what there is to say about the clips.
    """
    planned: list[ClipWindow] = []
    findings: list[Finding] = []
    for clip, info in zip(clips, infos, strict=True):
        available = info.frames_at(fps)
        if clip.kind == "sound" or (requires_sound and (available == 1 or not info.has_audio)):
            findings.append(_untrained(clip, info))
            continue
        if available == 1 and clip.kind == "video":
            clip, finding = _as_still(clip, info)
            findings.append(finding)
        bucket = assign_bucket(info.width, info.height, available, buckets)
        if bucket is None:
            findings.append(_misfit(clip, info, available, fps, buckets))
            continue
        findings += _remarks(clip, info, bucket, fps)
        window = ClipWindow(
            clip=clip,
            bucket=bucket,
            start=0.0,
            has_audio=clip.kind == "video" and info.has_audio,
            media_hash=hashes[clip.media],
            audio_hash=hashes[clip.audio] if clip.audio else None,
        )
        starts = window_starts(available, bucket.frames, windows, max_windows)
        own = [dataclasses.replace(window, start=start / fps) for start in starts]
        if window.has_audio:
            own, found = _with_sound_where_it_is(own, info, requires_sound=requires_sound)
            findings += found
        planned += own
    return tuple(planned), tuple(findings)


def window_starts(available: int, frames: int, windows: WindowRule, max_windows: int) -> list[int]:
    """First frames of the windows of a clip.

    Args:
        available: Frames of the clip, at least `frames`.
        frames: Frames of a window.
        windows: The rule.
        max_windows: Windows at most, for `uniform`.
    """
    fitting = available // frames
    if windows == "head":
        return [0]
    if windows == "all":
        return [frames * index for index in range(fitting)]
    count, room = min(fitting, max_windows), available - frames
    if count == 1:
        return [room // 2]
    return [room * index // (count - 1) for index in range(count)]


def _with_sound_where_it_is(
    windows: Sequence[ClipWindow], info: MediaInfo, *, requires_sound: bool
) -> tuple[list[ClipWindow], list[Finding]]:
    """The windows of a clip, of which those that begin after its sound has ended have none, or are left out."""
    heard = [window for window in windows if window.start < info.sound_duration]
    silent = [dataclasses.replace(window, has_audio=False) for window in windows[len(heard) :]]
    if not silent:
        return heard, []
    reason = f"its sound ends at {info.sound_duration:.2f} s, before {len(silent)} of its {len(windows)} windows begin"
    reason += ", which are left out" if requires_sound else ", which train the video stream alone"
    is_dropped = requires_sound and not heard
    finding = Finding(
        name=windows[0].clip.name,
        action="dropped" if is_dropped else "noted",
        reason=reason,
        fix="give it a longer sound" if is_dropped else "",
    )
    return heard if requires_sound else [*heard, *silent], [finding]


def _as_still(clip: Clip, info: MediaInfo) -> tuple[Clip, Finding]:
    reason = "is a video of one frame, trained as a still"
    if info.has_audio:
        reason += " without its sound"
    still = dataclasses.replace(clip, kind="image", audio=None)
    return still, Finding(name=clip.name, action="noted", reason=reason, fix="")


def _untrained(clip: Clip, info: MediaInfo) -> Finding:
    """Why a clip without picture, or without sound, is nothing for the recipe."""
    if clip.kind == "sound":
        reason = "a sound without a video, which only `model.streams: audio` trains"
        fix = "put its video beside it, with the same stem"
    else:
        reason, fix = "has no sound, which this recipe takes from every clip", "put a .wav of the same stem beside it"
        if info.frames == 1:
            reason, fix = "is a still, but this recipe takes sound from every clip", "remove it"
    return Finding(name=clip.name, action="dropped", reason=reason, fix=fix)


def _misfit(clip: Clip, info: MediaInfo, available: int, fps: float, buckets: Sequence[Bucket]) -> Finding:
    """Why no bucket takes a clip, and the one to add."""
    suggestion = suggest_bucket(info.width, info.height, available, buckets)
    fix = f"add {suggestion} to `data.buckets`"
    lengths = [bucket.frames for bucket in buckets if not bucket.is_still]
    if available == 1:
        reason = "is a still, and there is no bucket for stills"
    elif not lengths:
        reason = "is a video, and all buckets are for stills"
    else:
        reason = f"has {available} frames at {fps:g} fps, fewer than the {min(lengths)} of the shortest bucket"
        if suggestion.is_still:
            fix = "use a longer clip: it is too short for any bucket"
    return Finding(name=clip.name, action="dropped", reason=reason, fix=fix)


def _remarks(clip: Clip, info: MediaInfo, bucket: Bucket, fps: float) -> Iterator[Finding]:
    """What happens to picture and sound on their way into the bucket."""
    yield from (Finding(name=clip.name, action="noted", reason=note, fix="") for note in info.notes)
    if clip.audio is not None:
        yield Finding(name=clip.name, action="noted", reason=f"its sound is that of {clip.audio.name}", fix="")
    size = f"{info.width}x{info.height}"
    if clip.kind == "video" and (info.variable_fps or abs(info.fps / fps - 1) > 1e-4):
        yield Finding(
            name=clip.name, action="noted", reason=f"{describe_rate(info)} is resampled to {fps:g} fps", fix=""
        )
    own = suggest_bucket(info.width, info.height, bucket.frames, ())
    kept = kept_area(info.width, info.height, bucket)
    if kept < _NOTICEABLE_CROP:
        reason = f"{size} is cropped to {kept:.0%} of its picture for {bucket}"
        yield Finding(name=clip.name, action="warned", reason=reason, fix=f"add a bucket of its shape, such as {own}")
    factor = enlargement(info.width, info.height, bucket)
    if factor > _NOTICEABLE_ENLARGEMENT:
        reason = f"{size} is enlarged {factor:.2g} times for {bucket}"
        yield Finding(name=clip.name, action="noted", reason=reason, fix=f"a bucket such as {own} would not enlarge it")
