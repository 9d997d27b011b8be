"""Files taken into a dataset: they are gathered in a hidden folder of it, and each is then put in its place.

A file that is there already is never overwritten, and no name leads out of the dataset, not by links either. What
breaks off leaves the hidden folder alone, which a later upload clears away.
"""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

from ui.datasets.dataset import Dataset
from ui.datasets.upload_rules import Limits, RefusedError, check_content, is_text_file

CHUNK = 1024 * 1024
_PREFIX = ".incoming-"
_LEFTOVER_SECONDS = 24 * 3600.0

Fate = Literal["added", "there already", "refused"]


@dataclass(frozen=True, kw_only=True)
class Received:
    """What became of one file."""

    name: str
    """Its name as it came."""
    fate: Fate
    """Whether it is in the dataset now."""
    reason: str = ""
    """Why not."""


@dataclass(kw_only=True)
class Intake:
    """Files on their way into a dataset."""

    dataset: Dataset
    limits: Limits
    staging: Path
    num_bytes: int = 0
    """Bytes gathered so far, as they were counted."""
    packed_bytes: int = 0
    """What they take in their zip."""
    gathered: list[tuple[PurePosixPath, Path]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)

    def gather(self, name: PurePosixPath, source: BinaryIO, *, packed_bytes: int | None = None) -> None:
        """Copy one file into the hidden folder, counting bytes as they come.

        Args:
            name: Where it is to lie.
            source: Its bytes.
            packed_bytes: What it takes in a zip.

        Raises:
            RefusedError: If it is not what its name says; the others go on.
            ValueError: If a limit is reached, at which everything ends.
        """
        temporary = self.staging / f"{len(self.gathered):06d}{name.suffix.lower()}"
        count = 0
        self.packed_bytes += packed_bytes or 0
        with temporary.open("wb") as file:
            while chunk := source.read(CHUNK):
                count += len(chunk)
                self.num_bytes += len(chunk)
                self._require_room(name, count)
                if packed_bytes is not None:
                    self._require_media(f"{name} grows", count, packed_bytes)
                    self._require_media("It unpacks", self.num_bytes, self.packed_bytes)
                file.write(chunk)
        check_content(temporary, name)
        self.gathered.append((name, temporary))

    def adopt(self, name: PurePosixPath, path: Path) -> None:
        """Take over a file that lies on this machine, without a copy where the disk is the same; it is gone then.

        Raises:
            RefusedError: If it is not what its name says.
            ValueError: If a limit is reached.
        """
        temporary = self.staging / f"{len(self.gathered):06d}{name.suffix.lower()}"
        temporary.touch()
        mode = temporary.stat().st_mode  # what the umask grants; uploads are for their owner alone
        try:
            path.rename(temporary)
        except OSError:  # another disk
            with path.open("rb") as source:
                self.gather(name, source)
            return
        temporary.chmod(mode)
        size = temporary.stat().st_size
        self.num_bytes += size
        self._require_room(name, size)
        check_content(temporary, name)
        self.gathered.append((name, temporary))

    def refuse(self, name: str, reason: str) -> None:
        """Note a file that is not taken."""
        self.received.append(Received(name=name, fate="refused", reason=reason))

    def place(self) -> list[Received]:
        """Put every gathered file in its place."""
        for name, temporary in self.gathered:
            try:
                self.received.append(_placed(self.dataset, name, temporary))
            except (OSError, ValueError) as error:
                self.refuse(str(name), str(error))
        return self.received

    def _require_media(self, what: str, count: int, packed_bytes: int) -> None:
        """Refuse what is packed as no media can be, one file or all of them."""
        limits = self.limits
        if count > limits.ratio_from and count > limits.ratio * max(packed_bytes, 1):
            raise ValueError(
                f"{what} to more than {limits.ratio} times its packed size, which media never do: nothing of the"
                " zip was added."
            )

    def _require_room(self, name: PurePosixPath, count: int) -> None:
        limits = self.limits
        if is_text_file(name) and count > limits.text_bytes:
            raise RefusedError(f"a caption or manifest has at most {limits.text_bytes / 1e6:.0f} MB")
        if self.num_bytes > limits.total_bytes:
            raise ValueError(
                f"The upload holds more than {limits.total_bytes / 1e9:.0f} GB: nothing was added. Send it in parts, or"
                " put it on the machine and give its path."
            )
        if shutil.disk_usage(self.staging).free < limits.free_bytes:
            raise ValueError("The disk is full: nothing was added. Free some space and try again.")


@contextmanager
def intake(dataset: Dataset, limits: Limits) -> Iterator[Intake]:
    """A hidden folder in the dataset, gone at the end whatever happens.

    Raises:
        ValueError: If the dataset is a manifest.
        OSError: If it cannot be written.
    """
    if dataset.is_manifest:
        raise ValueError(f"{dataset.shown} is a manifest: choose its folder, or a dataset of its own, for uploads.")
    _clear_leftovers(dataset.path)
    staging = dataset.path / f"{_PREFIX}{secrets.token_hex(8)}"
    staging.mkdir()
    try:
        yield Intake(dataset=dataset, limits=limits, staging=staging)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _placed(dataset: Dataset, name: PurePosixPath, temporary: Path) -> Received:
    parent = dataset.workspace.inside(dataset.path / name.parent, "datasets")
    if not parent.is_relative_to(dataset.path):
        return Received(name=str(name), fate="refused", reason="its folder is a link that leads out of the dataset")
    parent.mkdir(parents=True, exist_ok=True)
    target = parent / name.name
    try:
        _move_unless_there(temporary, target)
    except FileExistsError:
        if target.is_file() and not target.is_symlink() and _are_equal(target, temporary):
            return Received(name=str(name), fate="there already")
        reason = "a file of this name with other content is there: rename yours, or delete that one"
        return Received(name=str(name), fate="refused", reason=reason)
    return Received(name=str(name), fate="added")


def _move_unless_there(temporary: Path, target: Path) -> None:
    """Unlike a rename, this never takes the place of a file that is there.

    Raises:
        FileExistsError: If there is one.
    """
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        with target.open("xb"):  # a disk without links: the name is taken first
            pass
        temporary.replace(target)


def _are_equal(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        while chunk := first.read(CHUNK):
            if chunk != second.read(CHUNK):
                return False
    return True


def _clear_leftovers(folder: Path) -> None:
    """Remove hidden folders of uploads that broke off a day ago or earlier."""
    for leftover in folder.glob(f"{_PREFIX}*"):
        if not leftover.is_symlink() and time.time() - leftover.stat().st_mtime > _LEFTOVER_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)
