"""What may come into a dataset: names, kinds and sizes of files that a browser sends."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from datamodules.manifest.clip import MANIFEST_SUFFIXES, media_kind
from ui.datasets.content_kind import contradicts_name

GIB = 1024**3

_LONGEST_PART = 200
_LONGEST_NAME = 600
_DEEPEST = 8
_QUIET = ("__macosx", "thumbs.db", "desktop.ini")


class RefusedError(ValueError):
    """A file that does not come into the dataset, and why."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much is taken in at once."""

    files: int = 20_000
    """Files of one upload or zip."""
    total_bytes: int = 200 * GIB
    """Bytes of all files of one upload, unpacked."""
    text_bytes: int = 32 * 1024 * 1024
    """Bytes of a caption or manifest."""
    ratio: int = 100
    """How many times larger than its packed bytes a file of more than `ratio_from` may be; media hardly shrink."""
    ratio_from: int = 16 * 1024 * 1024
    """Bytes from which on the ratio counts."""
    free_bytes: int = 2 * GIB
    """Bytes of the disk that stay free."""


def is_noise(name: str) -> bool:
    """Whether a file is one that systems leave behind, of which nothing needs to be said."""
    parts = [part.lower() for part in PurePosixPath(name).parts]
    return any(part in _QUIET or part.startswith("._") or part == ".ds_store" for part in parts)


def checked_name(name: str) -> PurePosixPath:
    """The path below the dataset at which a file may be put.

    Raises:
        RefusedError: If the name leads elsewhere, hides, is too long, or is not of a kind that datasets hold.
    """
    text = name.replace("\\", "/")
    if text.startswith("/") or (len(text) > 1 and text[1] == ":"):
        raise RefusedError("its name is an absolute path")
    path = PurePosixPath(text)
    parts = path.parts
    if not parts or ".." in text.split("/"):
        raise RefusedError("its name leads out of the dataset")
    if not text.isprintable() or not all(part.strip() for part in parts):
        raise RefusedError("its name holds characters that cannot be shown")
    if any(part.startswith(".") for part in parts):
        raise RefusedError("hidden files are not part of a dataset")
    if len(parts) > _DEEPEST:
        raise RefusedError(f"it lies more than {_DEEPEST} folders deep")
    if len(text.encode("utf-8", "replace")) > _LONGEST_NAME or any(
        len(part.encode("utf-8", "replace")) > _LONGEST_PART for part in parts
    ):
        raise RefusedError(f"its name is longer than {_LONGEST_PART} bytes")
    if path.suffix.lower() == ".zip":
        raise RefusedError("a zip inside a zip is not unpacked: unpack it first")
    if not (media_kind(Path(text)) or is_text_file(path)):
        raise RefusedError(f"{path.suffix or 'a file without suffix'} is no clip, caption or manifest")
    return path


def is_text_file(path: PurePosixPath | Path) -> bool:
    """Whether it is a caption or a manifest."""
    return path.suffix.lower() in (".txt", *MANIFEST_SUFFIXES)


def check_content(path: Path, name: PurePosixPath) -> None:
    """Refuse a file that is not what its name says.

    Args:
        path: Where it lies for now.
        name: Where it is to lie.

    Raises:
        RefusedError: If it is empty media, or begins like something else.
    """
    if is_text_file(name) or not media_kind(Path(name)):
        return
    if path.stat().st_size == 0:
        raise RefusedError("it is empty")
    if contradicts_name(path):
        raise RefusedError(f"its content is no {name.suffix.lower()} file")
