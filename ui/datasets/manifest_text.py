"""Captions set in the text of a manifest, every other character left as it is.

The places of all values are found in the text, those of the captions are cut out and written anew, and the result is
read back: unless it differs by the captions alone, nothing is written and the manifest is left to an editor.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]  # of the standard library, untyped
from typing import Any

from ui.datasets.manifest_listing import caption_column

Change = Mapping[tuple[int, int], str]
"""New captions by row, the first is 0, and number, the first is 1."""

_GAP = re.compile(r"[ \t\r\n]*")
_BETWEEN = re.compile(r"[ \t\r\n,]*")


class NotLosslessError(ValueError):
    """A manifest of which the captions cannot be set without changing something else."""


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """A value in the text."""

    begin: int
    end: int
    value: Any


def with_captions(text: str, suffix: str, changes: Change) -> str:
    """The manifest with other captions.

    Args:
        text: The file's content.
        suffix: `.csv`, `.json` or `.jsonl`.
        changes: The captions to set.

    Raises:
        NotLosslessError: If something else would change with them.
    """
    rows = _rows(text, suffix)
    splices = [_splice(rows[row], text, suffix, number, caption) for (row, number), caption in changes.items()]
    spans = [span for span, _ in splices]
    if len(set(spans)) != len(spans):
        raise NotLosslessError("Several captions of one row are a list: set them one after the other.")
    result = text
    for (begin, end), written in sorted(splices, reverse=True):
        result = result[:begin] + written + result[end:]
    wanted = [{column: cell.value for column, cell in row.items()} for row in rows]
    for (row, number), caption in changes.items():
        _set(wanted[row], number, caption)
    if [{column: cell.value for column, cell in row.items()} for row in _rows(result, suffix)] != wanted:
        raise NotLosslessError("The manifest cannot be written without changing more than the caption: edit the file.")
    return result


def captions_in(text: str, suffix: str, row: int) -> dict[int, str]:
    """The captions of a row as written, by number."""
    cells = _rows(text, suffix)[row]
    found: dict[int, str] = {}
    for number in range(1, len(cells) + 2):
        cell = cells.get(caption_column(number))
        if cell is not None and not isinstance(cell.value, list):
            found[number] = str(cell.value or "")
    listed = cells.get("caption")
    if listed is not None and isinstance(listed.value, list):
        found |= {number: str(value) for number, value in enumerate(listed.value, 1)}
    return found


def _rows(text: str, suffix: str) -> list[dict[str, _Cell]]:
    """The cells of each row by column, captions by their column in small letters."""
    rows = _csv_rows(text) if suffix == ".csv" else list(_json_rows(text))
    return [{_small(column): cell for column, cell in row.items()} for row in rows]


def _small(column: str) -> str:
    name = column.strip().lower()
    return name if name == "caption" or re.fullmatch(r"caption_\d+", name) else column


def _splice(
    cells: Mapping[str, _Cell], text: str, suffix: str, number: int, caption: str
) -> tuple[tuple[int, int], str]:
    """The place of a caption, and what is to stand there."""
    first, own = cells.get("caption"), cells.get(caption_column(number))
    if first is not None and isinstance(first.value, list):
        values = list(first.value)
        if not 1 <= number <= len(values):
            raise NotLosslessError(f"The row has no caption {number}: add it in the file.")
        values[number - 1] = caption
        return (first.begin, first.end), json.dumps(values, ensure_ascii=text.isascii())
    if own is None:
        raise NotLosslessError(f"The row has no column `{caption_column(number)}`: add it in the file.")
    if suffix != ".csv":
        return (own.begin, own.end), json.dumps(caption, ensure_ascii=text.isascii())
    is_quoted = text[own.begin : own.begin + 1] == '"' or any(mark in caption for mark in '",\r\n')
    return (own.begin, own.end), '"' + caption.replace('"', '""') + '"' if is_quoted else caption


def _set(row: dict[str, Any], number: int, caption: str) -> None:
    if isinstance(row.get("caption"), list):
        values = list(row["caption"])
        values[number - 1] = caption
        row["caption"] = values
    else:
        row[caption_column(number)] = caption


def _csv_rows(text: str) -> list[dict[str, _Cell]]:
    lines = list(_csv_cells(text))
    read = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    if [[cell.value for cell in line] for line in lines] != read:
        raise NotLosslessError("The manifest is written in an unusual way: edit its captions in the file.")
    header = [cell.value for cell in lines[0]] if lines else []
    if len({_small(column) for column in header}) != len(header):
        raise NotLosslessError("Two columns have one name: edit the captions in the file.")
    return [dict(zip(header, line, strict=False)) for line in lines[1:]]


def _csv_cells(text: str) -> Iterator[list[_Cell]]:
    """The cells of each line that is not blank."""
    position, end = 0, len(text)
    while position < end:
        line: list[_Cell] = []
        while True:
            cell = _csv_cell(text, position)
            line.append(cell)
            position = cell.end
            if text[position : position + 1] != ",":
                break
            position += 1
        if len(line) > 1 or line[0].begin < line[0].end:
            yield line
        if position < end and text[position] not in "\r\n":
            raise NotLosslessError("The manifest is written in an unusual way: edit its captions in the file.")
        position += 2 if text.startswith("\r\n", position) else 1


def _csv_cell(text: str, begin: int) -> _Cell:
    if text[begin : begin + 1] != '"':
        match = re.compile(r"[^,\r\n]*").match(text, begin)
        assert match is not None
        return _Cell(begin=begin, end=match.end(), value=match.group())
    match = re.compile(r'"((?:[^"]|"")*)"').match(text, begin)
    if match is None:
        raise NotLosslessError("A quote of the manifest is not closed: edit its captions in the file.")
    return _Cell(begin=begin, end=match.end(), value=match[1].replace('""', '"'))


def _json_rows(text: str) -> Iterator[dict[str, _Cell]]:
    """The members of each object, whether the objects stand in a list or one after the other."""
    position = _skip(_GAP, text, 0)
    if text[position : position + 1] == "[":
        position += 1
    while (position := _skip(_BETWEEN, text, position)) < len(text) and text[position] == "{":
        row, position = _json_object(text, position + 1)
        yield row


def _json_object(text: str, position: int) -> tuple[dict[str, _Cell], int]:
    decoder, cells = json.JSONDecoder(), {}
    while text[position := _skip(_BETWEEN, text, position)] != "}":
        name, position = scanstring(text, position + 1)
        begin = _skip(_GAP, text, _skip(_GAP, text, position) + 1)
        value, position = decoder.raw_decode(text, begin)
        if name in cells:
            raise NotLosslessError(f"A row has {name!r} twice: edit the captions in the file.")
        cells[name] = _Cell(begin=begin, end=position, value=value)
    return cells, position + 1


def _skip(gap: re.Pattern[str], text: str, position: int) -> int:
    match = gap.match(text, position)
    assert match is not None
    return match.end()
