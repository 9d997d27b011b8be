"""Block swap: the frozen weights of some blocks stay in host memory and visit the device when their turn comes.

With everything frozen the traffic is one way. A block's matrices lie in one page-locked buffer, and are copied as one
piece into one of two slots of the device on a stream of their own, while the blocks before it are computed:

    slot A   | compute 3   | copy 7 ........ | compute 7
    slot B   | copy 5 ...... | compute 5     | copy 9 ......       (blocks 3, 5, 7, 9 are swapped, 4, 6, 8 are not)

`load(i)` is called before each run of each block, in forward and in recomputation. It gives back the slot of the block
that ran before, waits for the copy of block i, and starts the next ones: upwards in a forward pass, downwards in a
backward pass, which begins with the two blocks that the forward pass ended with. In between nothing is to be told: a
slot's block is done with when another one is asked for, as a block's backward follows its recomputation at once.
Swapped blocks must therefore be recomputed; autograd refuses the backward of one that was not.

Parameters are pointed at the slot while their block is there and at the host buffer while it is not, so whatever reads
them finds the true values. Their host buffer is never written. Swapping N blocks saves the memory of N - 2 and costs as
many copies a pass, which are hidden as long as one takes no longer than computing from one swapped block to the next.

On a CPU the same is done without streams.
"""

import bisect
import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from ltx_module.precision.card import GIB, host_free
from ltx_module.precision.host_memory import host_buffer

logger = logging.getLogger(__name__)

_ALIGNMENT = 256  # bytes, as of any allocation on a GPU; compiled kernels rely on 16 of them
_NUM_SLOTS = 2


class _Place(NamedTuple):
    """Where a tensor lies in the flat buffer of its block."""

    start: int
    num_bytes: int
    dtype: torch.dtype
    shape: torch.Size
    stride: tuple[int, ...]

    def of(self, flat: Tensor) -> Tensor:
        """The tensor as a view of a flat buffer."""
        return flat[self.start : self.start + self.num_bytes].view(self.dtype).as_strided(self.shape, self.stride)


@dataclass(eq=False)
class _Slot:
    """Room for one block on the device."""

    flat: Tensor
    holds: int | None = None
    """The block whose weights are there, or on their way."""
    filled: torch.cuda.Event | None = None
    """The copy has ended."""
    released: torch.cuda.Event | None = None
    """What was computed with the block before has ended."""


@dataclass(eq=False)
class _SwappedBlock:
    """The matrices of a block, in host memory."""

    layers: Sequence[nn.Linear]
    weights: Sequence[nn.Parameter]
    layout: Sequence[_Place]
    host: Tensor
    slot: _Slot | None = None
    """Where the weights point to; the host buffer if None."""
    views: dict[_Slot | None, list[Tensor]] = field(default_factory=dict)

    def point_at(self, slot: _Slot | None) -> None:
        """Let the weights be views of a slot, or of the host buffer.

        The version of a weight counts on when it leaves a slot: autograd then refuses what it saved of it.
        """
        if slot is self.slot and slot in self.views:
            return
        if slot not in self.views:
            with torch.inference_mode(False):
                self.views[slot] = [place.of(self.host if slot is None else slot.flat) for place in self.layout]
        for weight, view in zip(self.weights, self.views[slot], strict=True):
            weight.data = view
        if slot is None:
            torch.autograd.graph.increment_version(self.weights)
        self.slot = slot


class BlockSwap:
    """Brings the frozen weights of swapped blocks to the device when they are needed.

    Args:
        indices: The blocks that are swapped; each is given to `take` before the first `load`.
        device: Where the model computes.

    Attributes:
        num_late: How often a block was needed before its copy had been ordered; none but the first one should be.
    """

    def __init__(self, indices: Sequence[int], device: torch.device) -> None:
        self.indices = tuple(sorted(indices))
        self.device = device
        self.num_late = 0
        self._blocks: dict[int, _SwappedBlock] = {}
        self._slots: list[_Slot] = []
        self._current: _Slot | None = None
        self._copies = None if device.type == "cpu" else torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    @property
    def host_bytes(self) -> int:
        """Host memory that the taken blocks occupy."""
        return sum(block.host.numel() for block in self._blocks.values())

    def take(self, index: int, block: nn.Module) -> None:
        """Move the frozen matrices of a block's linear layers into host memory.

        Raises:
            ValueError: If the host has not the memory for all blocks.
        """
        assert not self._slots, "blocks are taken before the first one is needed"
        layers = [m for m in block.modules() if isinstance(m, nn.Linear) and not m.weight.requires_grad]
        weights = [cast(nn.Parameter, layer.weight) for layer in layers]
        layout, size = _layout(weights)
        if not self._blocks:
            _require_host_memory(len(self.indices), size)
        swapped = _SwappedBlock(
            layers=layers,
            weights=weights,
            layout=layout,
            host=host_buffer(size, self.device, self),
        )
        for weight, place in zip(swapped.weights, layout, strict=True):
            place.of(swapped.host).copy_(weight.detach())
        swapped.point_at(None)
        self._blocks[index] = swapped
        if len(self._blocks) == len(self.indices):
            logger.info("%d blocks' weights stay in host memory: %.1f GiB", len(self._blocks), self.host_bytes / GIB)

    def load(self, index: int) -> None:
        """Make block `index` ready to run, and have the next swapped blocks copied meanwhile.

        Args:
            index: Of any block, swapped or not.
        """
        if not self._slots:
            self._slots = self._new_slots()
        if self._current is not None:
            self._release(self._current)
        following = self._following(index)
        if index in self._blocks:
            self._current = self._bring(index, following)
            self._blocks[index].point_at(self._current)
        for number in following:
            if self._slot_of(number) is None:
                self._fill(number, keep=following)

    @contextmanager
    def withheld(self) -> Iterator[None]:
        """Take the swapped weights out of their modules inside the block, so that nothing moves or converts them."""
        try:
            for swapped in self._blocks.values():
                swapped.point_at(None)
                for layer in swapped.layers:
                    layer._parameters["weight"] = None
            yield
        finally:
            for swapped in self._blocks.values():
                for layer, weight in zip(swapped.layers, swapped.weights, strict=True):
                    layer._parameters["weight"] = weight

    def _following(self, index: int) -> tuple[int, ...]:
        """The swapped blocks that are needed next, as many as there are slots."""
        if torch._C._current_graph_task_id() >= 0:  # within a backward pass
            end = bisect.bisect_left(self.indices, index)
            return self.indices[max(end - _NUM_SLOTS, 0) : end][::-1]
        ahead = self.indices[bisect.bisect_right(self.indices, index) :]
        if not torch.is_grad_enabled():
            ahead += self.indices  # no backward comes, so the next pass begins at the bottom
        return ahead[:_NUM_SLOTS]

    def _slot_of(self, index: int) -> _Slot | None:
        return next((slot for slot in self._slots if slot.holds == index), None)

    def _bring(self, index: int, following: Sequence[int]) -> _Slot:
        """The slot that holds a block; what is computed from now on finds the block there."""
        slot = self._slot_of(index)
        if slot is None:
            self.num_late += 1
            slot = self._fill(index, keep=following) or self._fill(index, keep=())
        assert slot is not None
        if slot.filled is not None:
            torch.cuda.current_stream(self.device).wait_event(slot.filled)
        return slot

    def _fill(self, index: int, keep: Sequence[int]) -> _Slot | None:
        """Start copying a block into a slot that is neither in use nor holds one of the blocks to keep, if any."""
        slot = next((slot for slot in self._slots if slot is not self._current and slot.holds not in keep), None)
        if slot is None:
            return None
        if slot.holds is not None:
            self._blocks[slot.holds].point_at(None)
        slot.holds, host = None, self._blocks[index].host
        if self._copies is None:
            slot.flat[: host.numel()].copy_(host)
        else:
            assert slot.filled is not None
            assert slot.released is not None
            self._copies.wait_event(slot.released)
            with torch.cuda.stream(self._copies):
                slot.flat[: host.numel()].copy_(host, non_blocking=True)
            slot.filled.record(self._copies)
        slot.holds = index
        return slot

    def _release(self, slot: _Slot) -> None:
        if slot.released is not None:
            slot.released.record(torch.cuda.current_stream(self.device))
        self._current = None

    def _new_slots(self) -> list[_Slot]:
        assert len(self._blocks) == len(self.indices), "a swapped block was never taken"
        size = max(block.host.numel() for block in self._blocks.values())
        slots = []
        for _ in range(min(_NUM_SLOTS, len(self._blocks))):
            slot = _Slot(torch.empty(size, dtype=torch.uint8, device=self.device))
            if self._copies is not None:
                slot.flat.record_stream(self._copies)
                slot.filled, slot.released = torch.cuda.Event(), torch.cuda.Event()  # type: ignore[no-untyped-call]
                slot.released.record(torch.cuda.current_stream(self.device))  # its memory may still be in use there
            slots.append(slot)
        return slots


def _layout(weights: Sequence[Tensor]) -> tuple[tuple[_Place, ...], int]:
    """Place of each weight in a flat buffer, and the buffer's bytes."""
    places, start = [], 0
    for weight in weights:
        num_bytes = weight.numel() * weight.element_size()
        stride = torch.empty_like(weight, device="meta").stride()  # without gaps
        places.append(_Place(start, num_bytes, weight.dtype, weight.shape, stride))
        start += -(-num_bytes // _ALIGNMENT) * _ALIGNMENT
    return tuple(places), start


def _require_host_memory(num_blocks: int, block_bytes: int) -> None:
    needed, free = num_blocks * block_bytes, host_free() or math.inf
    if needed > free:
        raise ValueError(
            f"`model.swap_blocks` is {num_blocks}, which needs {needed / GIB:.1f} GiB of host memory, but"
            f" {free / GIB:.1f} GiB are free: use {int(free // block_bytes)} or fewer, or `model.dtype: nf4`."
        )
