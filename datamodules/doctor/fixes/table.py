"""A manifest written anew beside the copied files: captions mended, copies left out, paths inside the new directory."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_PATH_COLUMNS = ("video", "image", "media", "media_path", "audio", "reference_", "video_mask", "audio_mask")

MendCaption = Callable[[str], str]


def rewritten(table: Path, paths: Mapping[Path, str], left_out: frozenset[Path], mend: MendCaption) -> str:
    """The text of a manifest for a copy.

    Args:
        table: The manifest, which was read without an error.
        paths: What each file of the dataset is called in the copy.
        left_out: Media files whose rows are left out.
        mend: What becomes of a caption.
    """
    text = table.read_text(encoding="utf-8-sig")
    match table.suffix.lower():
        case ".csv":
            reader = csv.DictReader(io.StringIO(text, newline=""))
            rows = _rows(list(reader), table.parent, paths, left_out, mend)
            out = io.StringIO(newline="")
            writer = csv.DictWriter(out, list(reader.fieldnames or ()))
            writer.writeheader()
            writer.writerows(rows)
            return out.getvalue()
        case ".jsonl":
            rows = _rows(_json_rows(text), table.parent, paths, left_out, mend)
            return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        case _:
            rows = _rows(json.loads(text), table.parent, paths, left_out, mend)
            return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def _json_rows(text: str) -> list[dict[str, Any]]:
    """One object after the other; an object may span lines."""
    decoder, rows, text = json.JSONDecoder(), [], text.strip()
    while text:
        row, end = decoder.raw_decode(text)
        rows.append(row)
        text = text[end:].lstrip()
    return rows


def _rows(
    rows: list[dict[str, Any]],
    folder: Path,
    paths: Mapping[Path, str],
    left_out: frozenset[Path],
    mend: MendCaption,
) -> list[dict[str, Any]]:
    written = []
    for row in rows:
        media = [folder / Path(value.strip()).expanduser() for value in _media(row)]
        if any(path in left_out for path in media):
            continue
        written.append({column: _value(column, value, folder, paths, mend) for column, value in row.items()})
    return written


def _media(row: Mapping[str, Any]) -> list[str]:
    columns = _PATH_COLUMNS[:4]
    return [value for column, value in row.items() if value and column.strip().lower() in columns]


def _value(column: str, value: Any, folder: Path, paths: Mapping[Path, str], mend: MendCaption) -> Any:
    name = column.strip().lower()
    if name.startswith("caption"):
        return [mend(text) for text in value] if isinstance(value, list) else mend(value) if value else value
    if isinstance(value, str) and value.strip() and name.startswith(_PATH_COLUMNS):
        return paths.get(folder / Path(value.strip()).expanduser(), value)
    return value
