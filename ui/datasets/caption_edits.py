"""Edits of many captions at once: looked at before they are made, and undone as long as nobody edits on."""

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from datamodules.atomic import read_json, write_json
from datamodules.manifest.class_caption import has_word
from ui.datasets.captions import CaptionChange, save_captions
from ui.datasets.clips import captions_of
from ui.datasets.dataset import Dataset
from ui.datasets.entry import Listing
from ui.datasets.listing import list_clips
from ui.datasets.seen import Seen, plain
from ui.workspace import OutsideError

EditKind = Literal["replace", "prefix", "trigger"]

_MOST_UNDO = 20
_SHOWN = 5
_LONGEST_WORDS = 2000


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What to do with every caption."""

    kind: EditKind
    """Replace words, put words in front, or put the trigger in front where it is missing."""
    find: str = ""
    """Words to be replaced."""
    words: str = ""
    """What takes their place, the words in front, or the trigger."""
    match_case: bool = True
    """Whether capitals matter in `find`."""

    @property
    def in_words(self) -> str:
        """What it does, as it is told."""
        match self.kind:
            case "replace":
                return f"{self.find!r} replaced by {self.words!r}"
            case "prefix":
                return f"{self.words!r} put in front"
            case "trigger":
                return f"the trigger {self.words!r} put in front where it was missing"

    def function(self) -> Callable[[str], str]:
        """What makes the new caption of the old one.

        Raises:
            ValueError: If a word is missing or too long.
        """
        if max(len(self.find), len(self.words)) > _LONGEST_WORDS:
            raise ValueError(f"The words are longer than {_LONGEST_WORDS} characters: shorten them.")
        words = self.words
        if self.kind == "replace":
            if not self.find:
                raise ValueError("There is nothing to search for: type the words that are to be replaced.")
            pattern = re.compile(re.escape(self.find), 0 if self.match_case else re.IGNORECASE)
            return lambda caption: pattern.sub(lambda _: words, caption)
        if not words.strip():
            missing = "no trigger word" if self.kind == "trigger" else "nothing to put in front"
            raise ValueError(f"There is {missing}: type it first.")
        if self.kind == "prefix":
            front = words if words.endswith((" ", "\n")) else f"{words} "
            return lambda caption: caption if caption.startswith(front) else front + caption
        trigger = words.strip()
        return lambda caption: caption if has_word(caption, trigger) else f"{trigger}, {caption}"


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What an edit would change."""

    changes: tuple[CaptionChange, ...]
    """Every caption that it changes; captions that are empty stay so."""

    @property
    def token(self) -> str:
        """Stands for exactly these changes."""
        content = json.dumps([asdict(change) for change in self.changes], ensure_ascii=True)
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def examples(self) -> tuple[CaptionChange, ...]:
        """The first few."""
        return self.changes[:_SHOWN]


def preview(dataset: Dataset, seen: Seen, edit: Edit) -> Preview:
    """What an edit would change in the captions as they are now.

    Raises:
        ValueError: If the edit lacks its words, or the dataset cannot be listed.
    """
    return _preview(list_clips(dataset), seen, edit)


def apply(dataset: Dataset, seen: Seen, edit: Edit, token: str) -> tuple[int, int]:
    """Make an edit that was looked at.

    Args:
        dataset: The dataset.
        seen: What was read.
        edit: The edit.
        token: Of the preview that was shown.

    Returns:
        Captions changed, and those left alone since they were changed in the same moment.

    Raises:
        ValueError: If the captions are no longer those of the preview.
    """
    listing = list_clips(dataset)
    found = _preview(listing, seen, edit)
    if found.token != token:
        raise ValueError("Captions have changed since the preview: look at it again, then apply.")
    if not found.changes:
        return 0, 0
    undo = _undo_path(dataset)
    write_json(undo, {"edit": edit.in_words, "changes": [asdict(change) for change in found.changes]})
    try:
        made = save_captions(dataset, {entry.key: entry for entry in listing.entries}, found.changes)
    except OutsideError:  # a caption that became a link; those before it are written
        raise
    except ValueError:  # nothing was written
        undo.unlink(missing_ok=True)
        raise
    for old in sorted(undo.parent.glob("*.json"))[:-_MOST_UNDO]:
        old.unlink(missing_ok=True)
    return len(made), len(found.changes) - len(made)


def last_edit(dataset: Dataset) -> str:
    """What can be undone, in words; empty for nothing."""
    content = _last(dataset)[1]
    return f"{content['edit']} ({len(content['changes'])} captions)" if content else ""


def undo(dataset: Dataset) -> tuple[int, int]:
    """Take back the last edit; captions that were edited since stay as they are.

    Returns:
        Captions put back, and those that stay.

    Raises:
        ValueError: If there is nothing to take back.
    """
    path, content = _last(dataset)
    if path is None or content is None:
        raise ValueError("There is no edit to undo.")
    entries = {entry.key: entry for entry in list_clips(dataset).entries}
    changes = [CaptionChange(**change) for change in content["changes"]]
    back = [
        CaptionChange(key=change.key, number=change.number, name=change.name, before=change.after, after=change.before)
        for change in changes
        if change.key in entries and entries[change.key].name == change.name
    ]
    made = save_captions(dataset, entries, back)
    path.unlink(missing_ok=True)
    return len(made), len(changes) - len(made)


def _preview(listing: Listing, seen: Seen, edit: Edit) -> Preview:
    function = edit.function()
    changes = [
        CaptionChange(key=entry.key, number=number, name=entry.name, before=caption.text, after=after)
        for entry in listing.entries
        if not entry.locked
        for number, caption in captions_of(entry, seen)
        if caption.text and (after := plain(function(caption.text))) != caption.text
    ]
    return Preview(changes=tuple(changes))


def _undo_path(dataset: Dataset) -> Path:
    return dataset.state / "undo" / f"{time.time_ns():020d}.json"


def _last(dataset: Dataset) -> tuple[Path | None, dict[str, Any] | None]:
    for path in sorted((dataset.state / "undo").glob("*.json"), reverse=True):
        content = read_json(path)
        if isinstance(content, dict) and isinstance(content.get("changes"), list) and "edit" in content:
            return path, content
    return None, None
