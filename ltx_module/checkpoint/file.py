"""The safetensors container: its header, its tensors one at a time, and what can be wrong with it.

The header is parsed here rather than by the library so that a broken file gets a reason a user can act on,
and so that names, shapes and sizes are known without touching a single weight.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open

from ltx_module.checkpoint.errors import CheckpointError

_MAX_HEADER_BYTES = 100_000_000  # the format's own limit
_SAMPLE_BYTES = 64


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor lies in its file."""

    dtype: str
    """The format's name, such as `BF16` or `F8_E4M3`."""
    shape: tuple[int, ...]
    start: int
    """First byte, counted from the start of the file."""
    end: int
    """One past the last byte."""

    @property
    def numel(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


class TensorStore(Protocol):
    """Named tensors on disk: one file, or a directory of shards."""

    path: Path
    tensors: dict[str, TensorInfo]

    def read(self, names: Iterable[str], device: torch.device | str = "cpu") -> Iterator[tuple[str, torch.Tensor]]:
        """Yields tensors one by one as stored, each directly onto the device."""
        ...


class SafetensorsFile:
    """An open safetensors file, of which only the header has been read.

    Args:
        path: An existing file.

    Attributes:
        metadata: The header's free text entries.
        tensors: Every tensor by name, in file order.

    Raises:
        CheckpointError: If it is not a safetensors file, or is shorter than its header says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        header, data_start = _read_header(path, self.size)
        self.metadata: dict[str, str] = header.pop("__metadata__", {})
        try:
            tensors = {name: _tensor_info(entry, data_start) for name, entry in header.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise _not_safetensors(path, "its header does not describe tensors") from error
        self.tensors = dict(sorted(tensors.items(), key=lambda item: item[1].start))
        needed = max((info.end for info in self.tensors.values()), default=data_start)
        if self.size != needed:
            raise _wrong_size(path, self.size, needed)

    def read(self, names: Iterable[str], device: torch.device | str = "cpu") -> Iterator[tuple[str, torch.Tensor]]:
        """Yields tensors one by one in the given order, as stored.

        On the CPU they are views of the mapped file: memory that the system can drop and read again.

        Args:
            names: Names in the file.
            device: Where the tensors are wanted; each goes there directly, without a copy of the file in memory.
        """
        with safe_open(str(self.path), framework="pt", device=str(device)) as handle:
            for name in names:
                yield name, handle.get_tensor(name)

    def digest(self, names: Iterable[str]) -> str:
        """A hash of names, shapes, dtypes and two fixed samples of 64 bytes of each tensor.

        It costs one small read for each tensor, never the whole file: a fine-tuned, converted or differently
        rounded weight changes it, and a few bits flipped in the middle of a large tensor may not.

        Args:
            names: Names in the file, hashed in sorted order.
        """
        digest = hashlib.sha256()
        with self.path.open("rb") as stream:
            for name in sorted(names):
                info = self.tensors[name]
                digest.update(f"{name}|{info.dtype}|{info.shape}|".encode())
                middle = (info.start + info.end) // 2
                for start in (info.start, middle):
                    stream.seek(start)
                    digest.update(stream.read(min(_SAMPLE_BYTES, info.end - start)))
        return digest.hexdigest()


def _read_header(path: Path, size: int) -> tuple[dict[str, Any], int]:
    with path.open("rb") as stream:
        prefix = stream.read(8)
        _refuse_known_impostors(path, prefix + stream.read(32))
        length = int.from_bytes(prefix, "little")
        if len(prefix) < 8 or not 2 <= length <= _MAX_HEADER_BYTES:
            raise _not_safetensors(path, "it does not begin with a safetensors header")
        stream.seek(8)
        text = stream.read(length)
    if not text.startswith(b"{"):
        raise _not_safetensors(path, "it does not begin with a safetensors header")
    if len(text) < length:
        raise _wrong_size(path, size, 8 + length)
    try:
        header = json.loads(text)
    except ValueError as error:
        raise _not_safetensors(path, "its header is not JSON") from error
    return header, 8 + length


def _refuse_known_impostors(path: Path, start: bytes) -> None:
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{path} is a Git LFS pointer, not the weights: run `git lfs pull` where it came from.")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise CheckpointError(
            f"{path} is a web page, not the weights: the download was answered by a login or licence page. "
            "Log in with `hf auth login` and download it again with `hf download`."
        )


def _tensor_info(entry: dict[str, Any], data_start: int) -> TensorInfo:
    start, end = entry["data_offsets"]
    return TensorInfo(str(entry["dtype"]), tuple(int(n) for n in entry["shape"]), data_start + start, data_start + end)


def _not_safetensors(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is not a safetensors file: {reason}. GGUF, .ckpt and .pt files are not supported; "
        "use the published .safetensors file."
    )


def _wrong_size(path: Path, size: int, needed: int) -> CheckpointError:
    if size < needed:
        return CheckpointError(
            f"{path} is truncated: it has {size:,} bytes and its header describes {needed:,} "
            f"({needed - size:,} are missing). Run the download again; `hf download` resumes it."
        )
    return CheckpointError(
        f"{path} is damaged: it has {size:,} bytes and its header describes {needed:,}. "
        "Delete it and download it again."
    )
