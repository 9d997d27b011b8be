"""How the frozen model is held and run, decided."""

from dataclasses import dataclass
from typing import Literal

import torch

QuantisedFormat = Literal["fp8", "int8", "nf4"]
WeightFormat = Literal["bf16", "fp32", "fp8", "int8", "nf4"]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """What the recipe's `dtype`, `gradient_checkpointing`, `swap_blocks` and `compile` come to on a card."""

    dtype: WeightFormat
    """Number format of the frozen linear layers of the blocks."""
    checkpointed_blocks: int
    """Blocks that are recomputed in backward; the others keep their activations."""
    swap_blocks: int = 0
    """Blocks whose frozen weights stay in host memory until they are needed."""
    compile: bool = False
    """Whether the block is compiled."""

    @property
    def quantised(self) -> QuantisedFormat | None:
        """Number format of the quantised layers, if there are any."""
        return None if self.dtype == "bf16" or self.dtype == "fp32" else self.dtype

    @property
    def compute_dtype(self) -> torch.dtype:
        """Of all weights that are not quantised."""
        return torch.float32 if self.dtype == "fp32" else torch.bfloat16
