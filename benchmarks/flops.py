"""Arithmetic of a training step: multiplications and additions that no implementation can leave out.

Matrix products of linear layers and of attention, forward and backward to whatever has an adapter or one below it;
nothing twice, so neither recomputed blocks nor the logits that flash attention computes again count. Element-wise
work, norms, softmax and the optimizer are left out: they are bound by memory.

    linear (T, in) -> (T, out)       2 T in out, and as much again where its input needs a gradient
    adapter of rank r beside it      2 T r (in + out); backward 2 T r (in + 2 out), and 2 T r in for the input
    attention T to S, width D        4 T S D; backward 8 T S D
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from ltx_module.model.block import NUM_CROSS_ROWS, NUM_PROMPT_ROWS, NUM_STREAM_ROWS
from ltx_module.model.config import LTXConfig

_TIME_FREQUENCIES = 256
_FORWARD = 4  # hidden width of the feed-forward layer over that of the stream


@dataclass(frozen=True, kw_only=True)
class StepFlops:
    """Floating point operations of a step, by what multiplies them."""

    frozen: int
    """Large linear layers of the blocks, which may be held in fewer bits."""
    attention: int
    other: int
    """Adapters, and linear layers outside the blocks or too small to be quantised."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.frozen + self.attention + self.other

    def floor_ms(self, frozen_tflops: float, bf16_tflops: float) -> float:
        """Milliseconds at the card's best rates.

        Args:
            frozen_tflops: Of matrix products in the number format of the frozen layers.
            bf16_tflops: Of all others.
        """
        return 1e-9 * (self.frozen / frozen_tflops + (self.attention + self.other) / bf16_tflops)


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Tokens of one item."""

    video: int
    audio: int
    text: int


@dataclass(frozen=True, kw_only=True)
class _Linear:
    """A linear layer in a step."""

    tokens: int
    width_in: int
    width_out: int
    adapted: bool = False
    to_input: bool = True
    """Whether its input needs a gradient."""
    in_block: bool = True

    @property
    def products(self) -> int:
        """Of the layer itself."""
        once = 2 * self.tokens * self.width_in * self.width_out
        return 2 * once if self.to_input else once

    def adapter(self, rank: int) -> int:
        """Of its adapter."""
        if not self.adapted:
            return 0
        to_input = self.width_in if self.to_input else 0
        return 2 * self.tokens * rank * (2 * self.width_in + 3 * self.width_out + to_input)

    @property
    def is_large(self) -> bool:
        """Whether it may be quantised; the gates of attention heads are not."""
        return self.in_block and min(self.width_in, self.width_out) >= 256


@dataclass(frozen=True, kw_only=True)
class _Attention:
    """An attention in a step."""

    queries: int
    keys: int
    width_in: int
    width_context: int
    width: int
    heads: int
    to_input: bool = True
    to_context: bool = True

    def linears(self) -> Iterator[_Linear]:
        """Its linear layers."""
        yield _Linear(
            tokens=self.queries, width_in=self.width_in, width_out=self.width, adapted=True, to_input=self.to_input
        )
        for _ in "kv":
            yield _Linear(
                tokens=self.keys,
                width_in=self.width_context,
                width_out=self.width,
                adapted=True,
                to_input=self.to_context,
            )
        yield _Linear(tokens=self.queries, width_in=self.width_in, width_out=self.heads, to_input=self.to_input)
        yield _Linear(tokens=self.queries, width_in=self.width, width_out=self.width_in, adapted=True)

    @property
    def products(self) -> int:
        """Of queries with keys and weights with values, forward and backward."""
        return 12 * self.queries * self.keys * self.width


def step_flops(config: LTXConfig, tokens: Tokens, rank: int) -> StepFlops:
    """Count a step of one item with sound, with adapters on all attention.

    Args:
        config: Sizes of the model.
        tokens: Of the item; its prompt has as many in both modalities.
        rank: Of the adapters.
    """
    frozen = attention = other = 0
    linears = list(_outside(config, tokens))
    for number in range(config.num_layers):
        for each in _attentions(config, tokens, is_first=number == 0):
            attention += each.products
            linears += each.linears()
        for length, width in ((tokens.video, config.video_dim), (tokens.audio, config.audio_dim)):
            linears.append(_Linear(tokens=length, width_in=width, width_out=_FORWARD * width))
            linears.append(_Linear(tokens=length, width_in=_FORWARD * width, width_out=width))
    for linear in linears:
        other += linear.adapter(rank)
        if linear.is_large:
            frozen += linear.products
        else:
            other += linear.products
    return StepFlops(frozen=frozen, attention=attention, other=other)


def _attentions(config: LTXConfig, tokens: Tokens, *, is_first: bool) -> Iterator[_Attention]:
    """The six of a block; nothing above the first adapters needs a gradient."""
    video, audio, text = tokens.video, tokens.audio, tokens.text
    wide, narrow = config.video_dim, config.audio_dim
    of_video = partial(_Attention, width_in=wide, width_context=wide, width=wide, heads=config.num_attention_heads)
    audio_heads = config.audio_num_attention_heads
    of_audio = partial(_Attention, width_in=narrow, width_context=narrow, width=narrow, heads=audio_heads)
    to_self = {"to_input": not is_first, "to_context": not is_first}
    yield of_video(queries=video, keys=video, **to_self)
    yield of_audio(queries=audio, keys=audio, **to_self)
    yield of_video(queries=video, keys=text, to_context=False)
    yield of_audio(queries=audio, keys=text, to_context=False)
    yield of_audio(queries=video, keys=audio, width_in=wide)
    yield of_audio(queries=audio, keys=video, width_context=wide)


def _outside(config: LTXConfig, tokens: Tokens) -> Iterator[_Linear]:
    """Layers outside the blocks: none but the last ones has a gradient to pass on."""
    streams = (
        (tokens.video, config.in_channels, config.video_dim, config.out_channels),
        (tokens.audio, config.audio_in_channels, config.audio_dim, config.audio_out_channels),
    )
    for length, channels, width, out in streams:
        yield _Linear(tokens=length, width_in=channels, width_out=width, to_input=False, in_block=False)
        yield _Linear(tokens=length, width_in=width, width_out=out, in_block=False)
        for rows in (NUM_STREAM_ROWS, NUM_PROMPT_ROWS, NUM_CROSS_ROWS, 1):  # one noise level each
            for width_in, width_out in ((_TIME_FREQUENCIES, width), (width, width), (width, rows * width)):
                yield _Linear(tokens=1, width_in=width_in, width_out=width_out, to_input=False, in_block=False)
