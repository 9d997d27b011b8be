"""A manifest with the column that names its clips' references; everything else in it stays as it was."""

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from datamodules.atomic import replacing

_MEDIA_COLUMNS = ("video", "image", "media", "media_path")


def check_output(dataset: Path, output: Path) -> None:
    """Whether a copy of a manifest can be written there, to be known before any work.

    Raises:
        ValueError: If the dataset is a folder, or the copy would be of another kind or in another folder.
    """
    if dataset.is_dir():
        raise ValueError(
            f"`write_manifest` is for a manifest, but {str(dataset)!r} is a folder: references in its folder "
            "`references` are found without one."
        )
    if output.suffix.lower() != dataset.suffix.lower() or output.resolve().parent != dataset.resolve().parent:
        raise ValueError(
            f"`write_manifest` is {str(output)!r}, but paths in a manifest are relative to its folder: give a "
            f"{dataset.suffix} file in {str(dataset.parent)!r}."
        )


def write_with_column(dataset: Path, output: Path, signal: str, references: Mapping[Path, Path]) -> None:
    """Writes a copy of a manifest with the column `reference_video_<signal>`.

    Args:
        dataset: The manifest.
        output: The copy, in the same folder; it may be the manifest itself.
        signal: Such as `canny`.
        references: Clip to reference; rows of other clips keep what they have.
    """
    text = dataset.read_text(encoding="utf-8-sig")
    column, root = f"reference_video_{signal}", dataset.parent
    found = {clip.resolve(): os.path.relpath(reference, root) for clip, reference in references.items()}
    suffix = dataset.suffix.lower()
    if suffix == ".csv":
        written = _csv(text, root, column, found)
    elif suffix == ".json":
        rows = [_row(row, root, column, found) for row in json.loads(text)]
        written = json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    else:
        rows = [_row(row, root, column, found) for row in _objects(text)]
        written = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with replacing(output) as temporary:
        temporary.write_text(written, encoding="utf-8", newline="")


def _csv(text: str, root: Path, column: str, found: Mapping[Path, str]) -> str:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    columns = list(reader.fieldnames or ())
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns if column in columns else [*columns, column], lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: "", **_row(row, root, column, found)} for row in reader)
    return file.getvalue()


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file, which may each span lines."""
    decoder, position = json.JSONDecoder(), 0
    while text[position:].strip():
        position += len(text[position:]) - len(text[position:].lstrip())
        row, position = decoder.raw_decode(text, position)
        yield row


def _row(row: Mapping[str, Any], root: Path, column: str, found: Mapping[Path, str]) -> dict[str, Any]:
    """A row with its clip's reference, if it has one."""
    named = [value for key, value in row.items() if key.strip().lower() in _MEDIA_COLUMNS and value]
    reference = found.get((root / Path(named[0].strip()).expanduser()).resolve()) if named else None
    return {**row, column: reference} if reference is not None else dict(row)
