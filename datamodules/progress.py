"""A progress bar for people and a log line for files."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm import tqdm  # type: ignore[import-untyped]

logger = logging.getLogger(__name__)


class Progress(Protocol):
    """What work reports to."""

    def update(self, n: int = 1) -> object:
        """Counts `n` more pieces as done."""


@contextmanager
def progress(task: str, total: int, unit: str, *, shown: bool) -> Iterator[Progress]:
    """Shows a bar on a terminal, and logs the total and the time at the end.

    Args:
        task: What is done, "encoding video".
        total: Number of pieces.
        unit: What a piece is, "clip".
        shown: Whether this process reports; one of several ranks should.
    """
    start = time.monotonic()
    bar = tqdm(total=total, desc=task, unit=unit, file=sys.stderr, disable=not (shown and sys.stderr.isatty()))
    with bar:
        yield bar
    if shown:
        logger.info("%s: %d %s in %.1f s", task, total, unit + "s" * (total != 1), time.monotonic() - start)
