"""What a training step and a sample hold and work on, in numbers: all that the memory estimate takes of a recipe."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from ltx_module.precision.execution import WeightFormat
from ltx_module.precision.frozen_linear import quantisable

if TYPE_CHECKING:
    from ltx_module.model import LTXTransformer

# A number of a large layer. nf4: half a byte, a byte a 64 of them, 4 bytes and 256 of those (statistics quantised too).
_BYTES: dict[str, float] = {"bf16": 2, "fp32": 4, "fp8": 1, "int8": 1, "nf4": 0.5 + 1 / 64 + 4 / (64 * 256)}
_SCALE_BYTES = 4  # of a row, in fp8 and int8


@dataclass(frozen=True, kw_only=True)
class FrozenSizes:
    """Numbers of the base model's streams that are built."""

    num_blocks: int
    block: int
    """In the large linear layers of one block, whose format the recipe chooses."""
    block_rows: int
    """Output features of these layers together."""
    largest: int
    """In the largest of them."""
    rest: int
    """In everything else, which stays bf16."""

    @classmethod
    def of(cls, transformer: "LTXTransformer") -> "FrozenSizes":
        """Those of a transformer, on the meta device if need be."""
        large = [module for _, module in quantisable(transformer)]
        numbers = [module.in_features * module.out_features for module in large]
        return cls(
            num_blocks=transformer.num_blocks,
            block=sum(numbers) // transformer.num_blocks,
            block_rows=sum(module.out_features for module in large) // transformer.num_blocks,
            largest=max(numbers, default=0),
            rest=count(transformer) - sum(numbers),
        )

    @property
    def total(self) -> int:
        """All numbers."""
        return self.num_blocks * self.block + self.rest

    def block_bytes(self, dtype: WeightFormat) -> float:
        """Of the large layers of one block in a format."""
        scales = _SCALE_BYTES * self.block_rows if dtype in ("fp8", "int8") else 0
        return self.block * _BYTES[dtype] + scales

    def rest_bytes(self, dtype: WeightFormat) -> float:
        """Of everything else."""
        return self.rest * (4 if dtype == "fp32" else 2)


@dataclass(frozen=True, kw_only=True)
class OptimizerBytes:
    """What an optimizer takes for each trainable parameter."""

    state: float
    """Held between steps."""
    working: float = 0.0
    """Taken during its step."""


@dataclass(frozen=True, kw_only=True)
class SampleJob:
    """The largest sample."""

    widths: int
    """Sum over the streams of tokens times width, of the passes that run as one batch."""
    pixels: int
    """Of all frames together; 0 for sound alone."""
    decoder: int
    """Bytes of the video decoder's weights, which are on the card while it decodes."""
    distilled: int = 0
    """Bytes of the distilled LoRA, which is on the card while it takes part."""


@dataclass(frozen=True, kw_only=True)
class MemoryJob:
    """The step of the largest bucket, and what stands beside it."""

    sizes: FrozenSizes
    both_streams: bool
    """Whether audio-video attention takes part."""
    video_width: int
    audio_width: int
    video_tokens: int
    """Of a micro-batch, references and keyframes included."""
    audio_tokens: int
    prompt_tokens: int
    """Of a micro-batch's captions, for each stream."""
    trainable: int
    """Parameters of the adapters."""
    optimizer: OptimizerBytes
    graphs: int = 1
    """Forward passes whose activations wait for one backward; preservation makes it two."""
    keeps_gradients: bool = False
    """Whether all gradients are there throughout, as with several micro-batches a step, and with several ranks."""
    shards: int = 1
    """Ranks among which the blocks' weights are divided."""
    geometries: int = 1
    """Buckets whose position tables are cached."""
    sample: SampleJob | None = None
    """None where nothing is sampled."""

    @property
    def widths(self) -> int:
        """Sum over the streams of tokens times width."""
        return self.video_tokens * self.video_width + self.audio_tokens * self.audio_width

    @property
    def prompt_widths(self) -> int:
        """The same of the text."""
        streams = self.video_width * (self.video_tokens > 0) + self.audio_width * (self.audio_tokens > 0)
        return self.prompt_tokens * streams


def count(module: nn.Module) -> int:
    """Parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())
