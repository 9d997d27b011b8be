"""Writes safetensors byte for byte the same each time; the library's metadata order changes between runs."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

_DTYPES = {torch.bfloat16: "BF16", torch.float32: "F32"}


def write_safetensors(path: Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Writes tensors in order of name after a header padded to 8 bytes.

    Args:
        path: The file.
        tensors: bf16 or fp32 tensors.
        metadata: Free text entries of the header.
    """
    write_streaming(path, tensors, tensors.__getitem__, metadata)


def write_streaming(
    path: Path,
    shapes: Mapping[str, torch.Tensor],
    value_of: Callable[[str], torch.Tensor],
    metadata: dict[str, str],
) -> None:
    """The same for a file larger than memory: each value is asked for when it is written.

    Args:
        path: The file.
        shapes: Tensors that show shape and dtype, such as those of the meta device.
        value_of: Gives the value of a name.
        metadata: Free text entries of the header.
    """
    with path.open("wb") as stream:
        stream.write(header_bytes(shapes, metadata))
        for name in sorted(shapes):
            stream.write(value_of(name).cpu().contiguous().flatten().view(torch.uint8).numpy().data)


def header_bytes(shapes: Mapping[str, torch.Tensor], metadata: dict[str, str]) -> bytes:
    """What stands before the values: the header and its length."""
    header: dict[str, object] = {"__metadata__": metadata}
    offset = 0
    for name in sorted(shapes):
        tensor = shapes[name]
        end = offset + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
