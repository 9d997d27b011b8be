"""The header of a safetensors file: names, shapes and metadata, read without the weights and without torch."""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_LARGEST_HEADER = 100 * 2**20  # bytes; the format allows as many


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a safetensors file says of itself."""

    shapes: Mapping[str, tuple[int, ...]]
    dtypes: Mapping[str, str]
    """`BF16`, `F32` and so on, by tensor."""
    metadata: Mapping[str, str]

    @property
    def num_parameters(self) -> int:
        """Numbers in all tensors together."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def is_lora(self) -> bool:
        """Whether it holds pairs of small matrices, as LoRA files do."""
        return any(".lora_" in name for name in self.shapes)


def read_header(path: Path) -> Header:
    """Read the header.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no safetensors file, or its end is missing.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(_LARGEST_HEADER, max(size - 8, 0)):
            raise ValueError(f"{path.name} is no safetensors file: its header is missing or cut off.")
        try:
            entries = json.loads(file.read(length))
            metadata = {str(key): str(value) for key, value in dict(entries.pop("__metadata__", None) or {}).items()}
            shapes = {str(name): tuple(int(number) for number in one["shape"]) for name, one in entries.items()}
            dtypes = {str(name): str(one["dtype"]) for name, one in entries.items()}
            end = max((int(one["data_offsets"][1]) for one in entries.values()), default=0)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise ValueError(f"{path.name} is no safetensors file: its header cannot be read ({error}).") from error
    if 8 + length + end > size:
        raise ValueError(f"{path.name} is cut off: {size} bytes of {8 + length + end} are there. Copy it again.")
    return Header(shapes=shapes, dtypes=dtypes, metadata=metadata)


def shown_size(size: float) -> str:
    """A number of bytes for people: `561.6 kB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("gigabytes are the last unit")
