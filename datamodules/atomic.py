"""Files that are either complete or absent.

A file is written under a temporary name in its own directory, flushed to the disk and renamed. A process that dies on
the way leaves only the temporary file, which no reader takes for an entry and which `remove_leftovers` clears away.
"""

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LEFTOVER_SUFFIX = ".tmp"
_LEFTOVER_AGE_SECONDS = 3600.0


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path that takes the place of `path` when the block ends without an exception.

    Args:
        path: The file to write. Its directory is made when missing.

    Raises:
        OSError: If the directory cannot be made or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{LEFTOVER_SUFFIX}"
    try:
        temporary.touch()
        mode = temporary.stat().st_mode  # what the umask grants; some writers leave files that only their owner reads
        yield temporary
        temporary.chmod(mode)
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: object) -> None:
    """Writes `content` as JSON, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True), encoding="utf-8")


def read_json(path: Path) -> object:
    """What `path` holds, or None when it is absent or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def remove_leftovers(directory: Path) -> tuple[int, int]:
    """Deletes temporary files that no living writer can still own, an hour after their last change.

    Returns:
        Number of files and of bytes removed.
    """
    files = size = 0
    for leftover in directory.rglob(f".*{LEFTOVER_SUFFIX}"):
        try:
            status = leftover.stat()
            if time.time() - status.st_mtime < _LEFTOVER_AGE_SECONDS:
                continue
            leftover.unlink()
        except FileNotFoundError:  # another process finished or removed it
            continue
        files, size = files + 1, size + status.st_size
    return files, size


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
