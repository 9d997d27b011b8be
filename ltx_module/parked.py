"""Frozen weights that wait on the host and visit the device while they are needed.

What a run needs for a few seconds at each checkpoint (decoders, the distilled LoRA) would take memory from every
training step if it stayed on the device, and seconds at each checkpoint if it were read from its file again. Pinned
host memory gives it back in a fraction of a second: copies go one way only, since nothing changes on the device.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

logger = logging.getLogger(__name__)


class ParkedWeights:
    """Tensors whose home is the host.

    Args:
        tensors: Parameters and buffers, wherever they are; they are on the host from now on.
        device: Where they are needed.
    """

    def __init__(self, tensors: Iterable[Tensor], device: torch.device) -> None:
        self.device = device
        self._tensors = list(tensors)
        self._at_home: list[Tensor] = []
        self._visits = 0
        for tensor in self._tensors:  # one after the other, so that two copies of all never stand side by side
            tensor.data = tensor.data if device.type == "cpu" else self._home(tensor)
            self._at_home.append(tensor.data)

    @property
    def num_bytes(self) -> int:
        """What they take on the device while they are there."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self._at_home)

    @contextmanager
    def placed(self) -> Iterator[None]:
        """On the device inside the block; blocks may be nested."""
        self._visits += 1
        try:
            if self._visits == 1 and self.device.type != "cpu":
                for tensor, home in zip(self._tensors, self._at_home, strict=True):
                    tensor.data = home.to(self.device, non_blocking=True)
            yield
        finally:
            self._visits -= 1
            if self._visits == 0 and self.device.type != "cpu":
                self._go_home()

    def _go_home(self) -> None:
        for tensor, home in zip(self._tensors, self._at_home, strict=True):
            tensor.data = home

    def _home(self, tensor: Tensor) -> Tensor:
        """The tensor in host memory, pinned where the host allows that."""
        on_host = tensor.detach().cpu()
        if self.device.type != "cuda":
            return on_host
        try:
            return on_host.pin_memory()
        except RuntimeError as error:  # a limit on locked memory, or too little of it: copies are slower then
            logger.debug("not pinned: %s", error)
            return on_host
