"""Leave when a person insists, or when nobody is left to work with, even from the middle of a call that never returns.

Python runs a signal's handler between two of its own instructions, so a process that waits for another rank inside a
collective never gets to it. The signal's arrival is seen all the same by a thread of its own.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import cache

_SAME_REQUEST_SECONDS = 2.0  # torchrun and Slurm signal every process and hand the signal on besides
_STUCK_SECONDS = 30.0  # as long as torchrun waits before it kills
_LOOK_SECONDS = 1.0


class SignalWatch:
    """A thread that ends the process at a second SIGINT or SIGTERM, and with the process that launched it.

    Args:
        is_handled: Whether the signal's own handler has run; if it has not after half a minute, the process is stuck.
    """

    def __init__(self, is_handled: Callable[[], bool]) -> None:
        self._is_handled = is_handled
        self._ends: tuple[socket.socket, socket.socket] | None = None
        self._parent = os.getppid() if _is_launched_by_rank_0() else None

    def start(self) -> None:
        """Begin to watch; in the main thread."""
        _mind_forks()
        receiver, sender = self._ends = socket.socketpair()
        receiver.settimeout(_LOOK_SECONDS)
        sender.setblocking(False)
        signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(receiver,), name="signal-watch", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        if self._ends is not None:
            signal.set_wakeup_fd(-1)
            self._ends[1].close()  # which the thread notices
            self._ends = None

    def _watch(self, receiver: socket.socket) -> None:
        first: float | None = None
        with receiver:
            while True:
                try:
                    numbers = receiver.recv(64)
                    if not numbers:
                        return
                except TimeoutError:
                    numbers = b""
                now = time.monotonic()
                for number in numbers:
                    if number not in (signal.SIGINT, signal.SIGTERM):
                        continue
                    if first is not None and (number == signal.SIGINT or now - first > _SAME_REQUEST_SECONDS):
                        os._exit(128 + number)
                    first = first or now
                if first is not None and now - first > _STUCK_SECONDS and not self._is_handled():
                    os._exit(128 + signal.SIGTERM)
                if self._parent is not None and os.getppid() != self._parent:
                    os._exit(1)


def _is_launched_by_rank_0() -> bool:
    """Whether Lightning started this process from another one of the run, which torchrun and Slurm do not."""
    return os.environ.get("LOCAL_RANK", "0") != "0" and "TORCHELASTIC_RUN_ID" not in os.environ


@cache
def _mind_forks() -> None:
    """Let no worker of a data loader report its own signals as its parent's."""
    os.register_at_fork(after_in_child=_report_nothing)


def _report_nothing() -> None:
    if threading.current_thread() is threading.main_thread():
        signal.set_wakeup_fd(-1)
