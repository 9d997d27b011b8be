"""What differs between two recipes, and the same differences made in a third.

Lists of classes, such as callbacks, are compared class by class, so that a changed probability and an added callback do
not stand in each other's way; other lists are single values.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ui.recipes.document import RecipeDocument, same
from ui.recipes.reading import Key


@dataclass(frozen=True)
class OfClass:
    """The part of a key that names an entry of a list of classes."""

    class_path: str


class _Absent:
    """Stands for a key that is not there."""


ABSENT: Final = _Absent()
Place = tuple[str | OfClass, ...]
Changes = dict[Place, Any]
"""New values by their place; `ABSENT` for a key that went."""


def changes(old: dict[str, Any], new: dict[str, Any]) -> Changes:
    """What must change in the old values to get the new ones.

    Args:
        old: Values of a recipe.
        new: Values of another.
    """
    return dict(_changes(old, new, ()))


def applied(document: RecipeDocument, new: Changes) -> RecipeDocument:
    """The document with changes made.

    Args:
        document: What to change.
        new: New values by their place.
    """
    for place, value in new.items():
        key = _key(document, place)
        if key is None:
            if value is not ABSENT and isinstance(place[-1], OfClass):
                listed = _key(document, place[:-1])
                entries = document.get(listed) if listed is not None else None
                document = document.set(listed or (), [*(entries or []), value])
        elif value is ABSENT:
            document = document.remove(key)
        else:
            document = document.set(key, value)
    return document


def rebased(text: RecipeDocument, old_base: RecipeDocument, new_base: RecipeDocument) -> RecipeDocument:
    """An edited recipe on another base: what the user changed stays, all else follows the base.

    Args:
        text: The old base with the user's edits.
        old_base: What the user began with.
        new_base: What the user would begin with now.
    """
    own = changes(old_base.values, text.values)
    wanted = {
        place: value
        for place, value in changes(old_base.values, new_base.values).items()
        if not any(_overlap(place, mine) for mine in own)
    }
    return applied(RecipeDocument(text.text, new_base), wanted)


def _changes(old: Any, new: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    if isinstance(old, dict) and isinstance(new, dict) and old.get("class_path") == new.get("class_path"):
        for name in [*old, *(name for name in new if name not in old)]:
            yield from _changes(old.get(name, ABSENT), new.get(name, ABSENT), (*place, name))
    elif (before := _by_class(old)) is not None and (after := _by_class(new)) is not None:
        for name in [*before, *(name for name in after if name not in before)]:
            yield from _changes(before.get(name, ABSENT), after.get(name, ABSENT), (*place, OfClass(name)))
    elif not same(old, new):
        yield place, new


def _by_class(value: Any) -> dict[str, Any] | None:
    """A list of different classes by their names, or None for anything else."""
    if not isinstance(value, list) or not all(isinstance(one, dict) and "class_path" in one for one in value):
        return None
    named = {str(one["class_path"]): one for one in value}
    return named if len(named) == len(value) and named else None


def _key(document: RecipeDocument, place: Place) -> Key | None:
    """A place as a key of the document, or None where it has no such class."""
    key: Key = ()
    for part in place:
        if isinstance(part, OfClass):
            found = document.with_class(key, part.class_path)
            if found is None:
                return None
            key = found
        else:
            key = (*key, part)
    return key


def _overlap(one: Place, other: Place) -> bool:
    """Whether two places are the same, or one lies within the other."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]
