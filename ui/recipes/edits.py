"""Edits of a recipe's text by the places of its YAML nodes; each is one replacement of characters."""

from typing import TYPE_CHECKING, Any

import yaml

from ui.recipes.reading import Key, children, find
from ui.recipes.writing import after_colon, block, fits_one_line, in_list, written

if TYPE_CHECKING:
    from ui.recipes.document import RecipeDocument


def end_of(node: yaml.Node) -> int:
    """Where the characters of a value end: PyYAML counts blank lines and comments behind a block to the block."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return end_of(last[1] if isinstance(node, yaml.MappingNode) else last)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        buffer: str = node.end_mark.buffer or ""
        start, end = node.start_mark.index, node.end_mark.index
        return start + len(buffer[start:end].rstrip()) if buffer else int(end)
    return int(node.end_mark.index)


def span_of(document: "RecipeDocument", key: Key) -> tuple[int, int]:
    """Where the characters of a value stand that the document has; in a block, with the comments on its lines."""
    node, parent, text = find(document.root, key), find(document.root, key[:-1]), document.text
    assert node is not None
    end = end_of(node)
    if not isinstance(parent, yaml.MappingNode) or parent.flow_style:
        return node.start_mark.index, end
    line_end = text.find("\n", end)
    return _colon(document, parent, key[-1]), len(text) if line_end < 0 else line_end


def set_value(document: "RecipeDocument", key: Key, value: Any) -> "RecipeDocument":
    """The document with a value at a key.

    Raises:
        ValueError: If the key lies within a single value, or behind an alias.
    """
    from ui.recipes.document import same

    if document.has(key) and same(document.get(key), value):
        return document
    if not key:
        raise ValueError("a recipe's text is replaced as a whole, not set.")
    _require_unshared(document, key)
    node = find(document.root, key)
    if node is None:
        return _insert(document, key, value)
    old = document.get(key)
    if isinstance(old, dict) and isinstance(value, dict) and old and value and _alike(old, value):
        return _set_mapping(document, key, old, value)
    if isinstance(old, list) and isinstance(value, list) and old and value:
        return _set_list(document, key, old, value)
    return _replace(document, key, node, value)


def remove_value(document: "RecipeDocument", key: Key) -> "RecipeDocument":
    """The document without the value at a key, which it has."""
    _require_unshared(document, key)
    parent = find(document.root, key[:-1])
    assert isinstance(parent, yaml.CollectionNode)
    if len(parent.value) == 1 and len(key) > 1:
        return (
            remove_value(document, key[:-1]) if isinstance(key[-1], str) else _replace(document, key[:-1], parent, [])
        )
    text = document.text
    entry = _entries(parent)[_number(parent, key[-1])]
    if parent.flow_style:
        return _remove_in_flow(document, parent, _number(parent, key[-1]))
    start = text.rfind("\n", 0, entry[0]) + 1
    dash = isinstance(parent, yaml.SequenceNode)
    if text[start : entry[0]].strip(" -" if dash else " "):  # the first key behind the dash of a list
        following = _entries(parent)[1][0]
        return document.replaced(text[: entry[0]] + text[following:])
    end = text.find("\n", entry[1])
    return document.replaced(text[:start] + ("" if end < 0 else text[end + 1 :]))


def _alike(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether one mapping is an edit of the other: not another class, and something of it stays."""
    return old.get("class_path") == new.get("class_path") and bool(old.keys() & new.keys())


def _set_mapping(document: "RecipeDocument", key: Key, old: dict[str, Any], new: dict[str, Any]) -> "RecipeDocument":
    """A mapping edited key by key."""
    for name, value in new.items():
        document = set_value(document, (*key, name), value)
    for name in old.keys() - new.keys():
        document = remove_value(document, (*key, name))
    return document


def _set_list(document: "RecipeDocument", key: Key, old: list[Any], new: list[Any]) -> "RecipeDocument":
    """A list edited where it differs: entries in common at its head and tail keep their characters."""
    from ui.recipes.document import same

    head = 0
    while head < min(len(old), len(new)) and same(old[head], new[head]):
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and same(old[-1 - tail], new[-1 - tail]):
        tail += 1
    changed = min(len(old), len(new)) - head - tail
    for number in range(head, head + changed):
        document = set_value(document, (*key, number), new[number])
    for number in reversed(range(head + changed, len(old) - tail)):
        document = remove_value(document, (*key, number))
    for number in range(head + changed, len(new) - tail):
        document = _insert_entry(document, key, number, new[number])
    return document


def _replace(document: "RecipeDocument", key: Key, node: yaml.Node, value: Any) -> "RecipeDocument":
    """A value in place of another one, in the style of its surroundings."""
    text, start, end = document.text, node.start_mark.index, end_of(node)
    parent = find(document.root, key[:-1])
    assert isinstance(parent, yaml.CollectionNode)
    in_flow = bool(parent.flow_style)
    collection = isinstance(value, (dict, list))
    was_block = _is_block(node)
    if isinstance(parent, yaml.SequenceNode):
        new = written(value) if in_flow else in_list(value, parent.start_mark.column)
        blank = " " if not in_flow and start == end else ""
        return document.replaced(f"{text[:start]}{blank}{new}{text[end:]}")
    if in_flow or not collection or fits_one_line(value):
        new = written(value, flow=in_flow or collection)
        if not was_block:
            blank = " " if start == end else ""
            return document.replaced(f"{text[:start]}{blank}{new}{text[end:]}")
        colon = _colon(document, parent, key[-1])
        between = text[colon:start].rstrip(" ").removesuffix("\n")
        return document.replaced(f"{text[:colon]} {new}{between}{text[end:]}")
    if was_block:
        shown = block(value, node.start_mark.column).lstrip(" ")
        return document.replaced(f"{text[:start]}{shown}{text[end:]}")
    indent = parent.start_mark.column + 2
    colon = _colon(document, parent, key[-1])
    rest = text[end:].partition("\n")[0]
    return document.replaced(f"{text[:colon]}{rest}\n{block(value, indent)}{text[end + len(rest) :]}")


def _insert(document: "RecipeDocument", key: Key, value: Any) -> "RecipeDocument":
    """A value at a key that the text lacks, with the mappings above it."""
    depth = len(key) - 1
    while find(document.root, key[:depth]) is None:
        depth -= 1
        value = {str(key[depth + 1]): value}
    parent = find(document.root, key[:depth])
    name = key[depth]
    if isinstance(parent, yaml.SequenceNode) and name == len(parent.value):
        return _insert_entry(document, key[:depth], len(parent.value), value)
    if isinstance(parent, yaml.ScalarNode) and document.get(key[:depth]) is None and depth:
        return _replace(document, key[:depth], parent, {str(name): value})
    if not isinstance(parent, yaml.MappingNode):
        shown = ".".join(map(str, key[:depth]))
        raise ValueError(f"`{shown}` is {document.get(key[:depth])!r}, so there is no `{name}` in it: remove it first.")
    entries, text = _entries(parent), document.text
    if parent.flow_style:
        return _insert_in_flow(document, parent, len(entries), f"{written(str(name))}: {written(value)}")
    indent = parent.start_mark.column
    line = f"{written(str(name))}:{after_colon(value, indent)}"
    return (
        _insert_line(document, entries[-1][1], f"{' ' * indent}{line}") if entries else document.replaced(text + line)
    )


def _insert_entry(document: "RecipeDocument", key: Key, number: int, value: Any) -> "RecipeDocument":
    """An entry of a list, before the one that has the number now."""
    node = find(document.root, key)
    assert isinstance(node, yaml.SequenceNode)
    if node.flow_style:
        return _insert_in_flow(document, node, number, written(value))
    indent, text = node.start_mark.column, document.text
    line = f"{' ' * indent}- {in_list(value, indent)}"
    entries = _entries(node)
    if number:
        return _insert_line(document, entries[number - 1][1], line)
    dash = node.start_mark.index
    return document.replaced(f"{text[:dash]}{line.lstrip(' ')}\n{' ' * indent}{text[dash:]}")


def _insert_line(document: "RecipeDocument", after: int, line: str) -> "RecipeDocument":
    """A line behind the one that holds a place."""
    text = document.text
    end = text.find("\n", after)
    if end < 0:
        return document.replaced(f"{text}\n{line}")
    return document.replaced(f"{text[:end]}\n{line}{text[end:]}")


def _insert_in_flow(document: "RecipeDocument", node: yaml.CollectionNode, number: int, new: str) -> "RecipeDocument":
    """An entry of a list or mapping in brackets."""
    entries, text = _entries(node), document.text
    if not entries:
        pad = " " if isinstance(node, yaml.MappingNode) else ""
        place = node.start_mark.index + 1
        return document.replaced(f"{text[:place]}{pad}{new}{pad}{text[node.end_mark.index - 1 :]}")
    if number == 0:
        place = entries[0][0]
        return document.replaced(f"{text[:place]}{new}, {text[place:]}")
    place = entries[number - 1][1]
    return document.replaced(f"{text[:place]}, {new}{text[place:]}")


def _remove_in_flow(document: "RecipeDocument", node: yaml.CollectionNode, number: int) -> "RecipeDocument":
    """The document without an entry of a list or mapping in brackets, and without its comma."""
    entries, text = _entries(node), document.text
    if len(entries) == 1:
        return document.replaced(text[: node.start_mark.index + 1] + text[node.end_mark.index - 1 :])
    if number == 0:
        return document.replaced(text[: entries[0][0]] + text[entries[1][0] :])
    return document.replaced(text[: entries[number - 1][1]] + text[entries[number][1] :])


def _entries(node: yaml.CollectionNode) -> list[tuple[int, int]]:
    """Start and end of each entry, keys included, dashes not."""
    if isinstance(node, yaml.MappingNode):
        return [(key.start_mark.index, max(end_of(value), key.end_mark.index)) for key, value in node.value]
    return [(one.start_mark.index, end_of(one)) for one in node.value]


def _number(node: yaml.CollectionNode, name: str | int) -> int:
    """Which entry has a key or number."""
    return next(number for number, (own, _) in enumerate(children(node)) if own == name)


def _colon(document: "RecipeDocument", parent: yaml.MappingNode, name: str | int) -> int:
    """The place behind the colon of a key."""
    key = next(key for key, _ in parent.value if key.value == name)
    return document.text.index(":", key.end_mark.index) + 1


def _is_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def _require_unshared(document: "RecipeDocument", key: Key) -> None:
    """Refuse to edit what an alias repeats, since both places would change.

    Raises:
        ValueError: Naming the key.
    """
    seen: dict[int, int] = {}
    waiting: list[yaml.Node] = [document.root]
    while waiting:
        node = waiting.pop()
        seen[id(node)] = seen.get(id(node), 0) + 1
        if seen[id(node)] == 1:
            waiting += [child for _, child in children(node)]
    for depth in range(1, len(key) + 1):
        found = find(document.root, key[:depth])
        if found is not None and seen[id(found)] > 1:
            shown = ".".join(map(str, key[:depth]))
            raise ValueError(
                f"`{shown}` is shared by a YAML alias (`&name`, `*name`): write it out in the editor, then it can be"
                " set here."
            )
