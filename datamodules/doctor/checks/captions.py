"""Captions: there, with the trigger once, telling what is to be seen, and no longer than is read."""

from collections import defaultdict
from collections.abc import Iterator

from datamodules.doctor.diagnosis import Diagnosis, Severity
from datamodules.doctor.examination import Examination, ExaminedClip
from datamodules.doctor.tokens import token_counter
from datamodules.doctor.wording import count_word, is_generic, opening, without_word, words
from datamodules.manifest.clip import final_caption

FEWEST_WORDS = 3
"""Words beside the trigger below which a caption tells too little."""
SHARED_BY = 3
"""Clips with one caption from which on it is told: they cannot be told apart by prompts."""

_SHOWN = 40  # characters


def check_captions(examination: Examination) -> Iterator[Diagnosis]:
    """`caption-missing`, `caption-short`, `caption-generic`, `caption-boilerplate`, and what the others here yield."""
    trigger = examination.wanted.trigger
    for clip in examination.clips:
        if not any(caption.strip() for caption in clip.captions):
            yield Diagnosis(
                code="caption-missing",
                severity="warning",
                name=clip.name,
                message="has no caption" + (": it trains on the trigger alone" if trigger else ""),
                fix="write one, or let `python -m datamodules caption` propose it",
            )
        for caption in clip.captions:
            yield from _check_text(clip, caption.strip(), trigger, _severity(examination))
    yield from _trigger(examination)
    yield from _shared(examination)
    yield from _long(examination)


def _severity(examination: Examination) -> Severity:
    """How bad it is if captions tell little: not very where a reference or mask tells what is wanted."""
    needs = examination.wanted.needs
    is_told = needs.video_reference or needs.audio_reference or needs.video_mask or needs.audio_mask
    return "note" if is_told else "warning"


def _check_text(clip: ExaminedClip, caption: str, trigger: str, severity: Severity) -> Iterator[Diagnosis]:
    own = without_word(caption, trigger)
    if caption and len(words(own)) < FEWEST_WORDS and not (own and is_generic(own)):
        yield Diagnosis(
            code="caption-short",
            severity=severity,
            name=clip.name,
            message=f"{_quoted(caption)}: words" + (" beside the trigger" if trigger else "") + f": {len(words(own))}",
            fix="tell what is to be seen and heard but not to be learnt: what is unnamed sticks to the trigger",
        )
    elif own and is_generic(own):
        yield Diagnosis(
            code="caption-generic",
            severity=severity,
            name=clip.name,
            message=f"{_quoted(caption)} would suit any clip",
            fix="name the subject, what it does, where it is, and how it is filmed",
        )
    if said := opening(caption, trigger):
        yield Diagnosis(
            code="caption-boilerplate",
            severity="warning",
            name=clip.name,
            message=f"begins with {said!r}",
            fix="leave the opening out: prompts do not begin so, and words that are everywhere are learnt",
            can_fix=True,
        )


def _trigger(examination: Examination) -> Iterator[Diagnosis]:
    """`trigger-missing` where others have it, and `trigger-repeated`."""
    trigger = examination.wanted.trigger
    written = [(clip, caption) for clip in examination.clips for caption in clip.captions if caption.strip()]
    counts = [count_word(caption, trigger) for _, caption in written]
    having = sum(count > 0 for count in counts)
    for (clip, _), count in zip(written, counts, strict=True):
        if trigger and having and not count:
            yield Diagnosis(
                code="trigger-missing",
                severity="warning",
                name=clip.name,
                message=f"{trigger!r} is not in its caption, but in {having} of {len(written)}",
                fix="put the trigger in front of every caption; training does it for those without",
                can_fix=True,
            )
        elif count > 1:
            yield Diagnosis(
                code="trigger-repeated",
                severity="warning",
                name=clip.name,
                message=f"{trigger!r} is {count} times in its caption",
                fix="name the trigger once, and say `it`, `he` or `she` afterwards",
            )


def _shared(examination: Examination) -> Iterator[Diagnosis]:
    """`caption-repeated`."""
    users: defaultdict[str, list[str]] = defaultdict(list)
    for clip in examination.clips:
        for text in {" ".join(caption.casefold().split()) for caption in clip.captions} - {""}:
            users[text].append(clip.name)
    for text, names in users.items():
        for name in names if len(names) >= SHARED_BY else ():
            yield Diagnosis(
                code="caption-repeated",
                severity=_severity(examination),
                name=name,
                message=f"its caption {_quoted(text)} is that of {len(names)} clips",
                fix="tell what is different in each: clips with one caption cannot be told apart by prompts",
            )


def _long(examination: Examination) -> Iterator[Diagnosis]:
    """`caption-long`."""
    wanted = examination.wanted
    counter = token_counter(wanted.text_encoder)
    for clip in examination.clips:
        for caption in clip.captions:
            tokens = counter.count(final_caption(caption, wanted.trigger))
            if tokens > wanted.text_window:
                number = f"{tokens} tokens" if counter.is_exact else f"about {tokens} tokens (an estimate, rather high)"
                yield Diagnosis(
                    code="caption-long",
                    severity="warning",
                    name=clip.name,
                    message=f"its caption has {number}, but {wanted.text_window} are read",
                    fix="shorten it: the rest is cut off",
                )


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
