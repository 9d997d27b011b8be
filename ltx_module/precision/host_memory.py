"""Page-locked host memory, from which a device copies at full speed and without holding up the host.

torch's own pinned allocator rounds up to a power of two, which would waste a third of a block's 0.36 GiB; here memory
of the exact size is locked in place. It is a shared mapping: Linux copies locked private memory whenever a process is
forked, so that each worker of a data loader would take as much again.
"""

import contextlib
import functools
import logging
import mmap
import weakref

import torch
from torch import Tensor

logger = logging.getLogger(__name__)


def host_buffer(num_bytes: int, device: torch.device, owner: object) -> Tensor:
    """Memory for copies to a device, uint8, starting at a page; page-locked if the device is a GPU.

    Args:
        num_bytes: Size.
        device: Where the copies go.
        owner: The memory is unlocked when this object is gone.

    Raises:
        ValueError: If the system refuses to lock it.
    """
    whole = -(-num_bytes // mmap.PAGESIZE) * mmap.PAGESIZE
    pages = torch.frombuffer(mmap.mmap(-1, whole), dtype=torch.uint8)
    if device.type != "cuda":
        return pages[:num_bytes]
    if error := _lock(pages, device):
        _tell_once(error)
        return _allocated(num_bytes)
    weakref.finalize(owner, _unlock, pages).atexit = False
    return pages[:num_bytes]


def copy_rate(device: torch.device, num_bytes: int = 2**28, repeats: int = 8) -> float:
    """Bytes a second from page-locked host memory to a GPU, measured."""

    class _Owner:
        pass

    owner = _Owner()
    source = host_buffer(num_bytes, device, owner)
    target = torch.empty(num_bytes, dtype=torch.uint8, device=device)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    target.copy_(source, non_blocking=True)
    start.record()
    for _ in range(repeats):
        target.copy_(source, non_blocking=True)
    end.record()
    end.synchronize()
    return 1000 * repeats * num_bytes / float(start.elapsed_time(end))


def _lock(pages: Tensor, device: torch.device) -> int:
    """Lock memory, or tell the error; the next kernel would be blamed for it if none took it off."""
    with torch.cuda.device(device):
        runtime = torch.cuda.cudart()  # type: ignore[no-untyped-call]
        error = int(runtime.cudaHostRegister(pages.data_ptr(), pages.numel(), 0))
        if error:
            with contextlib.suppress(RuntimeError):
                torch.ones(1, device=device)
    return error


@functools.cache
def _tell_once(error: int) -> None:
    logger.warning(
        "host memory cannot be locked in place (CUDA error %d): torch's own takes up to twice as much", error
    )


def _allocated(num_bytes: int) -> Tensor:
    try:
        return torch.empty(num_bytes, dtype=torch.uint8, pin_memory=True)
    except RuntimeError as error:
        raise ValueError(
            f"`model.swap_blocks` asks for {num_bytes / 2**30:.2f} GiB more of page-locked host memory, which the"
            f" system refuses ({str(error)[:200]}): lower it, or free host memory."
        ) from error


def _unlock(pages: Tensor) -> None:
    torch.cuda.cudart().cudaHostUnregister(pages.data_ptr())  # type: ignore[no-untyped-call]
