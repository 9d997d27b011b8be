"""Everything that is found in one file, and where it is remembered, so that a second look costs nothing."""

import dataclasses
import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.atomic import read_json, write_json
from datamodules.doctor.pictures import PictureFacts, look_at_pictures
from datamodules.doctor.sound import SoundFacts, listen
from datamodules.manifest.clip import MediaError
from datamodules.manifest.scan import file_hash
from datamodules.media.probe import MediaInfo, probe

INDEX_FORMAT = 2
"""Raised when the doctor learns to see more, so that files are looked at again."""


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What is in a file."""

    path: Path
    """The file."""
    info: MediaInfo | None = None
    """Size, length, rate; None if it cannot be read."""
    pictures: PictureFacts | None = None
    """What is seen; None for a sound."""
    sound: SoundFacts | None = None
    """What is heard; None if there is no sound."""
    hash: str = ""
    """SHA-256 of its bytes."""
    error: str = ""
    """Why it cannot be read."""


def look_at(path: Path) -> FileFacts:
    """Read a file as far as needed; what goes wrong is in its `error`."""
    try:
        info = probe(path)
        pictures = look_at_pictures(path, info.duration) if info.has_video else None
        sound = listen(path) if info.has_audio else None
        return FileFacts(path=path, info=info, pictures=pictures, sound=sound, hash=file_hash(path))
    except MediaError as error:
        return FileFacts(path=path, error=error.reason)
    except OSError as error:
        return FileFacts(path=path, error=f"cannot be opened ({error.strerror or error})")


class FactsIndex:
    """Facts of files by path, size and time of change, kept in one JSON file; safe to use from several threads.

    Args:
        path: The JSON file; None remembers nothing. A missing or damaged one counts as empty.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        content = read_json(path) if path is not None else None
        valid = isinstance(content, dict) and content.get("format") == INDEX_FORMAT
        self._entries: dict[str, dict[str, object]] = content["files"] if valid and isinstance(content, dict) else {}
        self._lock = threading.Lock()
        self._is_changed = False
        self.num_read = 0

    def facts(self, file: Path) -> FileFacts:
        """What is in the file, remembered or read; an error is not remembered."""
        try:
            identity = _identity(file)
        except OSError:
            return look_at(file)
        with self._lock:
            entry = self._entries.get(identity)
        if entry is not None:
            return _from_json(file, entry)
        facts = look_at(file)
        with self._lock:
            self.num_read += 1
            if not facts.error:
                self._entries[identity] = _to_json(facts)
                self._is_changed = True
        return facts

    def save(self) -> None:
        """Write the file if anything was learnt; where it cannot be written, nothing is remembered."""
        if self.path is None or not self._is_changed:
            return
        try:
            write_json(self.path, {"format": INDEX_FORMAT, "files": self._entries})
        except OSError:  # a dataset on a disk that may only be read
            return
        self._is_changed = False


def _identity(file: Path) -> str:
    status = file.stat()
    text = f"{file.resolve()}\n{status.st_size}\n{status.st_mtime_ns}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _to_json(facts: FileFacts) -> dict[str, object]:
    return {name: value for name, value in dataclasses.asdict(facts).items() if name not in ("path", "error")}


def _from_json(path: Path, entry: dict[str, object]) -> FileFacts:
    info, pictures, sound = entry["info"], entry["pictures"], entry["sound"]
    return FileFacts(
        path=path,
        info=MediaInfo(**{**info, "notes": tuple(info["notes"])}) if isinstance(info, dict) else None,
        pictures=PictureFacts(**_tuples(pictures)) if isinstance(pictures, dict) else None,
        sound=SoundFacts(**sound) if isinstance(sound, dict) else None,
        hash=str(entry["hash"]),
    )


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """JSON has no tuples."""

    def deep(value: object) -> object:
        return tuple(deep(part) for part in value) if isinstance(value, list) else value

    return {name: deep(value) for name, value in fields.items()}
