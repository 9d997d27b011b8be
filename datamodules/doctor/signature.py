"""Near-duplicates: clips that show the same pictures, however they were encoded, scaled or trimmed.

A signature is a row of small colour pictures, several a second. Two clips are the same if most pictures of the shorter
one are in the other, in the same order: a movement to the left is no copy of the same to the right. Pictures are
compared with their mean taken out, so that a copy may be brighter.
"""

import base64
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SIDE = 16
"""Pixels of a side of a signature's pictures."""
PER_SECOND = 4.0
"""Pictures a second."""
MOST_PICTURES = 48
"""Pictures of a signature."""
SAME_LEVELS = 4.0
"""Root mean square difference, of 255 levels, of two pictures that count as the same."""
SAME_CELLS = 16.0
"""Difference of the cells that differ most (all but 2 %) of two pictures that count as the same."""
SAME_SHARE = 0.8
"""Share of the pictures of the shorter clip that are in the other if they are near-duplicates."""

_ROUNDING = 1e-3
_FLAT_LEVELS = 4.0  # standard deviation of a picture that shows nothing by which to know it

Pictures = NDArray[np.uint8]


def encode_signature(pictures: Pictures) -> str:
    """Text for pictures `(M, 16, 16, 3)`."""
    return base64.b64encode(zlib.compress(pictures.tobytes())).decode("ascii")


def decode_signature(text: str) -> Pictures:
    """The pictures of a text; none for an empty one."""
    content = zlib.decompress(base64.b64decode(text)) if text else b""
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, SIDE, SIDE, 3)


def same_share(pictures: Pictures, others: Pictures) -> float:
    """Share of the pictures of the shorter clip that the other one shows in their order; 0 if there are none.

    Args:
        pictures: `(M, 16, 16, 3)`.
        others: `(N, 16, 16, 3)`.
    """
    shorter, longer = sorted((_told_apart(pictures), _told_apart(others)), key=len)
    if not len(shorter):
        return 0.0
    chains = np.zeros(len(longer), dtype=int)  # by the last picture of the longer clip: most pictures in order
    for picture in shorter:
        chains = np.maximum(chains, np.where(_same(picture, longer), np.maximum.accumulate(chains) + 1, 0))
    return float(chains.max() / len(shorter))


def likely_pairs(signatures: Sequence[Pictures]) -> list[tuple[int, int]]:
    """Pairs `(earlier, later)` that may be near-duplicates; `same_share` decides.

    Pictures of 4x4 cells differ by no more than those of 16x16 of which they are means, so that none is missed.

    Args:
        signatures: Pictures of every clip.
    """
    coarse = [_coarse(_told_apart(pictures)) for pictures in signatures]
    telling = [index for index, pictures in enumerate(coarse) if len(pictures)]
    if len(telling) < 2:
        return []
    lengths = np.array([len(coarse[index]) for index in telling])
    every = np.concatenate([coarse[index] for index in telling])
    squares, firsts = np.square(every).sum(1), np.concatenate([[0], lengths.cumsum()[:-1]])
    shares = np.zeros((len(telling), len(telling)), dtype=np.float32)  # of the first clip's pictures, in the second
    for row, index in enumerate(telling):
        own = coarse[index]
        distances = np.square(own).sum(1)[:, None] + squares - 2 * own @ every.T
        near = distances <= (SAME_LEVELS**2 + _ROUNDING) * own.shape[1]
        shares[row] = np.logical_or.reduceat(near, firsts, axis=1).mean(0)
    shorter_first = lengths[:, None] <= lengths
    likely = np.where(shorter_first, shares, shares.T) >= SAME_SHARE
    return [
        (telling[first], telling[later])
        for later in range(len(telling))
        for first in range(later)
        if likely[first, later]
    ]


def _coarse(flat: NDArray[np.float32]) -> NDArray[np.float64]:
    """Means of 4x4 blocks of pictures `(M, 768)`: `(M, 48)`."""
    blocks = flat.astype(np.float64).reshape(len(flat), 4, SIDE // 4, 4, SIDE // 4, 3)
    means: NDArray[np.float64] = blocks.mean((2, 4)).reshape(len(flat), 4 * 4 * 3)
    return means


def _same(picture: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of the others are the same picture."""
    differences = np.abs(others - picture)
    same: NDArray[np.bool_] = np.sqrt(np.square(differences).mean(1)) <= SAME_LEVELS
    if same.any():
        same[same] = np.percentile(differences[same], 98, axis=1) <= SAME_CELLS
    return same


def _told_apart(pictures: Pictures) -> NDArray[np.float32]:
    """The pictures that show something, flat, without their means: `(M, 768)`."""
    flat = pictures.reshape(len(pictures), SIDE * SIDE * 3).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    told: NDArray[np.float32] = flat[flat.std(1) >= _FLAT_LEVELS]
    return told
