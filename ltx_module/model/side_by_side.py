"""A block whose two streams are computed side by side on the device.

The sound of a clip has some fifty tokens where its picture has thousands. Its kernels leave nearly all of a large card
idle, so they run on a CUDA stream of their own while the picture's are computed:

    main   | picture: self and text attention |        | picture: feed-forward |
    side   | sound: self and text attention   | cross  | sound: feed-forward   |
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from ltx_module.model.block import StreamConditions, TransformerBlock


class _Parts(NamedTuple):
    """A block's three parts, compiled."""

    attend: Callable[..., Tensor]
    cross: Callable[..., tuple[Tensor, Tensor]]
    feed_forward: Callable[..., Tensor]


class SideBySide:
    """Runs blocks of both streams in parts.

    Args:
        blocks: In order.
        device: Where they are; on a CPU the parts run one after another.
        compiled: Arguments of `torch.compile`; all blocks share what is compiled.
    """

    def __init__(self, blocks: list[TransformerBlock], device: torch.device, compiled: Mapping[str, Any]) -> None:
        def part(function: Callable[..., Any]) -> Callable[..., Any]:
            return torch.compile(function, dynamic=False, **compiled)

        self._parts = [_Parts(part(b.attend), part(b.cross), part(b.feed_forward)) for b in blocks]
        self._device = device
        self._side = None if device.type == "cpu" else torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def begin(self, conditions: object) -> "Streams":
        """The streams of a pass that begins: the present one is its main one, in recomputation too.

        Args:
            conditions: Of both streams, used on both.
        """
        if self._side is None:
            return Streams(None, None)
        if not torch.cuda.is_current_stream_capturing():  # what is recorded reads memory that stays
            for leaf in pytree.tree_leaves(conditions):
                if isinstance(leaf, Tensor):
                    leaf.record_stream(self._side)
        return Streams(torch.cuda.current_stream(self._device), self._side)

    def run(
        self,
        number: int,
        video: Tensor,
        audio: Tensor,
        conditions: tuple[StreamConditions, StreamConditions],
        streams: "Streams",
    ) -> tuple[Tensor, Tensor]:
        """One block, `TransformerBlock.forward`.

        It may be called on any stream, as autograd recomputes on that of what it needs first; that one and both of the
        pass have seen all of its results when it returns.
        """
        parts, (of_video, of_audio) = self._parts[number], conditions
        streams.meet(audio)
        with streams.on_side():
            audio = parts.attend("audio", audio, of_audio)
        with streams.on_main():
            video = parts.attend("video", video, of_video)
            streams.meet(audio)
            video, audio = parts.cross(video, audio, of_video, of_audio)
        streams.meet(audio)
        with streams.on_side():
            audio = parts.feed_forward("audio", audio, of_audio)
        with streams.on_main():
            video = parts.feed_forward("video", video, of_video)
        streams.meet(audio)
        return video, audio


class Streams(NamedTuple):
    """The two CUDA streams of a pass; None on a CPU."""

    main: torch.cuda.Stream | None
    side: torch.cuda.Stream | None

    def on_main(self) -> AbstractContextManager[object]:
        """Compute on the main stream, inside a `with`."""
        return nullcontext() if self.main is None else torch.cuda.stream(self.main)

    def on_side(self) -> AbstractContextManager[object]:
        """Compute on the side stream, inside a `with`."""
        return nullcontext() if self.side is None else torch.cuda.stream(self.side)

    def meet(self, audio: Tensor) -> None:
        """Let all streams wait for each other; the sound's hidden states are used on both, the picture's on one."""
        if self.main is None or self.side is None:
            return
        current = torch.cuda.current_stream(audio.device)
        self.main.wait_stream(current)
        self.main.wait_stream(self.side)
        for stream in (self.side, current):
            stream.wait_stream(self.main)
        audio.record_stream(self.main)
        audio.record_stream(self.side)
