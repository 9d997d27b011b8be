"""Frozen weights cut in pieces, one on each rank, and put together block by block when they are needed (FSDP2).

A block's weights are gathered before its forward and once more before its backward, and freed after either; while one
block computes, the next is on its way. Nothing frozen has a gradient, so weights are all that travels. Adapters are
attached afterwards, and stay whole on every rank.

With N ranks, each holds 1/N of the blocks and all of the few layers outside them. Norms, biases and codes of any
number format are gathered together, as bytes; scales of quantised layers are buffers, and stay whole.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard

if TYPE_CHECKING:
    from ltx_module.model import LTXTransformer

_BLOCK = re.compile(r"transformer_blocks\.(\d+)\.")


class BlockShards:
    """Cuts each block as soon as it is complete, so that no device ever holds the whole model.

    Args:
        transformer: About to be filled, tensor by tensor.
        names: All tensors that it will be filled with.
        mesh: The ranks, in one dimension.
    """

    def __init__(self, transformer: "LTXTransformer", names: Iterable[str], mesh: DeviceMesh) -> None:
        self._transformer, self._mesh = transformer, mesh
        self._lacking = Counter(match[1] for match in map(_BLOCK.match, names) if match)

    def placed(self, name: str) -> None:
        """Take notice of a tensor that is in its place now."""
        if (match := _BLOCK.match(name)) is None:
            return
        self._lacking[match[1]] -= 1
        if not self._lacking[match[1]]:
            fully_shard(self._transformer.blocks[int(match[1])], mesh=self._mesh)

    def finish(self) -> None:
        """Join the blocks to one model, so that each is gathered while the one before it computes."""
        outside = {parameter for name, parameter in self._transformer.named_parameters() if not _BLOCK.match(name)}
        fully_shard(self._transformer, mesh=self._mesh, ignored_params=outside)


@contextmanager
def gathered(block: nn.Module) -> Iterator[None]:
    """A block's frozen weights whole inside a `with`, for a look at their values; every rank must enter."""
    if not isinstance(block, FSDPModule):
        yield
        return
    block.unshard()
    try:
        yield
    finally:
        block.reshard()
