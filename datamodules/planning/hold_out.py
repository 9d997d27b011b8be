"""Which clips are held out of training: those the manifest names, or a fixed share of the files."""

import hashlib
from collections.abc import Collection, Sequence

from datamodules.windows.clip_windows import ClipWindow


def held_out_files(sets: Sequence[Sequence[ClipWindow]], fraction: float) -> Collection[str]:
    """Media hashes of the files that validate; all windows of a file are on one side, in whichever sets it is.

    The manifest's `split: validation` wins. Without any, `fraction` of the files is taken in an order made from their
    bytes, so that names, order and machine play no part: at least one of two or more, and never all of a set.

    Args:
        sets: All windows of each set.
        fraction: `data.validation_fraction`, in [0, 1].
    """
    windows = [window for windows in sets for window in windows]
    named = {window.media_hash for window in windows if window.clip.split == "validation"}
    if named or not fraction:
        return named
    files = sorted({window.media_hash for window in windows}, key=_order)
    count = min(max(1, round(fraction * len(files))), len(files) - 1)
    rests = [{window.media_hash for window in windows} for windows in sets]
    held_out: set[str] = set()
    for file in files:
        if len(held_out) < count and all(rest != {file} for rest in rests):
            held_out.add(file)
            for rest in rests:
                rest.discard(file)
    return held_out


def _order(media_hash: str) -> str:
    return hashlib.sha256(f"held out {media_hash}".encode()).hexdigest()
