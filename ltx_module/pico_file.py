"""Writes safetensors byte for byte the same each time; the library's metadata order changes between runs."""

import json
from pathlib import Path

import torch

_DTYPES = {torch.bfloat16: "BF16", torch.float32: "F32"}


def write_safetensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Writes tensors in order of name after a header padded to 8 bytes.

    Args:
        path: The file.
        tensors: bf16 or fp32 tensors.
        metadata: Free text entries of the header.
    """
    header: dict[str, object] = {"__metadata__": metadata}
    offset = 0
    for name in sorted(tensors):
        tensor = tensors[name]
        end = offset + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(tensors):
            stream.write(tensors[name].contiguous().view(torch.uint8).numpy().tobytes())
