"""References and masks: each clip has its own, of its shape, as long as it, and at its rate."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from datamodules.doctor.diagnosis import Diagnosis
from datamodules.doctor.examination import Examination, ExaminedClip
from datamodules.doctor.file_facts import FileFacts

MOST_RATIO_ERROR = 0.02
"""Difference of aspect ratios from which on a reference or mask does not lie over its clip."""
MOST_FACTOR_ERROR = 0.02
"""Distance of a size ratio from a whole number, as a share of it, that is taken for rounding."""
MOST_RATE_ERROR = 0.01
"""Difference of frame rates, as a share, that is taken for rounding."""
_ROUNDING_SECONDS = 0.001  # times of stretches are remembered in milliseconds


def check_references(examination: Examination) -> Iterator[Diagnosis]:
    """Codes that begin with `reference-` and `mask-`."""
    needs, clips = examination.wanted.needs, examination.clips
    references = [examination.wanted.trained(clip.clip.references) for clip in clips]
    sounds = [examination.wanted.trained(clip.clip.reference_audio) for clip in clips]
    masks = [{""} if clip.clip.video_mask is not None else set() for clip in clips]
    sound_masks = [{""} if clip.clip.audio_mask is not None else set() for clip in clips]
    yield from _pairing(clips, "reference", references, is_needed=needs.video_reference)
    yield from _pairing(clips, "reference-audio", sounds, is_needed=needs.audio_reference)
    yield from _pairing(clips, "mask", masks, is_needed=needs.video_mask)
    yield from _pairing(clips, "mask-audio", sound_masks, is_needed=needs.audio_mask)
    for clip in clips:
        for signal, path in clip.clip.references.items():
            title = f"its {signal} reference" if signal else "its reference"
            yield from _overlay(clip, clip.companions[path], "reference", title, examination.wanted.fps)
            yield from _scale_and_rate(clip, clip.companions[path], title)
        if clip.clip.video_mask is not None:
            mask = clip.companions[clip.clip.video_mask]
            yield from _overlay(clip, mask, "mask", "its mask", examination.wanted.fps)
            yield from _empty(clip, mask, white_is_given=examination.wanted.white_is_given)
        yield from _sound_masks(clip)


def _pairing(
    clips: Sequence[ExaminedClip], code: str, having: Sequence[set[str]], *, is_needed: bool
) -> Iterator[Diagnosis]:
    """`...-missing`: a clip without what the recipe needs, or without a signal that others have."""
    signals = set[str]().union(*having)
    what = {"reference-audio": "reference sound", "mask-audio": "sound mask"}.get(code, code)
    for clip, own in zip(clips, having, strict=True):
        lacking = signals - own
        if not own and (is_needed or signals):
            others = sum(map(bool, having))
            because = "and the recipe needs one" if is_needed else f"but {others} of {len(clips)} clips have one"
            yield Diagnosis(
                code=f"{code}-missing",
                severity="problem" if is_needed else "warning",
                name=clip.name,
                message=f"has no {what}, {because}",
                fix=_REMEDIES[code],
            )
        elif lacking and own:
            yield Diagnosis(
                code=f"{code}-missing",
                severity="warning",
                name=clip.name,
                message=f"has no {what} of signal {', '.join(sorted(lacking)) or '(unnamed)'}, as others have",
                fix=_REMEDIES[code],
            )


_REMEDIES: Mapping[str, str] = {
    "reference": "make it with `python -m datamodules references`, or put it at references/SIGNAL/<the clip's path>",
    "reference-audio": "put it at references/<the clip's path>.wav",
    "mask": "put it at masks/<the clip's path>, as a video or a picture",
    "mask-audio": "put it at masks/<the clip's path>.wav, loud where sound is made anew",
}


def _overlay(clip: ExaminedClip, other: FileFacts, code: str, title: str, fps: float) -> Iterator[Diagnosis]:
    """`...-shape` and `...-short`."""
    if clip.info is None or other.info is None or not clip.info.has_video or not other.info.has_video:
        return
    own, given = clip.info.width / clip.info.height, other.info.width / other.info.height
    if abs(given / own - 1) > MOST_RATIO_ERROR:
        yield Diagnosis(
            code=f"{code}-shape",
            severity="problem",
            name=clip.name,
            message=f"{title} is {other.info.width}x{other.info.height}, of another aspect ratio than its "
            f"{clip.info.width}x{clip.info.height}",
            fix="make it from the clip itself, so that both show the same part of the picture",
        )
    frames, given_frames = clip.info.frames_at(fps), other.info.frames_at(fps)
    if other.info.frames > 1 and given_frames < frames - 1:
        yield Diagnosis(
            code=f"{code}-short",
            severity="problem",
            name=clip.name,
            message=f"{title} has {given_frames} frames at {fps:g} fps, but the clip {frames}",
            fix="make it as long as its clip: windows are cut from both alike",
        )


def _scale_and_rate(clip: ExaminedClip, other: FileFacts, title: str) -> Iterator[Diagnosis]:
    """`reference-size`, `reference-rate` and `reference-is-clip`."""
    if other.hash and other.hash == clip.file.hash:
        yield Diagnosis(
            code="reference-is-clip",
            severity="warning",
            name=clip.name,
            message=f"{title} has the same bytes as the clip",
            fix="give a reference that shows what is to be followed: from a copy, an adapter learns to copy",
        )
    if clip.info is None or other.info is None:
        return
    factor = clip.info.width / max(other.info.width, 1)
    is_same_shape = abs(factor * other.info.height / clip.info.height - 1) <= MOST_RATIO_ERROR
    if is_same_shape and factor > 1 + MOST_FACTOR_ERROR and not _is_whole(factor):
        yield Diagnosis(
            code="reference-size",
            severity="warning",
            name=clip.name,
            message=f"{title} is {factor:.2f} times smaller than the clip, which is no whole factor",
            fix="make it of the clip's size, or smaller by `data.reference_downscale_factor`",
        )
    if clip.info.fps > 0 and other.info.fps > 0 and not _is_whole(clip.info.fps / other.info.fps):
        yield Diagnosis(
            code="reference-rate",
            severity="warning",
            name=clip.name,
            message=f"{title} has {other.info.fps:.5g} fps, the clip {clip.info.fps:.5g}",
            fix="make it at the clip's rate, or slower by `data.reference_temporal_factor`, lest frames be repeated",
        )


def _is_whole(ratio: float) -> bool:
    return ratio >= 1 - MOST_RATE_ERROR and abs(ratio / round(ratio) - 1) <= MOST_RATE_ERROR


def _empty(clip: ExaminedClip, mask: FileFacts, *, white_is_given: bool) -> Iterator[Diagnosis]:
    """`mask-empty`: everything is given."""
    if mask.pictures is None or mask.info is None:
        return
    given, made = ("white", "black") if white_is_given else ("black", "white")
    spans = mask.pictures.white if white_is_given else mask.pictures.black
    other = "leave out `data.mask_white: keep`" if white_is_given else "set `data.mask_white: keep`"
    if spans and sum(end - begin for begin, end in spans) >= mask.pictures.seconds - _ROUNDING_SECONDS * len(spans):
        yield Diagnosis(
            code="mask-empty",
            severity="warning",
            name=clip.name,
            message=f"its mask is {given} all over: nothing is made anew",
            fix=f"paint {made} what is made anew, or {other} if {given} is",
        )


def _sound_masks(clip: ExaminedClip) -> Iterator[Diagnosis]:
    """`mask-audio-short`."""
    mask = clip.clip.audio_mask
    if mask is None or clip.sound is None:
        return
    length = clip.sound.begin + clip.sound.seconds
    if isinstance(mask, Path):
        sound = clip.companions[mask].sound
        message = None
        if sound is not None and length - sound.seconds > 1 / 25:  # an audio latent
            message = f"its sound mask lasts {sound.seconds:.2f} s, its sound {length:.2f} s"
    else:
        beyond = max((end for _, end in mask), default=0.0)
        message = (
            f"its sound mask names {beyond:g} s, but its sound ends at {length:.2f} s" if beyond > length else None
        )
    if message is not None:
        yield Diagnosis(
            code="mask-audio-short",
            severity="problem",
            name=clip.name,
            message=message,
            fix="make the mask as long as the sound",
        )
