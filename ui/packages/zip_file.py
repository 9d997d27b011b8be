"""A package as a zip file that is made while it is sent: nothing is written, and never more than a chunk is held."""

import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ui.packages.package import Package, PackageFile, package_of
from ui.workspace import Workspace

_CHUNK = 2**20
_COMPRESSED = (".json", ".md", ".txt")
_LARGE = 2**31  # bytes from which on the entry is written with 64-bit sizes


class _Outbox:
    """Takes what the zip writer writes, until it is fetched; it cannot be rewound, so sizes come behind each file."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def fetch(self) -> bytes:
        joined = b"".join(self.parts)
        self.parts.clear()
        return joined


def zip_name(workspace: Workspace, run: str) -> str:
    """Name of the zip file.

    Raises:
        ValueError: If nothing was exported.
    """
    return f"{_require(workspace, run).name}.zip"


def zip_stream(workspace: Workspace, run: str) -> Iterator[bytes]:
    """The bytes of the zip file; weights and videos are stored as they are, texts are compressed.

    Args:
        workspace: Has the run.
        run: Name of the run.

    Raises:
        ValueError: If nothing was exported, at once and not while it is sent.
    """
    return _bytes(_require(workspace, run))


def _require(workspace: Workspace, run: str) -> Package:
    package = package_of(workspace, run)
    if package is None:
        raise ValueError(f"{run} has no ComfyUI package yet: export one of its LoRAs first.")
    return package


def _bytes(package: Package) -> Iterator[bytes]:
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w") as archive:  # type: ignore[call-overload]  # a sink needs no more than write
        for file in package.files:
            for _ in _add(archive, package, file):
                yield outbox.fetch()
    yield outbox.fetch()


def _add(archive: zipfile.ZipFile, package: Package, file: PackageFile) -> Iterator[None]:
    """Write a file chunk by chunk, and pause after each."""
    status = file.path.stat()
    entry = zipfile.ZipInfo(f"{package.name}/{file.name}", time.localtime(max(status.st_mtime, 315619200))[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED if Path(file.name).suffix in _COMPRESSED else zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16
    with file.path.open("rb") as source, archive.open(entry, "w", force_zip64=status.st_size >= _LARGE) as target:
        while chunk := source.read(_CHUNK):
            target.write(chunk)
            yield
    yield
