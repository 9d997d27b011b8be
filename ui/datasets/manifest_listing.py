"""The rows of a manifest listed as clips; of files outside the dataset folders not even the existence is looked at."""

from pathlib import Path

from datamodules.doctor.diagnosis import Diagnosis
from datamodules.manifest.clip import media_kind
from datamodules.manifest.rows import MEDIA_COLUMNS, SIGNAL_PREFIX, Row, read_rows
from ui.datasets.dataset import Dataset
from ui.datasets.entry import ClipEntry, Listing, outside, shown_name
from ui.workspace import OutsideError

MOST_BYTES = 32 * 1024 * 1024
"""Bytes of a manifest that is read."""

_MASK_COLUMNS = ("video_mask", "audio_mask")


def list_manifest(dataset: Dataset) -> Listing:
    """List the rows of a manifest.

    Raises:
        ValueError: If it is too large or not well formed.
    """
    size = dataset.path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"{dataset.shown} has {size / 1e6:.0f} MB, but a manifest has at most {MOST_BYTES / 1e6:.0f}.")
    leads_out: list[str] = []
    rows = read_rows(dataset.path)
    entries = tuple(_entry(dataset, number, row, leads_out) for number, row in enumerate(rows))
    return Listing(dataset=dataset, entries=entries, leads_out=tuple(leads_out))


def row_of(key: str) -> int:
    """The row that a clip's key names, the first is 0."""
    return int(key.removeprefix("row ")) - 1


def caption_column(number: int) -> str:
    """The column of a caption, the first is 1."""
    return "caption" if number == 1 else f"caption_{number}"


def _entry(dataset: Dataset, number: int, row: Row, leads_out: list[str]) -> ClipEntry:
    issues: list[Diagnosis] = []
    named = next((row.values[column] for column in (*MEDIA_COLUMNS, "audio") if row.values.get(column)), "")
    name = shown_name(named) or f"row {number + 1}"

    def placed(text: str) -> Path | None:
        if not text:
            return None
        try:
            return dataset.workspace.inside(dataset.folder / Path(text).expanduser(), "datasets")
        except (OutsideError, RuntimeError):  # a home that is not known
            leads_out.append(text)
            issues.append(outside(text))
            return None

    kind = media_kind(Path(named)) if named else None
    media = placed(named) if kind else None
    if kind is None:
        message = f"{named!r} is no file that is read" if named else "it names no file"
        issues.append(
            Diagnosis(code="row-without-clip", severity="problem", name=name, message=message, fix="correct it")
        )
    sound = row.values.get("audio", "")
    masks = [row.values.get(column, "") for column in _MASK_COLUMNS]
    references = {
        column.removeprefix("reference_video").removeprefix("_"): path
        for column, text in row.values.items()
        if (column in ("reference_video", "reference_audio") or column.startswith(SIGNAL_PREFIX))
        and (path := placed(text)) is not None
    }
    return ClipEntry(
        key=f"row {number + 1}",
        name=name,
        kind=kind or "video",
        media=media,
        sound=placed(sound) if sound and sound != named else None,
        captions=_captions(row),
        references=references,
        masks=tuple(path for text in masks if media_kind(Path(text)) and (path := placed(text)) is not None),
        issues=tuple(issues),
    )


def _captions(row: Row) -> tuple[tuple[int, str], ...]:
    """The first caption, and the further ones that are not empty."""
    found = [(1, row.values.get("caption", ""))]
    number = 2
    while (column := caption_column(number)) in row.values:
        found += [(number, row.values[column])] if row.values[column] else []
        number += 1
    return tuple(found)
