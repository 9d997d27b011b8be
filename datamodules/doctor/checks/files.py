"""Files: every one is readable, has its place in the dataset, and is a format that we read."""

from collections.abc import Iterator

from datamodules.doctor.diagnosis import Diagnosis
from datamodules.doctor.examination import Examination
from datamodules.manifest.clip import TRIGGER_ALONE


def check_files(examination: Examination) -> Iterator[Diagnosis]:
    """`unreadable`, `left-out`, `...-without-clip` of captions, references, masks, and what else is listed oddly."""
    seen = set()
    for clip in examination.clips:
        for file in clip.files:
            if file.error and file.path not in seen:
                seen.add(file.path)
                name = clip.name if file is clip.file else f"{clip.name} ({file.path.parent.name}/{file.path.name})"
                yield Diagnosis(
                    code="unreadable",
                    severity="problem",
                    name=name,
                    message=file.error,
                    fix="download, copy or export the file again, or remove it",
                )
        if clip.clip.kind == "sound" and not _may_be_sound(examination):
            yield Diagnosis(
                code="sound-alone",
                severity="problem",
                name=clip.name,
                message="is a sound without a video, which this recipe does not train",
                fix="put its video beside it under the same name, or train it with a recipe of `model.streams: audio`",
            )
        for note in clip.info.notes if clip.info else ():
            yield Diagnosis(code="picture-altered", severity="note", name=clip.name, message=note, fix="")
    yield from _listing(examination)


def _may_be_sound(examination: Examination) -> bool:
    """Whether clips of sound alone can be meant: by the recipe, or because there are hardly any others."""
    if examination.wanted.streams_known:
        return examination.wanted.needs.streams == "audio"
    sounds = sum(clip.clip.kind == "sound" for clip in examination.clips)
    return 2 * sounds >= len(examination.clips)


def _listing(examination: Examination) -> Iterator[Diagnosis]:
    """What was noticed without opening a file."""
    for finding in examination.findings:
        if TRIGGER_ALONE in finding.reason:
            continue  # told by the check of captions
        if finding.action == "dropped":
            code, fix = "left-out", finding.fix or "convert or remove it"
            yield Diagnosis(code=code, severity="problem", name=finding.name, message=finding.reason, fix=fix)
        elif finding.action == "warned":
            yield Diagnosis(
                code=_code(finding.name), severity="warning", name=finding.name, message=finding.reason, fix=finding.fix
            )
        else:
            yield Diagnosis(
                code="not-used", severity="note", name=finding.name, message=finding.reason, fix=finding.fix
            )


def _code(name: str) -> str:
    first = name.partition("/")[0]
    if first in ("references", "masks"):
        return f"{first[:-1]}-without-clip"
    return "caption-without-clip" if name.endswith(".txt") else "listed-oddly"
