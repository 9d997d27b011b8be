"""What keeps the accelerator busy: media decoded ahead of it, batches that fit it, entries written behind it.

    decoding threads --(bounded, in order)--> batches on the accelerator --(events)--> writing threads

FFmpeg and torch let go of Python's lock while they decode, scale and copy, so threads decode side by side, each with
one core: clips are plenty, and a decoder of many threads works far beyond a window's end. The thread that feeds the
accelerator never waits for its results: those who write them do. Copies in both directions run beside the work, on
streams of their own, and from ordinary memory, since locked memory would stay locked when training begins. Entries
come in the same order with the same content whatever the number of threads.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

BYTES_AHEAD = 4 * 2**30
"""Decoded media that may lie in memory at a time."""
_MOST_THREADS = 16


class Readable(Protocol):
    """What can be decoded."""

    @property
    def decoded_bytes(self) -> int:
        """Memory that it takes once decoded."""

    def read(self) -> Tensor:
        """Decodes it."""


Fetch = Callable[[], list[Tensor]]
"""Waits for results, and brings them to the host."""

_Entry = TypeVar("_Entry", bound=Readable)
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def decoding_threads(world_size: int = 1) -> int:
    """Threads of one of `world_size` processes: its share of the cores that this machine lends."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if own := os.environ.get("SLURM_CPUS_PER_TASK"):  # Slurm has divided them
        return max(1, min(_MOST_THREADS, cores, int(own)))
    neighbours = min(world_size, max(1, torch.cuda.device_count()))  # a process for each card of this machine
    return max(1, min(_MOST_THREADS, cores // neighbours))


def read_ahead(
    entries: Iterable[_Entry], threads: int, *, max_bytes: int = BYTES_AHEAD
) -> Generator[tuple[_Entry, Callable[[], Tensor]]]:
    """Decodes entries in threads; yields each in its turn with the call that waits for its media or raises its error.

    Close it when leaving early: what was not begun is then not decoded.

    Args:
        entries: What to decode.
        threads: How many at a time; 0 decodes each when it is asked for.
        max_bytes: Decoded media at a time, the one in the caller's hands included; a larger one comes alone.
    """
    if not threads:
        yield from ((entry, entry.read) for entry in entries)
        return
    upcoming, waiting = deque(entries), deque[tuple[_Entry, Future[Tensor]]]()
    held, torch_threads = 0, torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, "decode", initializer=torch.set_num_threads, initargs=(1,))
    try:
        while upcoming or waiting:
            while upcoming and len(waiting) < 2 * threads:
                if held and held + upcoming[0].decoded_bytes > max_bytes:
                    break
                held += upcoming[0].decoded_bytes
                waiting.append((upcoming[0], pool.submit(upcoming.popleft().read)))
            entry, future = waiting.popleft()
            yield entry, future.result
            del future  # and with it the media
            held -= entry.decoded_bytes
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(torch_threads)  # what a thread sets for itself also holds for threads to come


class Batches(Generic[_Item, _Result]):
    """Work in batches that shrink when the accelerator's memory runs out.

    Args:
        work: From items to their results, one for each.
        size: Of a batch, in the unit of `budget`.
        budget: Size of the largest batch; a single item may be larger.
        task: What is done, for the message.

    Attributes:
        budget: Size of the largest batch from here on.
    """

    def __init__(
        self,
        work: Callable[[Sequence[_Item]], Sequence[_Result]],
        size: Callable[[Sequence[_Item]], int],
        budget: int,
        task: str,
    ) -> None:
        self.budget = budget
        self._work = work
        self._size = size
        self._task = task
        self._has_shrunk = False

    def grouped(
        self, items: Iterable[_Item], alike: Callable[[_Item, _Item], bool] | None = None
    ) -> Iterator[list[_Item]]:
        """Neighbours, if need be such as are alike, as many together as fit the budget of the moment."""
        batch: list[_Item] = []
        for item in items:
            joins = alike is None or not batch or alike(batch[0], item)
            if batch and not (joins and self._size([*batch, item]) <= self.budget):
                yield batch
                batch = []
            batch.append(item)
        if batch:
            yield batch

    def results(self, batch: Sequence[_Item]) -> list[_Result]:
        """Results of a batch in its order, worked out in halves where the whole does not fit.

        Raises:
            OutOfMemoryError: If a single item does not fit.
        """
        try:
            return list(self._work(batch))
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
        # out here, where no traceback holds tensors of what failed
        torch.cuda.empty_cache()
        self.budget = min(self.budget, self._size(batch) // 2)
        if not self._has_shrunk:
            logger.info("%s: %d at a time do not fit into the memory; going on with fewer", self._task, len(batch))
        self._has_shrunk = True
        middle = len(batch) // 2
        return [*self.results(batch[:middle]), *self.results(batch[middle:])]


class Writing:
    """Threads that finish and store results while the next ones are worked out.

    Leaving the block waits for what was handed over, and raises the first error that it met.

    Args:
        threads: How many things are written at a time.
        most_waiting: Things handed over and not yet written, beyond which `hand_over` waits.
    """

    def __init__(self, threads: int, most_waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, "write")
        self._waiting: deque[Future[None]] = deque()
        self._most_waiting = most_waiting

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()  # whatever happened, results that are there are kept
        if kind is None:
            self._finish(0)

    def hand_over(self, work: Callable[[], None]) -> None:
        """Has `work` done in its turn.

        Raises:
            Exception: What earlier work raised.
        """
        self._waiting.append(self._pool.submit(work))
        self._finish(self._most_waiting)

    def _finish(self, most_waiting: int) -> None:
        while len(self._waiting) > most_waiting:
            self._waiting.popleft().result()


def to_device(media: Sequence[Tensor], device: torch.device) -> Tensor:
    """Media of one shape as a batch on a device; on an accelerator, copied beside the work that is under way."""
    if device.type != "cuda":
        return torch.stack([one.to(device) for one in media])
    beside, current = _copying(device), torch.cuda.current_stream(device)
    with torch.cuda.stream(beside):
        batch = torch.stack([one.to(device) for one in media])
    current.wait_stream(beside)
    batch.record_stream(current)
    return batch


def from_device(results: Sequence[Tensor]) -> Fetch:
    """Results that work under way is making, to be called for in another thread."""
    if results[0].device.type != "cuda":
        return lambda: [result.cpu() for result in results]
    device = results[0].device
    made: Any = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # who waits sleeps
    made.record(torch.cuda.current_stream(device))

    def fetch() -> list[Tensor]:
        torch.cuda.set_device(device)  # lest this thread begin to use the first one, too
        made.synchronize()
        beside: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        with torch.cuda.stream(beside):  # not behind the work that came after
            return [result.cpu() for result in results]

    return fetch


@cache
def _copying(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
