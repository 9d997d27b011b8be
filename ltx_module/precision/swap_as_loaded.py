"""Which blocks are swapped, and how they leave the device while the model is loaded."""

from collections import Counter

import torch
from torch import nn

from ltx_module.precision.block_swap import BlockSwap

_BLOCKS = "transformer_blocks"


class SwapAsLoaded:
    """Takes each swapped block out as soon as its last tensor is there, so that one of them at most is on the device.

    Args:
        transformer: About to be loaded, on the meta device.
        num_swapped: How many of its blocks are swapped.
        device: Where it will compute.

    Attributes:
        swap: Complete when the transformer is.
    """

    def __init__(self, transformer: nn.Module, num_swapped: int, device: torch.device) -> None:
        self._blocks = dict(transformer.get_submodule(_BLOCKS).named_children())
        self.swap = BlockSwap(spread(num_swapped, len(self._blocks)), device)
        self._missing = Counter(_block_of(name) for name in transformer.state_dict())

    def placed(self, name: str) -> None:
        """Tell that a tensor of the transformer is where it belongs."""
        index = _block_of(name)
        self._missing[index] -= 1
        if index in self.swap.indices and not self._missing[index]:
            self.swap.take(index, self._blocks[str(index)])


def spread(count: int, total: int) -> tuple[int, ...]:
    """`count` of the numbers below `total`, as far apart as they can be, so that there is time between two copies."""
    count = min(count, total)
    return tuple((2 * number + 1) * total // (2 * count) for number in range(count))


def _block_of(name: str) -> int:
    """Number of the block that a tensor belongs to; -1 outside of the blocks."""
    head, _, rest = name.partition(".")
    return int(rest.partition(".")[0]) if head == _BLOCKS else -1
