"""What ranks tell one another after every step, without waiting for the device.

A rank that is told to stop must not stop alone, so each step ends with a few flags that all ranks join. To read them at
once would let the GPU run dry in every step. On a GPU they are therefore read one step later, when they have long been
joined.
"""

from collections.abc import Sequence

import torch
from lightning.pytorch.strategies import Strategy
from torch import Tensor, distributed


class Agreement:
    """Flags that hold for all ranks as soon as one of them has raised them."""

    def __init__(self) -> None:
        self._stream: torch.cuda.Stream | None = None
        self._pending: tuple[Tensor, torch.cuda.Event] | None = None

    def reached(self, flags: Sequence[bool], strategy: Strategy) -> list[bool]:
        """Join this step's flags with those of the other ranks; all of them must call, after the same steps.

        Args:
            flags: What this rank has been told, always equally many.
            strategy: The ranks.

        Returns:
            The flags of all ranks: of this step on the CPU and on one device, of the step before on several GPUs.
        """
        if not distributed.is_initialized():
            return list(flags)
        if strategy.root_device.type != "cuda":
            joined = torch.tensor(flags, dtype=torch.uint8)
            distributed.all_reduce(joined, distributed.ReduceOp.MAX)
            return [bool(flag) for flag in joined.tolist()]
        earlier = self._read(len(flags))
        self._send(flags, strategy.root_device)
        return earlier

    def _send(self, flags: Sequence[bool], device: torch.device) -> None:
        """Let the flags be joined beside the step's own work."""
        self._stream = self._stream or torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        with torch.cuda.stream(self._stream):
            joined = torch.tensor(flags, dtype=torch.uint8).pin_memory().to(device, non_blocking=True)
            distributed.all_reduce(joined, distributed.ReduceOp.MAX)
            answer = torch.empty(len(flags), dtype=torch.uint8, pin_memory=True).copy_(joined, non_blocking=True)
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(self._stream)
        self._pending = (answer, event)

    def _read(self, count: int) -> list[bool]:
        """The answer to the step before."""
        if self._pending is None:
            return [False] * count
        answer, event = self._pending
        event.synchronize()
        return [bool(flag) for flag in answer.tolist()]
