"""Work that need not keep the device waiting, such as writing a video, done beside it and never forgotten."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Background:
    """Does one piece of work after the other in a thread of its own; what fails there is raised here.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pool: ThreadPoolExecutor | None = None
        self._begun: deque[Future[object]] = deque()

    def do(self, work: Callable[[], object]) -> None:
        """Begin a piece of work when those before it are done."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self._name)
        self._begun.append(self._pool.submit(work))

    def wait(self) -> BaseException | None:
        """Wait for all of it and let the thread go; what failed first, if anything did."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None
        failed = [error for one in self._begun if (error := one.exception()) is not None]
        self._begun.clear()
        return failed[0] if failed else None

    def finish(self) -> None:
        """Wait for all of it, and raise what failed first."""
        if (error := self.wait()) is not None:
            raise error
