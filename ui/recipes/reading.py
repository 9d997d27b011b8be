"""A recipe's text as YAML nodes with their places, and what a recipe's text must never hold.

PyYAML reads it, as the command line does. Nothing is built from the text but plain values: tags are refused, and so are
aliases that would unfold into more than the text itself could say.
"""

from collections.abc import Iterator
from typing import Any

import yaml

MOST_BYTES = 256 * 1024
_MOST_VALUES = 20_000
_DEEPEST = 40
_PLAIN = (str, int, float, bool, type(None))

Key = tuple[str | int, ...]
"""Where a value stands: names of mappings and numbers of lists."""


class RecipeTextError(ValueError):
    """A text that is no recipe, with the line at fault."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f"Line {line}: {message}")
        self.line = line


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Composes nodes, and refuses tags and deep nesting where they stand."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """One node."""
        event = self.peek_event()
        line = event.start_mark.line + 1
        if getattr(event, "tag", None) is not None:
            raise RecipeTextError(
                f"the YAML tag `{event.tag}` is refused, because tags can build objects: remove it.", line
            )
        self.depth += 1
        if self.depth > _DEEPEST:
            raise RecipeTextError(f"values are nested more than {_DEEPEST} deep, which no recipe needs.", line)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def compose(text: str) -> yaml.MappingNode:
    """The root of a recipe's text.

    Args:
        text: YAML.

    Raises:
        RecipeTextError: If it is too long, no YAML, no mapping, or holds tags, a key twice, or an alias bomb.
    """
    if len(text) > MOST_BYTES or len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise RecipeTextError(f"the text is longer than {MOST_BYTES // 1024} kB, which no recipe is: shorten it.")
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _told(error) from error
    except yaml.YAMLError as error:
        raise RecipeTextError(f"this is not YAML: {error}.") from error
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(node, yaml.MappingNode):
        raise RecipeTextError("a recipe is a mapping of keys to values, such as `seed_everything: 42`.", 1)
    _require_plain_keys(node)
    return node


def values_of(node: yaml.Node) -> Any:
    """The plain value of a node.

    Raises:
        RecipeTextError: If it is a date or another value that recipes do not have.
    """
    constructor = yaml.constructor.SafeConstructor()
    try:
        value = constructor.construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise _told(error) from error
    except (ValueError, OverflowError) as error:  # such as a date of month 13
        raise RecipeTextError(f"a value cannot be read: {error}.", node.start_mark.line + 1) from error
    _require_plain_values(value, node)
    return value


def children(node: yaml.Node) -> Iterator[tuple[str | int, yaml.Node]]:
    """The values within a mapping or a list, with their keys or numbers; none within a single value."""
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from enumerate(node.value)


def find(root: yaml.Node, key: Key) -> yaml.Node | None:
    """The node at a key, or None."""
    node: yaml.Node | None = root
    for name in key:
        node = None if node is None else next((child for own, child in children(node) if own == name), None)
    return node


def _require_plain_keys(root: yaml.Node) -> None:
    """Refuse keys that are given twice or are no text, and aliases that multiply."""
    count, waiting = 0, [root]
    while waiting:
        node = waiting.pop()
        count += 1
        if count > _MOST_VALUES:
            raise RecipeTextError(
                f"it unfolds into more than {_MOST_VALUES} values, by aliases such as `*name`: write them out.",
                node.start_mark.line + 1,
            )
        if isinstance(node, yaml.MappingNode):
            _require_keys_once(node)
        waiting += [child for _, child in children(node)]


def _require_keys_once(node: yaml.MappingNode) -> None:
    """Refuse a mapping with a key twice, or a key that is no text."""
    seen: set[str] = set()
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
            shown = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
            raise RecipeTextError(f"the key `{shown}` is no name: quote it, or correct it.", line)
        if key.value in seen:
            raise RecipeTextError(f"the key `{key.value}` stands here a second time: remove one of both.", line)
        seen.add(key.value)


def _require_plain_values(value: Any, node: yaml.Node) -> None:
    """Refuse what YAML has beside texts, numbers, switches, lists and mappings."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif not isinstance(one, _PLAIN):
            raise RecipeTextError(
                f"`{one}` is read as a {type(one).__name__}: quote it if it is meant as text.",
                node.start_mark.line + 1,
            )


def _told(error: yaml.MarkedYAMLError) -> RecipeTextError:
    """A YAML error in words, with its line."""
    mark = error.problem_mark or error.context_mark
    text = ", ".join(part for part in (error.context, error.problem) if part)
    return RecipeTextError(f"this is not YAML: {text}.", None if mark is None else mark.line + 1)
