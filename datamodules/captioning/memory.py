"""Which captions this tool wrote: a caption whose hash is remembered has not been edited by a person since.

When in doubt a caption is a person's: a lost or damaged memory makes all of them so.
"""

import hashlib
from pathlib import Path

from datamodules.atomic import read_json, write_json

FILE_NAME = ".ltx-captions.json"
BACKUP_NAME = ".ltx-captions.backup"
_FORMAT = 1


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


class Memory:
    """Hashes of written captions, in a JSON file beside the dataset's cache.

    Args:
        directory: The dataset's folder.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE_NAME
        self._entries = _entries(self.path)

    def is_own(self, key: str, content: bytes) -> bool:
        """Whether `content` is what this tool wrote last under `key`."""
        return self._entries.get(key, {}).get("sha256") == digest(content)

    def has_settings(self, key: str, settings: str) -> bool:
        """Whether what was written last under `key` was asked for with these settings."""
        return self._entries.get(key, {}).get("settings") == settings

    def remember(self, key: str, content: bytes, settings: str) -> None:
        """Keep that `content` was written; what other processes remembered meanwhile stays.

        Raises:
            OSError: If the file cannot be written.
        """
        entry = {"sha256": digest(content), "settings": settings}
        self._entries = _entries(self.path) | {key: entry}
        write_json(self.path, {"format": _FORMAT, "captions": self._entries})


def back_up(directory: Path, name: str, content: bytes) -> Path:
    """Keep what is about to be overwritten, in a hidden folder that is no part of the dataset.

    Args:
        directory: The dataset's folder.
        name: The file's path relative to it.
        content: Its bytes.

    Returns:
        The copy, `name.1`, `name.2` and so on; an equal copy is not made twice.
    """
    number = 1
    while True:
        path = directory / BACKUP_NAME / f"{name}.{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            if path.read_bytes() == content:
                return path
            number += 1
        else:
            return path


def _entries(path: Path) -> dict[str, dict[str, str]]:
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        return {}
    captions = content.get("captions")
    if not isinstance(captions, dict):
        return {}
    return {key: entry for key, entry in captions.items() if isinstance(entry, dict)}
