"""What is known about media files, remembered by path, size and time of change, so that a second look costs nothing."""

import dataclasses
import logging
from pathlib import Path

from datamodules.atomic import read_json, write_json
from datamodules.manifest.scan import file_hash
from datamodules.media.probe import MediaInfo, probe

logger = logging.getLogger(__name__)

INDEX_FORMAT = 2
"""Raised when `probe` learns to see more, so that files are looked at again."""


class MediaIndex:
    """Hashes and properties of media files, kept in one JSON file.

    Two processes may write it at once: one of the two versions stays, and what it lacks is looked up again.

    Args:
        path: The JSON file; a missing or damaged one counts as empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        content = read_json(path)
        valid = isinstance(content, dict) and content.get("format") == INDEX_FORMAT
        self._entries: dict[str, dict[str, object]] = content["files"] if valid and isinstance(content, dict) else {}
        self._is_changed = False

    def hash(self, file: Path) -> str:
        """SHA-256 of the file's bytes.

        Raises:
            OSError: If it cannot be read.
        """
        entry = self._entry(file)
        if "hash" not in entry:
            entry["hash"] = file_hash(file)
            self._is_changed = True
        return str(entry["hash"])

    def info(self, file: Path) -> MediaInfo:
        """What `probe` says about the file; an error is not remembered.

        Raises:
            MediaError: If it is not readable media.
        """
        entry = self._entry(file)
        known = entry.get("info")
        if isinstance(known, dict):
            return MediaInfo(**{**known, "notes": tuple(known["notes"])})  # JSON has no tuples
        info = probe(file)
        entry["info"] = dataclasses.asdict(info)
        self._is_changed = True
        return info

    def save(self) -> None:
        """Writes the file if anything was learnt.

        Raises:
            OSError: If it cannot be written.
        """
        if not self._is_changed:
            return
        try:
            write_json(self.path, {"format": INDEX_FORMAT, "files": self._entries})
        except OSError as error:
            raise OSError(
                f"The latent cache {self.path.parent} cannot be written ({error}): set `data.cache_dir` to a directory "
                "that you may write to."
            ) from error
        self._is_changed = False

    def _entry(self, file: Path) -> dict[str, object]:
        status = file.stat()
        identity = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
        entry = self._entries.setdefault(str(file.resolve()), dict[str, object](identity))
        if any(entry.get(name) != value for name, value in identity.items()):
            entry.clear()
            entry.update(identity)
        return entry
