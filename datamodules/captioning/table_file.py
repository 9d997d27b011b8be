"""A manifest as it is written: every row and column kept, captions set, and written back in its own format."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.manifest.rows import read_rows

_CAPTION = "caption"


@dataclass(kw_only=True)
class Table:
    """The rows of a CSV, JSON or JSONL manifest."""

    suffix: str
    """`.csv`, `.json` or `.jsonl`."""
    rows: list[dict[str, Any]]
    """Column as written to value as written."""
    places: list[str]
    """`file:line` of each row, for messages."""

    def columns(self, row: int) -> list[str]:
        """Columns of a row in small letters."""
        return [_small(column) for column in self.rows[row]]

    def text(self, row: int, column: str) -> str:
        """A value as text, whatever the column's capitals; empty if there is none."""
        value = self.rows[row].get(self._written(row, column))
        return value.strip() if isinstance(value, str) else ""

    def set_text(self, row: int, column: str, text: str) -> None:
        """Set a value, in a new column if there is none."""
        self.rows[row][self._written(row, column)] = text

    def captions(self, row: int) -> list[str]:
        """All captions of a row; an empty text where a number is skipped."""
        value = self.rows[row].get(self._written(row, _CAPTION))
        if isinstance(value, list):
            return [caption for caption in value if isinstance(caption, str)]
        found = [self.text(row, _CAPTION)]
        while (column := f"{_CAPTION}_{len(found) + 1}") in self.columns(row):
            found.append(self.text(row, column))
        return found

    def set_caption(self, row: int, number: int, caption: str) -> None:
        """Set the caption of a number, the first is 1; a JSON row with several has a list of them."""
        if self.suffix == ".csv":
            for missing in range(1, number):
                self._add(_column(missing))
            self._add(_column(number))
            self.set_text(row, _column(number), caption)
            return
        captions = self.captions(row)
        captions += [""] * (number - len(captions))
        captions[number - 1] = caption
        written = self._written(row, _CAPTION)
        is_list = len(captions) > 1 or isinstance(self.rows[row].get(written), list)
        self.rows[row][written] = captions if is_list else captions[0]

    def _add(self, column: str) -> None:
        for row, values in enumerate(self.rows):
            values.setdefault(self._written(row, column), "")

    def _written(self, row: int, column: str) -> str:
        return next((written for written in self.rows[row] if _small(written) == column), column)


def read_table(path: Path) -> Table:
    """Read a manifest.

    Raises:
        ValueError: Naming `file:line`, if it is not well formed.
    """
    places = [row.place for row in read_rows(path)]  # says what is wrong with it, and where
    text, suffix = path.read_bytes().decode("utf-8-sig"), path.suffix.lower()
    if suffix == ".csv":
        rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    else:
        rows = json.loads(text) if suffix == ".json" else _lines(text)
    return Table(suffix=suffix, rows=rows, places=places)


def table_bytes(table: Table) -> bytes:
    """The file's content, UTF-8."""
    if table.suffix == ".json":
        return (json.dumps(table.rows, indent=2, ensure_ascii=False) + "\n").encode()
    if table.suffix == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table.rows).encode()
    file = io.StringIO(newline="")
    columns = list(dict.fromkeys(column for row in table.rows for column in row))
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table.rows)
    return file.getvalue().encode()


def _lines(text: str) -> list[dict[str, Any]]:
    decoder, rows, position, end = json.JSONDecoder(), [], 0, len(text.rstrip())
    while position < end:
        while text[position] in " \t\r\n,":
            position += 1
        row, position = decoder.raw_decode(text, position)
        rows.append(row)
    return rows


def _column(number: int) -> str:
    return _CAPTION if number == 1 else f"{_CAPTION}_{number}"


def _small(column: str) -> str:
    return column.strip().lower()
