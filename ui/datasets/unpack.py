"""A zip unpacked into a dataset, trusting nothing that it says of itself.

Its list of entries is limited before it is read, its bytes are counted while they come, and of links, zips within it
and names that lead elsewhere none is followed.
"""

import contextlib
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from datamodules.manifest.companions import RESERVED_FOLDERS, SAMPLES
from ui.datasets.intake import Intake
from ui.datasets.upload_rules import RefusedError, checked_name, is_noise

_MOST_LIST_BYTES = 16 * 1024 * 1024
_END = b"PK\x05\x06"
_END64 = b"PK\x06\x06"
_LONGEST_END = 22 + 65535 + 20 + 56
_ENCRYPTED = 0x1
_SAYS_UTF8 = 0x800


def gather_zip(incoming: Intake, path: Path) -> None:
    """Gather the files of a zip.

    Args:
        incoming: Where they go.
        path: The zip.

    Raises:
        ValueError: If it is no zip, is damaged, or holds more than is taken; nothing of it is placed then.
    """
    _require_short_list(path)
    try:
        with zipfile.ZipFile(path) as packed:
            entries = [_named(entry) for entry in packed.infolist() if not entry.filename.endswith("/")]
            if len(entries) > incoming.limits.files:
                raise ValueError(
                    f"The zip holds {len(entries)} files, but at most {incoming.limits.files} are taken: split it."
                )
            top = _common_folder([entry.filename for entry in entries if not is_noise(entry.filename)])
            for entry in entries:
                if not is_noise(entry.filename):
                    _gather_entry(incoming, packed, entry, top)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error) as error:
        raise ValueError(
            f"{path.name} cannot be unpacked ({error}): nothing of it was added. Pack it again."
        ) from error


def _gather_entry(incoming: Intake, packed: zipfile.ZipFile, entry: zipfile.ZipInfo, top: str) -> None:
    try:
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise RefusedError("it is a link")
        if entry.flag_bits & _ENCRYPTED:
            raise RefusedError("it is encrypted")
        name = checked_name(entry.filename.replace("\\", "/").removeprefix(top))
        with packed.open(entry) as source:
            incoming.gather(name, source, packed_bytes=entry.compress_size)  # type: ignore[arg-type]  # IO[bytes]
    except RefusedError as error:
        incoming.refuse(entry.filename, str(error))


def _named(entry: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """An entry under its name in UTF-8, which Finder and Info-ZIP write without saying so."""
    if not entry.flag_bits & _SAYS_UTF8:
        with contextlib.suppress(UnicodeError):
            entry.filename = entry.filename.encode("cp437").decode("utf-8")
    return entry


def _common_folder(names: Sequence[str]) -> str:
    """The one folder in which a packed dataset lies, which is left out: its references must lie at the root."""
    firsts = {PurePosixPath(name.replace("\\", "/")).parts[:1] for name in names}
    nested = all("/" in name.replace("\\", "/") for name in names)
    if len(firsts) != 1 or not nested:
        return ""
    first = "".join(*firsts)
    is_plain = first.strip() and first.isprintable() and not first.startswith((".", "/")) and ":" not in first
    return f"{first}/" if is_plain and first not in (*RESERVED_FOLDERS, SAMPLES[0]) else ""


def _require_short_list(path: Path) -> None:
    """Refuse a list of entries that would fill the memory, before `zipfile` reads all of it."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - _LONGEST_END, 0))
        tail = file.read(_LONGEST_END)
    place = tail.rfind(_END)
    if place < 0 or len(tail) < place + 22:
        raise ValueError(f"{path.name} is no zip, or is cut off: pack it again.")
    declared = struct.unpack_from("<L", tail, place + 12)[0]
    place64 = tail.rfind(_END64, 0, place)
    if declared == 0xFFFFFFFF or place64 >= 0:
        declared = struct.unpack_from("<Q", tail, place64 + 40)[0] if 0 <= place64 <= len(tail) - 56 else size
    if declared > _MOST_LIST_BYTES:
        raise ValueError(f"{path.name} lists more files than are taken at once: send it in parts.")
