"""The sets of clips that a recipe trains on together, and how often each is seen.

`repeats` says how many times each clip of a set is seen in one pass over the data; `share` says which part of all
items comes from the set, whatever its size, and is turned into repeats once its clips are counted. With `n_i` clips,
sets of given repeats `r_i` and shares `s_i` of the others, whose sum is `S`:

    T = sum_i(n_i * r_i) / (1 - S)   items in a pass        r_i = s_i * T / n_i   of a set with a share

Where every set has a share, a pass has as many items as there are clips.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.manifest.clip import MANIFEST_SUFFIXES

_LEAST_REPEATS, _MOST_REPEATS = 0.001, 1000.0
_ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class ClipSet:
    """One of several sets of clips."""

    path: Path
    """Folder of clips with .txt captions beside them, or a .csv, .json or .jsonl manifest."""
    repeats: float = 1.0
    """Times each clip is seen in one pass over the data; 0.5 is every other pass."""
    share: float | None = None
    """Part of all training items that comes from this set, whatever its size; in place of `repeats`."""
    trigger: str | None = None
    """Word put in front of this set's captions; null takes `data.trigger`, an empty one puts none."""
    caption_dropout: float | None = None
    """Share of this set's items trained without their caption; null takes that of `callbacks.DropCaptions`."""
    flip: bool = False
    """Whether half of the visits show a clip mirrored; one whose caption names left or right stays as it is."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A set as it is named in reports and errors."""

    set: ClipSet
    key: str
    """Key of its path in the recipe: `data.path`, or `data.sets[1].path`."""
    prefix: str
    """What is put before the names of its clips, so that those of two sets differ; empty for the only set."""

    @property
    def is_named(self) -> bool:
        """Whether the recipe has it as one of its `data.sets`."""
        return self.key != "data.path"


def sources(path: Path | None, sets: Sequence[ClipSet] | None) -> tuple[Source, ...]:
    """The sets of a recipe, of which a lone `data.path` is one.

    Args:
        path: `data.path`.
        sets: `data.sets`.

    Raises:
        ValueError: If not exactly one of both is given, or the sets contradict themselves or each other.
    """
    if path is not None and sets is not None:
        raise ValueError(
            f"`data.path` is {str(path)!r} and `data.sets` has {len(sets)} sets, but clips come from one of them: make "
            "the path a set of its own, or set one of both to null."
        )
    if path is not None:
        return (Source(set=ClipSet(path=Path(path).expanduser()), key="data.path", prefix=""),)
    if not sets:
        raise ValueError(
            "Neither `data.path` nor `data.sets` is given, so there is no clip: give a folder of clips with .txt "
            "captions beside them, or a .csv, .json or .jsonl manifest."
        )
    for number, each in enumerate(sets):
        _check(each, f"data.sets[{number}]")
    _check_shares(sets)
    sets = [dataclasses.replace(each, path=Path(each.path).expanduser()) for each in sets]
    paths = [each.path for each in sets]
    _check_paths(paths)
    return tuple(
        Source(set=each, key=f"data.sets[{number}].path", prefix=prefix)
        for number, (each, prefix) in enumerate(zip(sets, prefixes(paths), strict=True))
    )


def prefixes(paths: Sequence[Path]) -> list[str]:
    """What tells the clips of several datasets apart: the name of each folder or manifest, numbered where it must be.

    Args:
        paths: Where they are; of a lone one, the names stay as they are.
    """
    if len(paths) == 1:
        return [""]
    names = [_name(path.resolve()) for path in paths]
    alike = Counter(names)
    return [f"{name}#{number}/" if alike[name] > 1 else f"{name}/" for number, name in enumerate(names)]


def resolved_repeats(sets: Sequence[ClipSet], counts: Sequence[int]) -> tuple[float, ...]:
    """How many times each clip of each set is seen in one pass, with shares turned into repeats.

    Args:
        sets: The sets, as `sources` let them pass.
        counts: Clips of each to train on.

    Raises:
        ValueError: If a set with a share has no clip.
    """
    for number, (each, count) in enumerate(zip(sets, counts, strict=True)):
        if each.share is not None and not count:
            raise ValueError(f"`data.sets[{number}].share` is {each.share:g}, but no clip of {each.path} can be used.")
    if all(each.share is not None for each in sets):
        items = float(sum(counts))
    else:
        rest = 1 - sum(each.share or 0.0 for each in sets)
        items = sum(each.repeats * n for each, n in zip(sets, counts, strict=True) if each.share is None) / rest
    return tuple(
        each.repeats if each.share is None else each.share * items / count
        for each, count in zip(sets, counts, strict=True)
    )


def _check(each: ClipSet, key: str) -> None:
    """Refuse numbers that mean nothing."""
    if each.share is not None and each.repeats != 1:
        raise ValueError(
            f"`{key}` has repeats {each.repeats:g} and share {each.share:g}, but a share decides how often its clips "
            "are seen: remove one of both."
        )
    if not _LEAST_REPEATS <= each.repeats <= _MOST_REPEATS:
        raise ValueError(
            f"`{key}.repeats` is {each.repeats:g}, but each clip is seen between {_LEAST_REPEATS:g} and "
            f"{_MOST_REPEATS:g} times in a pass: give such a number, or leave the set out."
        )
    if each.share is not None and not 0 < each.share <= 1:
        raise ValueError(
            f"`{key}.share` is {each.share:g}, but it is a part of all items, more than 0 and at most 1: 0.25 is a "
            "quarter of them."
        )
    if each.caption_dropout is not None and not 0 <= each.caption_dropout <= 1:
        raise ValueError(
            f"`{key}.caption_dropout` is {each.caption_dropout:g}, but it is a probability between 0 and 1."
        )


def _check_shares(sets: Sequence[ClipSet]) -> None:
    """Refuse shares that leave nothing for the sets without one, or leave a rest that no set takes."""
    total = math.fsum(each.share or 0.0 for each in sets)
    without = [number for number, each in enumerate(sets) if each.share is None]
    if without and total > 1 - _ROUNDING:
        raise ValueError(
            f"The shares of `data.sets` sum to {total:g}, which leaves nothing for `data.sets[{without[0]}]`, which "
            "has none: lower them, or give it one too."
        )
    if not without and abs(total - 1) > _ROUNDING:
        raise ValueError(
            f"All of `data.sets` have a share, and they sum to {total:g} rather than to 1: correct them, or leave one "
            "set without a share, which then gets the rest."
        )


def _check_paths(paths: Sequence[Path]) -> None:
    """Refuse one dataset under two keys."""
    first: dict[Path, int] = {}
    for number, path in enumerate(paths):
        same = first.setdefault(path.resolve(), number)
        if same != number:
            raise ValueError(
                f"`data.sets[{number}].path` is {str(path)!r}, which is the dataset of `data.sets[{same}].path` "
                "too: name it once, with `repeats` or `share` for how often it is seen."
            )


def _name(path: Path) -> str:
    return path.stem if path.suffix.lower() in MANIFEST_SUFFIXES else path.name
