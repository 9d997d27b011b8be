"""JSON of a file that anybody may have edited: of bounded size, and None where it is no JSON."""

import json
from pathlib import Path


def read_bounded_json(path: Path, max_bytes: int) -> object:
    """What a file holds, or None if it is absent, larger than allowed, or not JSON.

    Args:
        path: The file.
        max_bytes: Largest size that is read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
        return None if len(data) > max_bytes else json.loads(data)
    except (OSError, ValueError, RecursionError):
        return None
