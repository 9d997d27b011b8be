"""A manifest: rows of a CSV, JSON or JSONL file that name a media file, its caption and its split.

One of the columns `video`, `image`, `media` and `media_path` names the file, relative to the manifest's folder;
`caption` is required, and `caption_2` and so on, or a list in JSON, are further ones that take turns with it; `audio`
replaces a video's own track, and alone it is a clip of sound; `split` is `train` or `validation`. `reference_video`, or
`reference_video_canny` and so on for several signals, and `reference_audio` name references, `video_mask` and
`audio_mask` masks; the latter may also be seconds, `0.5-1.2, 2-3`. Columns may be capitalized.
"""

import re
from pathlib import Path

from datamodules.manifest.clip import (
    Clip,
    Finding,
    Manifest,
    MediaKind,
    Spans,
    Split,
    empty_caption,
    media_kind,
    missing_file,
)
from datamodules.manifest.rows import COLUMNS, MEDIA_COLUMNS, SIGNAL_PREFIX, Row, is_known, read_rows

_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)\s*")


def scan_table(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        ValueError: Naming `file:line`, if the file is not well formed, a column is missing, or a row contradicts
            itself.
    """
    rows = read_rows(path)
    findings = _column_findings(path, rows)
    clips: list[Clip] = []
    listed: dict[tuple[object, ...], Row] = {}
    for row in rows:
        clip, finding = _clip(path.parent, row)
        if clip is not None:
            first = listed.setdefault((tuple(clip.files.items()), clip.audio_mask), row)
            if first is row:
                clips.append(clip)
            else:
                reason = f"listed at {first.place} and again at {row.place}; the second row is not used"
                finding = Finding(name=clip.name, action="warned", reason=reason, fix="remove one row")
        findings += [finding] if finding else []
    return Manifest(clips=tuple(clips), findings=tuple(findings))


def _column_findings(path: Path, rows: list[Row]) -> list[Finding]:
    findings = []
    for column in dict.fromkeys(column for row in rows for column in row.values):
        if not is_known(column):
            fix = f"known ones are {', '.join(COLUMNS)}"
            reason = f"unknown column `{column}` is ignored"
            findings.append(Finding(name=path.name, action="noted", reason=reason, fix=fix))
    return findings


def _clip(directory: Path, row: Row) -> tuple[Clip | None, Finding | None]:
    """The clip of a row, or why there is none."""
    if "caption" not in row.values:
        raise ValueError(f"{row.place} has no `caption`: add the column; it may be empty.")
    named = [column for column in MEDIA_COLUMNS if row.values.get(column)]
    if len(named) > 1:
        raise ValueError(f"{row.place} has both `{named[0]}` and `{named[1]}`: a clip is one of them.")
    sound = row.values.get("audio", "")
    if not named and not sound:
        raise ValueError(f"{row.place} names no file: fill one of the columns {', '.join(MEDIA_COLUMNS)}.")
    if not named:
        return _media_clip(directory, row, "audio", "")
    return _media_clip(directory, row, named[0], sound)


def _media_clip(directory: Path, row: Row, column: str, sound: str) -> tuple[Clip | None, Finding | None]:
    media = _path(directory, row.values[column])
    kind = media_kind(media)
    wanted = {"video": "video", "image": "image", "audio": "sound"}.get(column, kind)
    if kind is None or kind != wanted or (kind == "sound" and column != "audio"):
        raise ValueError(f"{row.place}: `{column}` is {row.values[column]!r}, which is {_described(kind)}.")
    audio = _path(directory, sound) if sound else None
    if audio and (kind == "image" or media_kind(audio) not in ("sound", "video")):
        what = "beside a still" if kind == "image" else f"which is {_described(media_kind(audio))}"
        raise ValueError(f"{row.place}: `audio` is {sound!r}, {what}: a sound belongs to a video.")
    name = media.relative_to(directory).as_posix() if media.is_relative_to(directory) else str(media)
    for file in (media, audio):
        if file is not None and not file.is_file():
            return None, missing_file(f"{row.place} ({name})", file)
    captions, split = row.captions or ("",), _split(row)
    clip = Clip(
        media=media,
        kind=kind,
        caption=captions[0],
        other_captions=captions[1:],
        audio=audio,
        split=split,
        name=name,
        references=_references(directory, row),
        reference_audio={"": file} if (file := _companion(directory, row, "reference_audio", "sound")) else {},
        video_mask=_companion(directory, row, "video_mask", "picture"),
        audio_mask=_spans(row) or _companion(directory, row, "audio_mask", "sound"),
    )
    return clip, None if clip.caption else empty_caption(name, "its caption is empty")


def _references(directory: Path, row: Row) -> dict[str, Path]:
    """Reference videos by signal."""
    columns = [name for name in row.values if name == "reference_video" or name.startswith(SIGNAL_PREFIX)]
    files = {column: _companion(directory, row, column, "picture") for column in columns}
    return {column.removeprefix("reference_video").removeprefix("_"): file for column, file in files.items() if file}


def _companion(directory: Path, row: Row, column: str, what: str) -> Path | None:
    """The file of a reference or mask; whether it is there is seen when a recipe wants it."""
    text = row.values.get(column, "")
    if not text:
        return None
    kinds: tuple[MediaKind, ...] = ("video", "image") if what == "picture" else ("sound", "video")
    kind = media_kind(path := _path(directory, text))
    if kind not in kinds:
        hint = ", nor seconds such as 0.5-1.2" if column == "audio_mask" else ""
        raise ValueError(f"{row.place}: `{column}` is {text!r}, which is {_described(kind)}, not a {what}{hint}.")
    return path


def _spans(row: Row) -> Spans | None:
    """The stretches of a sound mask that is written in seconds."""
    text = row.values.get("audio_mask", "")
    matches = [_SPAN.fullmatch(part) for part in text.split(",")]
    if not all(matches):
        return None
    spans = tuple((float(match[1]), float(match[2])) for match in matches if match)
    for begin, end in spans:
        if begin >= end:
            raise ValueError(f"{row.place}: `audio_mask` is {text!r}, but {begin:g} s is not before {end:g} s.")
    return spans


def _path(directory: Path, text: str) -> Path:
    return directory / Path(text).expanduser()


def _described(kind: str | None) -> str:
    return "a file we do not read" if kind is None else {"image": "a still"}.get(kind, f"a {kind}")


def _split(row: Row) -> Split:
    match row.values.get("split", "") or "train":
        case "train":
            return "train"
        case "validation":
            return "validation"
        case other:
            raise ValueError(f"{row.place}: `split` is {other!r}, but it must be train or validation.")
