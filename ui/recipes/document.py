"""A recipe's text, edited in place: every edit changes the value it is about and leaves all other characters alone.

    document = RecipeDocument(text)
    document.set("model.lora.rank", 16).text

Comments, order, quotes and blank lines stay. What was set can be set back: `like` names a document in which the value
stands as it was written, and its very characters are taken.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from ui.recipes import edits
from ui.recipes.reading import Key, compose, values_of

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_MISSING = object()


def key_of(text: str | Key) -> Key:
    """A key such as `data.sets[0].path` in its parts.

    Args:
        text: Names with dots between and numbers in brackets, or the parts themselves.
    """
    if isinstance(text, tuple):
        return text
    return tuple(int(number) if number else name for name, number in _PART.findall(text))


def key_text(key: Key) -> str:
    """A key as messages write it: `data.sets[0].path`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")


@dataclass(frozen=True)
class RecipeDocument:
    """A recipe's text and the values in it."""

    text: str
    """YAML, as it stands in the file or in the editor."""
    like: "RecipeDocument | None" = field(default=None, compare=False, repr=False)
    """Where a value that is set back is found as it was written."""

    @cached_property
    def root(self) -> yaml.MappingNode:
        """The text's nodes.

        Raises:
            RecipeTextError: If the text is no recipe.
        """
        return compose(self.text)

    @cached_property
    def values(self) -> dict[str, Any]:
        """All values, as PyYAML reads them.

        Raises:
            RecipeTextError: If the text is no recipe.
        """
        values: dict[str, Any] = values_of(self.root)
        return values

    def get(self, key: str | Key, default: Any = None) -> Any:
        """The value at a key, or the default where there is none."""
        value: Any = self.values
        for part in key_of(key):
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return default
        return value

    def has(self, key: str | Key) -> bool:
        """Whether the text gives a key."""
        return self.get(key, _MISSING) is not _MISSING

    def with_class(self, key: str | Key, class_path: str) -> Key | None:
        """Where a list of classes holds the first of a class, or None."""
        listed = self.get(key)
        for number, one in enumerate(listed if isinstance(listed, list) else []):
            if isinstance(one, dict) and one.get("class_path") == class_path:
                return (*key_of(key), number)
        return None

    def set(self, key: str | Key, value: Any) -> "RecipeDocument":
        """The document with another value at a key; what is missing above it is made.

        Args:
            key: `model.lora.rank`, or its parts.
            value: Text, number, switch, null, or lists and mappings of these.

        Raises:
            RecipeTextError: If the text is no recipe.
            ValueError: If the key lies within a single value, or its value is shared by an alias.
        """
        key = key_of(key)
        document = edits.set_value(self, key, value)
        return self._restored(document, key)

    def remove(self, key: str | Key) -> "RecipeDocument":
        """The document without a key, and without what is empty then; itself where there is no such key."""
        key = key_of(key)
        return edits.remove_value(self, key) if self.has(key) else self

    def replaced(self, text: str) -> "RecipeDocument":
        """Another text that is to be edited like this one."""
        return RecipeDocument(text, self.like)

    def _restored(self, document: "RecipeDocument", key: Key) -> "RecipeDocument":
        """The document with the value written as in `like`, where it is the same value there."""
        if self.like is None or not self.like.has(key):
            return document
        if not same(self.like.get(key), document.get(key)):
            return document
        (start, end), (own_start, own_end) = edits.span_of(document, key), edits.span_of(self.like, key)
        text = f"{document.text[:start]}{self.like.text[own_start:own_end]}{document.text[end:]}"
        restored = document.replaced(text)
        try:
            return restored if same(restored.values, document.values) else document
        except ValueError:  # indented otherwise
            return document


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in type too: 1, 1.0 and true differ, and so does the order of a list."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (one != one and other != other)
