"""The rows of a CSV, JSON or JSONL manifest with the line on which each begins, as texts by column."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MEDIA_COLUMNS = ("video", "image", "media", "media_path")
COLUMNS = (
    *MEDIA_COLUMNS,
    "audio",
    "caption",
    "split",
    "reference_video",
    "reference_audio",
    "video_mask",
    "audio_mask",
)
SIGNAL_PREFIX = "reference_video_"
"""Begins a column of references of one signal: `reference_video_canny`."""

_FURTHER_CAPTION = re.compile(r"caption_([2-9]|[1-9]\d+)")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One entry of a manifest."""

    place: str
    """`file:line`, for messages."""
    values: Mapping[str, str]
    """Column to text; empty text where the row has nothing. A list of captions is `caption`, `caption_2` and so on."""

    @property
    def captions(self) -> tuple[str, ...]:
        """What is written in `caption`, `caption_2` and so on, in the order of their numbers, empty ones left out."""
        matches = filter(None, map(_FURTHER_CAPTION.fullmatch, self.values))
        further = sorted((int(match[1]), match.string) for match in matches)
        texts = (self.values.get(column, "") for column in ("caption", *(column for _, column in further)))
        return tuple(filter(None, texts))


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
        if names.count(name) > 1 and is_known(name):
            raise ValueError(f"{place} has `{name}` twice, counting capitals as equal: remove one of them.")


def _column(text: str) -> str:
    """A column as we call it, whatever its capitals; an unknown one as written."""
    name = text.strip()
    if name.lower().startswith(SIGNAL_PREFIX):
        return SIGNAL_PREFIX + name[len(SIGNAL_PREFIX) :]
    return name.lower() if name.lower() in COLUMNS or _FURTHER_CAPTION.fullmatch(name.lower()) else name


def is_known(column: str) -> bool:
    """Whether a column means something, `reference_video_canny` and `caption_2` too."""
    return column in COLUMNS or column.startswith(SIGNAL_PREFIX) or _FURTHER_CAPTION.fullmatch(column) is not None


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
    columns = [pair for column, value in entry.items() for pair in _columns(place, _column(str(column)), value)]
    _refuse_twice(place, (column for column, _ in columns))
    for column, value in columns:
        if value is not None and not isinstance(value, str) and is_known(column):
            raise ValueError(f"{place}: `{column}` is {value!r}, but it must be text: put it in quotes.")
    return {column: value.strip() if isinstance(value, str) else "" for column, value in columns}


def _columns(place: str, column: str, value: object) -> list[tuple[str, object]]:
    """A column as it is, or a list of captions as one column each."""
    if column != "caption" or not isinstance(value, list):
        return [(column, value)]
    if not all(isinstance(caption, str) for caption in value):
        raise ValueError(f"{place}: `caption` is {value!r}, but each caption of a list must be text: put it in quotes.")
    return [("caption" if number == 1 else f"caption_{number}", text) for number, text in enumerate(value or [""], 1)]
