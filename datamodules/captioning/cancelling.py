"""Ctrl-C and SIGTERM as a wish to stop, so that no interrupt strikes in the middle of writing a file."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Cancelling:
    """While it is entered, the first signal is noted and asks the work to end; a second one interrupts at once.

    Args:
        end: Ends what is under way, such as waiting for an answer; called in a thread of its own, since the one that
            the signal interrupts may hold a lock that it needs.

    Attributes:
        is_cancelled: Whether a signal came.
    """

    def __init__(self, end: Callable[[], None]) -> None:
        self.is_cancelled = False
        self._end = end
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Cancelling":
        """Takes the signals over, which Python allows in the main thread alone; elsewhere nothing happens."""
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._cancel) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Gives the signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _cancel(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_cancelled:
            raise KeyboardInterrupt
        self.is_cancelled = True
        threading.Thread(target=self._end, name="cancel", daemon=True).start()
