"""Which captions are to be written, decided before a model is loaded or asked."""

import fnmatch
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from datamodules.captioning.memory import Memory
from datamodules.captioning.question import Source
from datamodules.captioning.store import CaptionStore

Overwrite = Literal["none", "own", "all"]
"""Which captions that are there may be written anew; `own` are those that this tool wrote and nobody edited since."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A clip and the captions it is to get."""

    source: Source
    numbers: tuple[int, ...]
    """The first caption is 1."""
    standing: tuple[bytes | None, ...]
    """What stands there now, number by number; it must still stand there when the caption is written."""
    known: tuple[str, ...]
    """Its captions that are kept."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done."""

    wanted: tuple[Wanted, ...]
    kept: tuple[str, ...]
    """Captions that stay as they are, with the reason."""


def settings_of(*values: object) -> str:
    """A short hash of what captions are asked with."""
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


def make_plan(
    store: CaptionStore,
    memory: Memory,
    *,
    variants: int,
    overwrite: Overwrite,
    settings: str,
    only: str | None,
) -> Plan:
    """Choose what to write.

    Args:
        store: The captions of the dataset.
        memory: Which of them this tool wrote.
        variants: Captions per clip.
        overwrite: Which captions that are there may be written anew.
        settings: From `settings_of`; a caption that was asked for with the same ones is not asked for again, so that
            a second run goes on where the first was stopped.
        only: A pattern such as `night/*.mp4` or `dance*`, matched with a clip's name; None for all.

    Raises:
        ValueError: If no clip matches the pattern.
    """
    sources = [source for source in store.sources if only is None or _matches(source, only)]
    if not sources:
        names = ", ".join(source.name for source in store.sources[:3])
        raise ValueError(f"`--only` is {only!r}, which matches no clip; clips are named like {names}.")
    wanted, kept = [], []
    for source in sources:
        numbers: list[int] = []
        standing: list[bytes | None] = []
        known: list[str] = []
        for number in range(1, variants + 1):
            content = store.content(source, number)
            reason = _reason_to_keep(content, memory, store.key(source, number), overwrite, settings)
            if reason:
                kept.append(f"{store.place(source, number)}: {reason}")
                known += [content.decode("utf-8", "replace").strip()] if content else []
            else:
                numbers.append(number)
                standing.append(content)
        if numbers:
            wanted.append(Wanted(source=source, numbers=tuple(numbers), standing=tuple(standing), known=tuple(known)))
    return Plan(wanted=tuple(wanted), kept=tuple(kept))


def _matches(source: Source, pattern: str) -> bool:
    name = source.name
    return any(fnmatch.fnmatchcase(text, pattern) for text in (name, name.rsplit("/", 1)[-1], source.media.stem))


def _reason_to_keep(content: bytes | None, memory: Memory, key: str, overwrite: Overwrite, settings: str) -> str | None:
    if content is None or not content.strip():
        return None
    is_own = memory.is_own(key, content)
    if is_own and memory.has_settings(key, settings):
        return "has a caption written with these settings"
    if overwrite == "none":
        return "has a caption"
    if overwrite == "own" and not is_own:
        return "has a caption that a person wrote or edited"
    return None


def describe_counts(plan: Plan, findings: Sequence[object]) -> str:
    """Such as `12 captions of 10 clips to write, 3 kept, 1 file is no clip`."""
    captions = sum(len(entry.numbers) for entry in plan.wanted)
    text = (
        f"{captions} {_plural('caption', captions)} of {len(plan.wanted)} {_plural('clip', len(plan.wanted))} to write"
    )
    text += f", {len(plan.kept)} kept" if plan.kept else ""
    return text + (f", {len(findings)} {_plural('file', len(findings))} left out" if findings else "")


def _plural(word: str, number: int) -> str:
    return word if number == 1 else f"{word}s"
