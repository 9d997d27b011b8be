"""What the memory estimate cannot derive from shapes, fitted to measured peaks; nothing of the kind stands elsewhere.

`python -m benchmarks.memory_fit` compares the estimate with the rows of `benchmarks/results/steps.jsonl` and says which
values would suit them best. A value is in bytes per token and unit of width of its stream unless it says otherwise.

Sources: EAGER from the rows of 2026-11-20 and -21 in benchmarks/RESULTS.md. COMPILED is not measured yet: what it keeps
was counted by hooks on the tensors that the compiler's partitioner saves of one block at full width; its temporaries
are EAGER's. The same count divides what is kept into the stream's own, audio-video attention's (a quarter), and the
text's. The number format of the weights makes no difference to what is kept.
"""

from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class BlockConstants:
    """What one block keeps and works with."""

    stream: float
    """Kept for backward by a stream's own layers."""
    cross: float
    """Kept besides by audio-video attention, where both streams are there."""
    prompt: float
    """Kept of the text, per token of the prompt and unit of width."""
    working: float
    """Temporaries of the block that is propagated back, beyond what it keeps."""
    forward: float
    """Temporaries of a block in a forward pass without gradients."""


EAGER = BlockConstants(stream=45, cross=15, prompt=10, working=26, forward=24)
COMPILED = BlockConstants(stream=42, cross=16, prompt=8, working=24, forward=16)
EIGHT_BIT_WORKING = {False: 60.0, True: 8.0}
"""Added to `working` where inputs and gradients are quantised as they come, by `compile`; counted, not yet measured."""
KEPT_INPUT = 2.0
"""What a block that is recomputed keeps: its input in bf16."""

DECODER_BYTES_PER_PIXEL = 160.0
"""Working memory of the video decoder per pixel of all frames, its weights apart."""
SMALLEST_TILE = 256 * 256 * 40
"""Pixels of the smallest tile that the decoder turns to where memory is short."""
TILED_BYTES_PER_PIXEL = 32.0
"""Sum of tiles, their weights and the result, per pixel of all frames."""
DECODER_SHARE = 0.56
"""Part of the video VAE that is its decoder."""

WORKSPACE = 96 * 2**20
"""Bytes of cuBLAS and of small tensors, whatever the model."""
HEADROOM = 0.07
"""Share of the free memory that `auto` leaves alone: what the allocator cannot use, and what the estimate misses."""
