"""The forward pass of a linear layer with adapters. peft holds them, and `layers` puts them there.

    y = W x + sum_i scale_i * B_i (A_i dropout(x))

Adapters are computed in the dtype of the input, whatever their own; their scale is applied to the few numbers between
A and B. Layers of one input share the products with their A.
"""

from collections.abc import Sequence
from typing import Any

import torch
from peft.tuners import lora
from torch import Tensor, nn


class AdaptedLinear(lora.Linear):
    """Peft's layer with a forward of our own."""

    def forward(self, x: Tensor, *_: Any, **__: Any) -> Tensor:
        """Multiply, `(..., in)` -> `(..., out)` in the dtype of the base layer's output."""
        (y,) = self.together(x, [self])
        return y

    @staticmethod
    def together(x: Tensor, layers: Sequence[nn.Module]) -> list[Tensor]:
        """Several layers of one input, adapted or not; the adapters' A are multiplied as one matrix."""
        outputs = [layer.base_layer(x) if isinstance(layer, AdaptedLinear) else layer(x) for layer in layers]
        adapters = [
            (number, layer, name)
            for number, layer in enumerate(layers)
            if isinstance(layer, AdaptedLinear)
            for name in layer.active_adapters
            if name in layer.lora_A
        ]
        if not adapters:
            return outputs
        narrow = _narrowed(x, adapters)
        for (number, layer, name), hidden in zip(adapters, narrow, strict=True):
            up = layer.lora_B[name].weight
            outputs[number] = outputs[number] + nn.functional.linear(hidden * layer.scaling[name], up.to(x.dtype))
        return outputs


def _narrowed(x: Tensor, adapters: Sequence[tuple[int, AdaptedLinear, str]]) -> Sequence[Tensor]:
    """A x of each adapter, `(..., rank)`."""
    downs = [layer.lora_A[name].weight.to(x.dtype) for _, layer, name in adapters]
    drops = [layer.lora_dropout[name] for _, layer, name in adapters]
    if any(isinstance(drop, nn.Dropout) for drop in drops):
        return [nn.functional.linear(drop(x), down) for drop, down in zip(drops, downs, strict=True)]
    if len(downs) == 1:
        return [nn.functional.linear(x, downs[0])]
    return torch.split(nn.functional.linear(x, torch.cat(downs)), [len(down) for down in downs], dim=-1)
