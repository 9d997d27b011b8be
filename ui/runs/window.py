"""A window of a long list: what a page shows at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which of many are shown."""

    number: int
    """From 0."""
    windows: int
    """How many there are; at least 1."""
    total: int
    """Items of all windows."""
    first: int
    """Place of the first that is shown, from 1; 0 if none is."""
    last: int
    """Place of the last that is shown."""


def windowed(items: Sequence[_T], number: int | None, size: int) -> tuple[Window, list[_T]]:
    """One window of many.

    Args:
        items: All.
        number: Of the window, from 0, moved to the nearest there is; None takes the last, which is full: it overlaps
            the one before where the items do not come out even.
        size: Of a window.
    """
    windows = max(1, -(-len(items) // size))
    if number is None or number >= windows - 1:
        number, start = windows - 1, max(0, len(items) - size)
    else:
        number = max(number, 0)
        start = number * size
    shown = list(items[start : start + size])
    first, last = (start + 1, start + len(shown)) if shown else (0, 0)
    return Window(number=number, windows=windows, total=len(items), first=first, last=last), shown
