"""Pictures: one shot a clip, no bars, something to see, and something that moves."""

import re
from collections.abc import Iterator

from datamodules.doctor.bars import Bars
from datamodules.doctor.diagnosis import Diagnosis
from datamodules.doctor.examination import Examination, ExaminedClip
from datamodules.doctor.pictures import PictureFacts

BLACK_SHARE = 0.9
"""Share of black frames from which on a clip shows nothing."""
BLACK_SECONDS = 0.2
"""Length of a black stretch that is worth a warning."""
BLACK_EDGE_SECONDS = 0.1
"""Distance from a black stretch within which a cut is its beginning or end."""
FROZEN_SHARE = 0.9
"""Share of a clip without motion from which on it is a still."""
FROZEN_PART_SHARE, FROZEN_PART_SECONDS = 0.4, 1.0
"""A stretch without motion within a clip that moves is told if it is as long as both of these."""

_CUTS_SHOWN = 5
_SAID_STILL = re.compile(r"\b(still|static|motionless|frozen|freeze|unmoving|does not move|not moving)\b", re.I)


def check_pictures(examination: Examination) -> Iterator[Diagnosis]:
    """`shot-cut`, `black-bars`, `black-clip`, `black-frames`, `frozen-clip`, `frozen-part`."""
    for clip in examination.seen:
        assert clip.pictures is not None
        yield from _bars(clip, clip.pictures.bars)
        if _is_black(clip):
            yield Diagnosis(
                code="black-clip",
                severity="problem",
                name=clip.name,
                message="shows nothing but black",
                fix="remove it, or export it again",
            )
        elif clip.is_video:
            yield from _cuts(clip, clip.pictures)
            yield from _black_stretches(clip)
            yield from _frozen(clip, decides=examination.wanted.needs.video_mask or bool(clip.clip.references))


def _is_black(clip: ExaminedClip) -> bool:
    assert clip.pictures is not None
    black = sum(end - begin for begin, end in clip.pictures.black)
    if not clip.is_video:
        return bool(clip.pictures.black)
    return black >= BLACK_SHARE * clip.pictures.seconds


def _bars(clip: ExaminedClip, bars: Bars) -> Iterator[Diagnosis]:
    if not any(bars):
        return
    widths = zip(("left", "top", "right", "bottom"), bars, strict=True)
    named = ", ".join(f"{pixels} px {side}" for side, pixels in widths if pixels)
    yield Diagnosis(
        code="black-bars",
        severity="warning",
        name=clip.name,
        message=f"black bars: {named}",
        fix="crop them: an adapter learns bars at once",
        can_fix=clip.can_be_written_again,
    )


def _cuts(clip: ExaminedClip, pictures: PictureFacts) -> Iterator[Diagnosis]:
    edges = [moment for span in pictures.black for moment in span]  # told as black frames
    cuts = [time for time in pictures.cuts if all(abs(time - edge) > BLACK_EDGE_SECONDS for edge in edges)]
    if not cuts:
        return
    times = ", ".join(f"{time:.2f} s" for time in cuts[:_CUTS_SHOWN]) + (", ..." if len(cuts) > _CUTS_SHOWN else "")
    yield Diagnosis(
        code="shot-cut",
        severity="warning",
        name=clip.name,
        message=f"cuts to another shot at {times}",
        fix="split it at its cuts with `python -m datamodules scenes`, and caption each shot",
    )


def _black_stretches(clip: ExaminedClip) -> Iterator[Diagnosis]:
    assert clip.pictures is not None
    long = [span for span in clip.pictures.black if span[1] - span[0] >= BLACK_SECONDS]
    if long:
        times = ", ".join(f"{begin:.2f}-{end:.2f} s" for begin, end in long[:_CUTS_SHOWN])
        yield Diagnosis(
            code="black-frames",
            severity="warning",
            name=clip.name,
            message=f"is black at {times}",
            fix="trim the black frames, such as those of a fade",
        )


def _frozen(clip: ExaminedClip, *, decides: bool) -> Iterator[Diagnosis]:
    """What does not move; no fault where a reference or a mask, which does not move either, decides the motion."""
    assert clip.pictures is not None
    (begin, end), seconds = clip.pictures.frozen, clip.pictures.seconds
    length = end - begin
    if _SAID_STILL.search(clip.clip.caption) or any(_overlap((begin, end), span) for span in clip.pictures.black):
        return
    if length >= FROZEN_SHARE * seconds:
        yield Diagnosis(
            code="frozen-clip",
            severity="note" if decides else "warning",
            name=clip.name,
            message=f"nothing moves in its {seconds:.2f} s, and its caption does not say so",
            fix="use it as a still, or remove it: clips that do not move teach not to move",
        )
    elif length >= max(FROZEN_PART_SHARE * seconds, FROZEN_PART_SECONDS):
        yield Diagnosis(
            code="frozen-part",
            severity="note" if decides else "warning",
            name=clip.name,
            message=f"nothing moves from {begin:.2f} s to {end:.2f} s",
            fix="trim the stretch that does not move",
        )


def _overlap(first: tuple[float, float], second: tuple[float, float]) -> bool:
    return min(first[1], second[1]) - max(first[0], second[0]) > BLACK_SECONDS
