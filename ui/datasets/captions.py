"""Captions written where they stand, and only over what the page showed."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.atomic import replacing
from ui.datasets.dataset import Dataset
from ui.datasets.entry import ClipEntry
from ui.datasets.listing import list_clips
from ui.datasets.manifest_listing import MOST_BYTES, row_of
from ui.datasets.manifest_text import captions_in, with_captions
from ui.datasets.seen import MOST_CAPTION_BYTES, plain, read_caption

_BOM = b"\xef\xbb\xbf"
_writing = threading.Lock()  # of all pages of this server; other programs are noticed by what they wrote


@dataclass(frozen=True, kw_only=True)
class Saved:
    """What became of a caption."""

    is_saved: bool
    """Whether the file holds the new text now."""
    standing: str
    """What the file holds now: the new text, or what somebody else wrote meanwhile."""


@dataclass(frozen=True, kw_only=True)
class CaptionChange:
    """One caption to be changed."""

    key: str
    """The clip's key."""
    number: int
    """Of its captions, the first is 1."""
    name: str
    """The clip's name."""
    before: str
    """What is to stand there now."""
    after: str
    """What is to stand there then."""


def save_caption(dataset: Dataset, key: str, text: str, *, shown: str, number: int = 1) -> Saved:
    """Write one caption if nobody changed it since it was shown.

    Args:
        dataset: The dataset.
        key: The clip's.
        text: The new caption.
        shown: The caption as it was shown when editing began.
        number: Which of the clip's captions, the first is 1.

    Raises:
        ValueError: If there is no such clip or caption, or the text cannot be a caption.
        OSError: If it cannot be written.
    """
    entry = list_clips(dataset).entry(key)
    change = CaptionChange(key=key, number=number, name=entry.name, before=plain(shown), after=checked_caption(text))
    with _writing:
        standing = _standing(dataset, entry, number)
        if standing not in (change.before, change.after):
            return Saved(is_saved=False, standing=standing)
        if standing != change.after:
            _write(dataset, {key: entry}, [change])
    return Saved(is_saved=True, standing=change.after)


def save_captions(
    dataset: Dataset, entries: Mapping[str, ClipEntry], changes: Sequence[CaptionChange]
) -> list[CaptionChange]:
    """Write several captions, leaving out those that were changed meanwhile.

    Args:
        dataset: The dataset.
        entries: Its clips by key.
        changes: What to write where.

    Returns:
        The changes that were made.

    Raises:
        ValueError: If a text cannot be a caption, or the manifest cannot be written without loss.
        OSError: If one cannot be written; those before it are.
    """
    for change in changes:
        checked_caption(change.after)
    with _writing:
        if dataset.is_manifest:
            text = _manifest_text(dataset)
            suffix = dataset.path.suffix.lower()
            rows = {change.key: captions_in(text, suffix, row_of(change.key)) for change in changes}
            current = [one for one in changes if plain(rows[one.key].get(one.number, "")) == one.before]
        else:
            current = [one for one in changes if _standing(dataset, entries[one.key], one.number) == one.before]
        _write(dataset, entries, current)
    return current


def checked_caption(text: str) -> str:
    """A text as it is kept.

    Raises:
        ValueError: If it is too long, or holds what no text has.
    """
    caption = plain(text)
    if len(caption.encode("utf-8", "replace")) > MOST_CAPTION_BYTES:
        raise ValueError(f"The caption has {len(caption)} characters, more than any model reads: shorten it.")
    if "\0" in caption or any("\ud800" <= character <= "\udfff" for character in caption):
        raise ValueError("The caption holds a character that no text has: paste it again as plain text.")
    return caption


def _standing(dataset: Dataset, entry: ClipEntry, number: int) -> str:
    """What the caption is now, read from the file."""
    if dataset.is_manifest:
        captions = captions_in(_manifest_text(dataset), dataset.path.suffix.lower(), row_of(entry.key))
        return plain(captions.get(number, ""))
    path = _file(entry, number)
    if not path.exists():
        return ""
    read = read_caption(path)
    if read.problem:
        raise ValueError(f"The caption of {entry.name} is not changed, since {read.problem}.")
    return read.text


def _file(entry: ClipEntry, number: int) -> Path:
    """Where a caption of a folder stands, or would stand."""
    if entry.locked or entry.media is None:
        raise ValueError(f"The caption of {entry.name} is not changed: {entry.locked or 'the clip cannot be used.'}")
    if 1 <= number <= len(entry.caption_files):
        return entry.caption_files[number - 1]
    if number != 1:
        raise ValueError(f"{entry.name} has no caption {number} any more: reload the page.")
    return entry.media.with_suffix(".txt")


def _write(dataset: Dataset, entries: Mapping[str, ClipEntry], changes: Sequence[CaptionChange]) -> None:
    if not changes:
        return
    if not dataset.is_manifest:
        for change in changes:
            path = dataset.workspace.inside(_file(entries[change.key], change.number), "datasets")
            with replacing(path) as temporary:
                temporary.write_text(f"{change.after}\n" if change.after else "", encoding="utf-8")
        return
    new = {(row_of(change.key), change.number): change.after for change in changes}
    text = _manifest_text(dataset)
    has_bom = dataset.path.read_bytes().startswith(_BOM)
    suffix = dataset.path.suffix.lower()
    numbers = dict.fromkeys(number for _, number in new)
    for number in numbers:  # captions of one row may be a list, which is written as one
        text = with_captions(text, suffix, {place: caption for place, caption in new.items() if place[1] == number})
    with replacing(dataset.path) as temporary:
        temporary.write_bytes((_BOM if has_bom else b"") + text.encode())


def _manifest_text(dataset: Dataset) -> str:
    if dataset.path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{dataset.shown} is too large to be edited here: edit the file.")
    return dataset.path.read_bytes().decode("utf-8-sig")
