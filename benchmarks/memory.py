"""Memory of the card and of this process: peaks, and what a smaller card would allow."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

GIB = 2**30


def peaks() -> tuple[float, float]:
    """GiB that tensors took at most since the last `reset_peaks`, and that the allocator held at most."""
    if not torch.cuda.is_available():
        return 0.0, 0.0
    return torch.cuda.max_memory_allocated() / GIB, torch.cuda.max_memory_reserved() / GIB


def allocated() -> float:
    """GiB that tensors take now."""
    return torch.cuda.memory_allocated() / GIB if torch.cuda.is_available() else 0.0


def reset_peaks() -> None:
    """Count peaks from here on."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def outside_allocator() -> float:
    """GiB of the card that are in use, but not by the allocator: the context, kernels, other processes."""
    if not torch.cuda.is_available():
        return 0.0
    free, total = torch.cuda.mem_get_info()
    return (total - free - torch.cuda.memory_reserved()) / GIB


def release() -> float:
    """Free what nothing refers to any more, compiled code included; GiB that remain."""
    torch.compiler.reset()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return allocated()


@contextmanager
def limited_to(gib: float | None) -> Iterator[None]:
    """Let the allocator have no more than a smaller card would leave it; None is all there is."""
    if gib is None or not torch.cuda.is_available():
        yield
        return
    total = torch.cuda.get_device_properties(0).total_memory / GIB
    torch.cuda.set_per_process_memory_fraction(min(1.0, gib / total))
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


class HostMemory:
    """Watches this process's own memory, the page cache apart, while its block runs.

    Attributes:
        peak_gib: The most beyond what it was when the block began.
    """

    def __init__(self) -> None:
        self.peak_gib = 0.0
        self._begin = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "HostMemory":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to watch."""
        self._begin = _anonymous()
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; harmless twice."""
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self.peak_gib = max(self.peak_gib, (_anonymous() - self._begin) / GIB)


def _anonymous() -> int:
    """Bytes of this process that are not file-backed; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    return 0
