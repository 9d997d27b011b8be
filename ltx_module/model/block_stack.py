"""The blocks as a whole, and how they are run: compiled, recomputed in backward, loaded in time, replayed.

The transformer's mathematics is the same in every case; `block` has it.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ltx_module.model.block import TransformerBlock
from ltx_module.model.side_by_side import SideBySide, Streams
from ltx_module.model.step_graphs import StepGraphs

Hidden = tuple[Tensor | None, Tensor | None]
"""Hidden states of the video and of the audio."""

_COMPILED: dict[str, Any] = {"backend": "inductor"}
_MANY = 512


class BlockLoader(Protocol):
    """Brings frozen weights of blocks to the device when they are needed."""

    @property
    def indices(self) -> Collection[int]:
        """Blocks that it holds elsewhere; they are recomputed in backward."""

    def load(self, index: int) -> None:
        """Make a block ready; called before each run of each block, in forward and in recomputation."""

    def withheld(self) -> AbstractContextManager[None]:
        """Leave out what it holds while the blocks are moved, inside a `with`."""


class BlockStack(nn.ModuleList):
    """Runs blocks one after another.

    Attributes:
        num_recomputed: The first so many blocks are recomputed in backward instead of keeping their activations; the
            last ones have freed theirs by then.
        draws: Whether blocks draw random numbers, as adapters with dropout do.
        loader: Brings weights of blocks that are held elsewhere.
        compiler: Arguments of `torch.compile`.
        is_compiled: Whether the block is compiled.
    """

    def __init__(self, blocks: Collection[TransformerBlock]) -> None:
        super().__init__(blocks)
        self.num_recomputed = 0
        self.draws = False
        self.loader: BlockLoader | None = None
        self.is_compiled = False
        self.compiler = dict(_COMPILED)
        self._side_by_side: SideBySide | None = None
        self._graphs: StepGraphs | None = None

    def forward(
        self,
        numbers: range,
        hidden: Hidden,
        conditions: object,
        skips: Mapping[int, bool | Tensor],
        isolate: Tensor | None,
    ) -> Hidden:
        """Hidden states after some of the blocks.

        Args:
            numbers: Which blocks.
            hidden: Hidden states before them.
            conditions: Of the video and of the audio stream.
            skips: Blocks whose self-attention is skipped, and for which items.
            isolate: Items without audio-video cross attention, bool, `(B,)`.
        """
        if torch.is_grad_enabled() and self.is_compiled:
            for x in hidden:
                if x is not None and not x.requires_grad:
                    x.requires_grad_()  # as in the later blocks, which share what is compiled
        plain = not skips and isolate is None
        if self._graphs is not None and plain and len(numbers) == len(self) and torch.is_grad_enabled():
            replayed: Hidden = self._graphs(*hidden, conditions)
            return replayed
        for number in numbers:
            # A single block is not worth another compilation.
            with torch.compiler.set_stance("force_eager") if number in skips else nullcontext():
                hidden = self._run(number, *hidden, conditions, skips.get(number, False), isolate)
        return hidden

    def compile_blocks(self) -> None:
        """Compile the block; all of them share what is compiled, once for each geometry."""
        dynamo = torch._dynamo.config  # beyond its limit of 8 geometries it would leave them uncompiled
        dynamo.recompile_limit, dynamo.accumulated_recompile_limit = _MANY, _MANY
        for block in self:
            block.compile(dynamic=False, **self.compiler)
        self.is_compiled = True

    def record_steps(self, trained: Collection[nn.Parameter], *, side_by_side: bool = True) -> None:
        """Replay training's passes as CUDA graphs, unless something outside the blocks is trained, too.

        Args:
            trained: Everything that gets gradients. Nothing draws, and no block is loaded when its turn comes.
            side_by_side: Compute the two streams of a block at the same time.
        """
        own = set(self.parameters())
        if all(parameter in own for parameter in trained):
            if side_by_side:
                self.split(next(iter(own)).device)
            self._graphs = StepGraphs(self._run_all, list(trained))

    def split(self, device: torch.device) -> None:
        """Compute the two streams side by side in training, where both are there."""
        self._side_by_side = SideBySide([cast(TransformerBlock, block) for block in self], device, self.compiler)

    def release_steps(self) -> None:
        """Give back the memory of recorded passes; they are recorded anew when they are needed."""
        if self._graphs is not None:
            self._graphs.release()

    def _run_all(self, video: Tensor | None, audio: Tensor | None, conditions: object) -> Hidden:
        hidden = (video, audio)
        both = self._side_by_side is not None and video is not None and audio is not None
        streams = self._side_by_side.begin(conditions) if both and self._side_by_side is not None else None
        for number in range(len(self)):
            hidden = self._run(number, *hidden, conditions, False, None, streams)
        return hidden

    def _run(self, number: int, *inputs: object) -> Hidden:
        run: Callable[..., Hidden] = self._load_and_run
        is_elsewhere = self.loader is not None and number in self.loader.indices
        if torch.is_grad_enabled() and (number < self.num_recomputed or is_elsewhere):
            run = partial(checkpoint, run, use_reentrant=False, preserve_rng_state=self.draws)
        return run(number, *inputs)

    def _load_and_run(
        self,
        number: int,
        video: Tensor | None,
        audio: Tensor | None,
        conditions: Any,
        skip: bool | Tensor,
        isolate: Tensor | None,
        streams: Streams | None = None,
    ) -> Hidden:
        """One block; side by side on the given streams."""
        if self.loader is not None:
            self.loader.load(number)
        if streams is not None and self._side_by_side is not None and video is not None and audio is not None:
            return self._side_by_side.run(number, video, audio, conditions, streams)
        updated: Hidden = self[number](video, audio, conditions, skip, isolate)
        return updated

    def _apply(self, fn: Callable[..., Tensor], recurse: bool = True) -> "BlockStack":
        """Move all but the weights that the loader holds elsewhere."""
        with nullcontext() if self.loader is None else self.loader.withheld():
            super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self
