"""Which clips are held out of training: those the manifest names, or a fixed share of the files."""

import hashlib
from collections.abc import Collection, Sequence

from datamodules.windows import ClipWindow


def held_out_files(windows: Sequence[ClipWindow], fraction: float) -> Collection[str]:
    """Media hashes of the files that validate; all windows of a file are on one side.

    The manifest's `split: validation` wins. Without any, `fraction` of the files is taken in an order made from their
    bytes, so that names, order and machine play no part: at least one of two or more, and never all of them.

    Args:
        windows: All windows of the dataset.
        fraction: `data.validation_fraction`, in [0, 1].
    """
    named = {window.media_hash for window in windows if window.clip.split == "validation"}
    if named or not fraction:
        return named
    files = sorted({window.media_hash for window in windows}, key=_order)
    count = min(max(1, round(fraction * len(files))), len(files) - 1)
    return set(files[:count])


def _order(media_hash: str) -> str:
    return hashlib.sha256(f"held out {media_hash}".encode()).hexdigest()
