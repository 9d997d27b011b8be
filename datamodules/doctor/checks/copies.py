"""Copies: a clip that is there twice counts twice, and its captions contradict each other."""

from collections.abc import Iterator

from datamodules.doctor.diagnosis import Diagnosis
from datamodules.doctor.examination import Examination, ExaminedClip
from datamodules.doctor.signature import SAME_SHARE, decode_signature, likely_pairs, same_share


def check_copies(examination: Examination) -> Iterator[Diagnosis]:
    """`exact-duplicate`, `near-duplicate`."""
    first: dict[tuple[str, str], ExaminedClip] = {}
    originals = []
    for clip in examination.readable:
        original = first.setdefault(content_key(clip), clip)
        if original is clip:
            originals.append(clip)
            continue
        yield Diagnosis(
            code="exact-duplicate",
            severity="warning",
            name=clip.name,
            message=f"has the same bytes as {original.name}",
            fix="delete all but one of them; training keeps the first alone",
            can_fix=True,
        )
    yield from _near(originals)


def content_key(clip: ExaminedClip) -> tuple[str, str]:
    """What two clips with equal bytes share: hashes of the media file, and of the sound beside it."""
    return clip.file.hash, "" if clip.audio is None else clip.audio.hash


def _near(clips: list[ExaminedClip]) -> Iterator[Diagnosis]:
    signatures = [decode_signature(clip.pictures.signature if clip.pictures else "") for clip in clips]
    told = set()
    for first, later in likely_pairs(signatures):
        clip, other = clips[later], clips[first]
        if clip.name in told or other.is_video != clip.is_video or other.file.hash == clip.file.hash:
            continue  # one video with another sound is another clip
        share = same_share(signatures[later], signatures[first])
        if share >= SAME_SHARE:
            told.add(clip.name)
            yield Diagnosis(
                code="near-duplicate",
                severity="warning",
                name=clip.name,
                message=f"{share:.0%} of its pictures are those of {other.name}",
                fix="keep the better of them, or give both fewer repeats",
            )
