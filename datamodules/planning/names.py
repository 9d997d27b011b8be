"""Names that tell items apart: two rows of a manifest may name the same video with other masks or references."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator

from datamodules.batch import CachedClip
from datamodules.manifest.mirroring import MIRRORED


def named_apart(clips: Iterable[CachedClip]) -> Iterator[CachedClip]:
    """The clips, of which the second of a name ends in ` #2`, and its mirrored twin in ` #2 mirrored`."""
    counts: Counter[tuple[bool, str]] = Counter()
    pairs: dict[tuple[int, int], str] = {}
    for clip in clips:
        name = None if clip.twin is None else pairs.get((clip.set_number, clip.twin))
        if name is not None:
            yield dataclasses.replace(clip, name=name + MIRRORED)
            continue
        key = clip.is_regularisation, clip.name
        counts[key] += 1
        name = clip.name if counts[key] == 1 else f"{clip.name} #{counts[key]}"
        if clip.twin is not None:
            pairs[clip.set_number, clip.twin] = name
        yield dataclasses.replace(clip, name=name)
