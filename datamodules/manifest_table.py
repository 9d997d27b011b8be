"""A manifest: rows of a CSV, JSON or JSONL file that name a media file, its caption and its split.

One of the columns `video`, `image`, `media` and `media_path` names the file, relative to the manifest's folder;
`caption` is required; `audio` replaces a video's own track; `split` is `train` or `validation`. Columns may be
capitalized.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.clip import Clip, Finding, Manifest, Split, empty_caption, media_kind, missing_file

_MEDIA_COLUMNS = ("video", "image", "media", "media_path")
_COLUMNS = (*_MEDIA_COLUMNS, "audio", "caption", "split")
_LATER_COLUMNS = ("reference_video", "reference_audio", "video_mask", "audio_mask")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One entry of a manifest."""

    place: str
    """`file:line`, for messages."""
    values: Mapping[str, str]
    """Column to text; empty text where the row has nothing."""


def scan_table(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        ValueError: Naming `file:line`, if the file is not well formed, a column is missing, or a row contradicts
            itself.
    """
    rows = read_rows(path)
    findings = _column_findings(path, rows)
    clips: list[Clip] = []
    listed: dict[tuple[Path, Path | None], Row] = {}
    for row in rows:
        clip, finding = _clip(path.parent, row)
        if clip is not None:
            first = listed.setdefault((clip.media, clip.audio), row)
            if first is row:
                clips.append(clip)
            else:
                reason = f"listed at {first.place} and again at {row.place}; the second row is not used"
                finding = Finding(name=clip.name, action="warned", reason=reason, fix="remove one row")
        findings += [finding] if finding else []
    return Manifest(clips=tuple(clips), findings=tuple(findings))


def read_rows(path: Path) -> list[Row]:
    """The entries of a manifest with the line on which each begins.

    Raises:
        ValueError: If the file is empty or not well formed, or the entries are not rows of text.
    """
    text = _read_text(path)
    suffix = path.suffix.lower()
    entries = _csv_entries(path, text) if suffix == ".csv" else _json_entries(path, text, is_list=suffix == ".json")
    rows = [Row(place=place, values=_texts(place, entry)) for place, entry in entries]
    if not rows:
        raise ValueError(f"{path} has no rows: write one for each clip, with its file and its caption.")
    return rows


def _read_text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}:{line} is not UTF-8: save the manifest as UTF-8.") from error


def _csv_entries(path: Path, text: str) -> Iterator[tuple[str, object]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        _check_header(path, reader.fieldnames or ())
        for entry in reader:
            # A quoted caption may span lines; line_num is the last of them.
            place, line = f"{path}:{line + 1}", reader.line_num
            if None in entry or None in entry.values():
                count = len(reader.fieldnames or ())
                raise ValueError(f"{place} does not have {count} columns as the first line: put captions in quotes.")
            yield place, entry
    except csv.Error as error:
        raise ValueError(f"{path}:{reader.line_num} is not CSV ({error}): check its quotes.") from error


def _check_header(path: Path, columns: Sequence[str]) -> None:
    """Spreadsheets of some countries separate columns by semicolons, which would make all of them one."""
    if len(columns) == 1 and any(separator in columns[0] for separator in ";\t|"):
        raise ValueError(f"{path}:1 is one column, {columns[0]!r}: separate columns by commas, not by ; or tabs.")
    _refuse_twice(f"{path}:1", columns)


def _refuse_twice(place: str, columns: Iterable[object]) -> None:
    names = [_column(str(column)) for column in columns]
    for name in names:
        if names.count(name) > 1 and name in _COLUMNS:
            raise ValueError(f"{place} has `{name}` twice, counting capitals as equal: remove one of them.")


def _column(text: str) -> str:
    """A column as we call it, whatever its capitals; an unknown one as written."""
    name = text.strip()
    return name.lower() if name.lower() in (*_COLUMNS, *_LATER_COLUMNS) else name


def _json_entries(path: Path, text: str, *, is_list: bool) -> Iterator[tuple[str, object]]:
    """Decode one value after the other, so that each has its line."""
    decoder = json.JSONDecoder()
    gap = " \t\r\n," if is_list else " \t\r\n"
    end = len(text.rstrip())
    position = end - len(text[:end].lstrip())
    if is_list:
        if not (text[position:end].startswith("[") and text[:end].endswith("]")):
            raise ValueError(f"{path}:1 is not a JSON list: write [ and ] around the objects, or name the file .jsonl.")
        position, end = position + 1, end - 1
    while True:
        while position < end and text[position] in gap:
            position += 1
        if position >= end:
            return
        place = f"{path}:{text.count(chr(10), 0, position) + 1}"
        try:
            entry, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}:{error.lineno} is not JSON: {error.msg} (column {error.colno}).") from error
        yield place, entry


def _texts(place: str, entry: object) -> dict[str, str]:
    if not isinstance(entry, dict):
        raise ValueError(f"{place} is {entry!r}, but a row is an object: write {{'video': ..., 'caption': ...}}.")
    _refuse_twice(place, entry)
    columns = [(_column(str(column)), value) for column, value in entry.items()]
    for column, value in columns:
        if value is not None and not isinstance(value, str) and column in (*_COLUMNS, *_LATER_COLUMNS):
            raise ValueError(f"{place}: `{column}` is {value!r}, but it must be text: put it in quotes.")
    return {column: value.strip() if isinstance(value, str) else "" for column, value in columns}


def _column_findings(path: Path, rows: list[Row]) -> list[Finding]:
    findings = []
    for column in dict.fromkeys(column for row in rows for column in row.values):
        if column in _LATER_COLUMNS:
            reason, fix = f"column `{column}` is not used by these recipes", ""
        elif column not in _COLUMNS:
            reason, fix = f"unknown column `{column}` is ignored", f"known ones are {', '.join(_COLUMNS)}"
        else:
            continue
        findings.append(Finding(name=path.name, action="noted", reason=reason, fix=fix))
    return findings


def _clip(directory: Path, row: Row) -> tuple[Clip | None, Finding | None]:
    """The clip of a row, or why there is none."""
    if "caption" not in row.values:
        raise ValueError(f"{row.place} has no `caption`: add the column; it may be empty.")
    named = [column for column in _MEDIA_COLUMNS if row.values.get(column)]
    if len(named) > 1:
        raise ValueError(f"{row.place} has both `{named[0]}` and `{named[1]}`: a clip is one of them.")
    sound = row.values.get("audio", "")
    if not named and not sound:
        raise ValueError(f"{row.place} names no file: fill one of the columns {', '.join(_MEDIA_COLUMNS)}.")
    if not named:
        return None, Finding(
            name=sound,
            action="dropped",
            reason="a sound without a video, which these recipes do not train",
            fix="name its video in the column `video`",
        )
    return _media_clip(directory, row, named[0], sound)


def _media_clip(directory: Path, row: Row, column: str, sound: str) -> tuple[Clip | None, Finding | None]:
    media = _path(directory, row.values[column])
    kind = media_kind(media)
    if kind not in ("video", "image") or (column in ("video", "image") and column != kind):
        raise ValueError(f"{row.place}: `{column}` is {row.values[column]!r}, which is {_described(kind)}.")
    audio = _path(directory, sound) if sound else None
    if audio and (kind == "image" or media_kind(audio) not in ("sound", "video")):
        what = "beside a still" if kind == "image" else f"which is {_described(media_kind(audio))}"
        raise ValueError(f"{row.place}: `audio` is {sound!r}, {what}: a sound belongs to a video.")
    name = media.relative_to(directory).as_posix() if media.is_relative_to(directory) else str(media)
    for file in (media, audio):
        if file is not None and not file.is_file():
            return None, missing_file(f"{row.place} ({name})", file)
    caption, split = row.values["caption"], _split(row)
    clip = Clip(media=media, kind=kind, caption=caption, audio=audio, split=split, name=name)
    return clip, None if caption else empty_caption(name, "its caption is empty")


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
