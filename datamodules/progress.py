"""A progress bar on a terminal; in a log file a line now and then."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm import tqdm  # type: ignore[import-untyped]

logger = logging.getLogger(__name__)
_SECONDS_BETWEEN_LINES = 10.0


class Progress(Protocol):
    """What work reports to."""

    def update(self, n: int = 1) -> object:
        """Counts `n` more pieces as done."""


@contextmanager
def progress(task: str, total: int, unit: str, *, shown: bool) -> Iterator[Progress]:
    """Shows a bar on a terminal, elsewhere a line every ten seconds, and logs the total and the time at the end.

    Args:
        task: What is done, "encoding video".
        total: Number of pieces.
        unit: What a piece is, "clip".
        shown: Whether this process reports; one of several ranks should.
    """
    start = time.monotonic()
    if shown and not sys.stderr.isatty():
        yield _Lines(task, total, unit)
    else:
        with tqdm(total=total, desc=task, unit=unit, file=sys.stderr, disable=not shown) as bar:
            yield bar
    if shown:
        logger.info("%s: %d %s in %.1f s", task, total, unit + "s" * (total != 1), time.monotonic() - start)


class _Lines:
    """Logs how far the work is, unless it is soon done."""

    def __init__(self, task: str, total: int, unit: str) -> None:
        self._task, self._total, self._unit = task, total, unit
        self._done, self._last = 0, time.monotonic()

    def update(self, n: int = 1) -> None:
        """Counts, and logs where the last line is ten seconds old."""
        self._done += n
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = now
            logger.info("%s: %d of %d %ss", self._task, self._done, self._total, self._unit)
