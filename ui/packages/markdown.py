"""Texts of files in a Markdown document, where they are shown as they are and mean nothing."""

import html
import re
from typing import Any

import yaml

_SPECIAL = re.compile(
    r"[\\`*\[\]|~$]"  # code, emphasis, links, cells of tables, formulas
    r"|(?<!\w)_|_(?!\w)"  # emphasis too, but not within a word
    r"|^[#+\-=:]|^\d+(?=[.)](?:\s|$))"  # headings and lists
    r"|(?<=\w)[:](?=//)|(?<=\bwww)\."  # bare addresses, which hubs make links of
)
_SPACE = re.compile(r"\s+")


def escaped(text: object) -> str:
    """A text in one line of Markdown: no markup, no link, no HTML."""
    return _SPECIAL.sub(_meaningless, html.escape(one_line(text), quote=False))


def one_line(text: object) -> str:
    """A text with every run of white space as one blank."""
    return _SPACE.sub(" ", str(text)).strip()


def front_matter(values: dict[str, Any]) -> str:
    """The block of YAML at the top of a model card, in the order given; texts must be of one line."""
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=False, width=120)
    return f"---\n{text}---\n"


def table(rows: list[tuple[str, object]]) -> list[str]:
    """Lines of a table of two columns; rows without a value are left out."""
    shown = [(name, value) for name, value in rows if value not in (None, "")]
    return ["| | |", "|---|---|", *(f"| {escaped(name)} | {escaped(value)} |" for name, value in shown)]


def _meaningless(match: re.Match[str]) -> str:
    found = match[0]
    return f"{found}\\" if found.isdigit() else f"\\{found}"
