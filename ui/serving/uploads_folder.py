"""The folder that uploads wait in until a dataset takes them: bounded in age and size."""

import logging
import shutil
import stat
import time
from dataclasses import dataclass
from pathlib import Path

_LOG = logging.getLogger(__name__)
_OLDEST_SECONDS = 24 * 3600.0
_IN_USE_SECONDS = 3600.0
"""Younger uploads are not removed to make room: something may be reading them."""
_LEFT_FREE = 2**30
"""Bytes of the disk that an upload may not take."""


class FullError(ValueError):
    """There is no room for an upload."""


@dataclass(frozen=True, kw_only=True)
class UploadsFolder:
    """Where Gradio puts uploads, one folder each."""

    path: Path
    """Resolved; it need not exist."""
    largest_bytes: int
    """Of all uploads together."""

    def holds(self, path: str) -> bool:
        """Whether a text is the plain path of an uploaded file: absolute, no links, nothing hidden."""
        if not path.startswith("/") or "\0" in path or len(path) > 4096:
            return False
        file = Path(path)
        if ".." in file.parts or not file.is_relative_to(self.path):
            return False
        hidden = any(part.startswith(".") for part in file.relative_to(self.path).parts)
        try:
            return not hidden and file.is_file() and file.resolve() == file
        except OSError:
            return False

    def clean(self) -> None:
        """Remove what nobody fetched for a day, and the oldest beyond the size that is kept."""
        self._remove(older_than=_OLDEST_SECONDS, until=None)
        self._remove(older_than=_IN_USE_SECONDS, until=self.largest_bytes)

    def make_room(self, size: int) -> None:
        """Remove old uploads until one of a size fits.

        Raises:
            FullError: If it does not fit.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        left = self._remove(older_than=_IN_USE_SECONDS, until=self.largest_bytes - size)
        if left + size > self.largest_bytes:
            raise FullError(
                f"{left / 2**30:.1f} GiB of uploads wait in {self.path}, at most {self.largest_bytes / 2**30:.1f} GiB"
                " are kept: import them into a dataset, or delete them there; after an hour they go by themselves."
            )
        free = shutil.disk_usage(self.path).free
        if size > free - _LEFT_FREE:
            raise FullError(
                f"The disk of {self.path} has {free / 2**30:.1f} GiB left and the upload has {size / 2**30:.1f} GiB:"
                " make room first."
            )

    def _remove(self, *, older_than: float, until: int | None) -> int:
        """Remove the oldest uploads of an age while there are more bytes than some; returns the bytes that stay."""
        entries = sorted(self._entries(), key=lambda entry: entry[1])
        total = sum(size for _, _, size in entries)
        for path, changed, size in entries:
            if time.time() - changed < older_than or (until is not None and total <= until):
                break
            _LOG.info("removing the upload %s, %.1f MiB", path.name, size / 2**20)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            total -= size
        return total

    def _entries(self) -> list[tuple[Path, float, int]]:
        """Each upload with its last change and its bytes; what vanishes meanwhile is passed over."""
        found = []
        for path in self.path.iterdir() if self.path.is_dir() else ():
            try:
                files = [path, *path.rglob("*")] if path.is_dir() and not path.is_symlink() else [path]
                states = [file.lstat() for file in files]
            except OSError:
                continue
            size = sum(state.st_size for state in states if not stat.S_ISDIR(state.st_mode))
            found.append((path, max(state.st_mtime for state in states), size))
        return found
