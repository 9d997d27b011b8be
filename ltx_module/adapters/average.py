"""The running average of an adapter, which is often better than the adapter of any single step.

    average <- d * average + (1 - d) * adapter      d = min(decay, (1 + n) / (10 + n)) after n updates

The warm-up lets the average cover about the last tenth of a young run, rather than its untrained beginning.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ltx_module.adapters.layers import DEFAULT_ADAPTER, trainable_state


class AdapterAverage:
    """Averages of A and B in fp32, beside those in the transformer.

    Args:
        transformer: Holds the adapter; the average begins with its present values.
        decay: Largest share that the old average keeps at an update.
        adapter: The trained adapter.
    """

    def __init__(self, transformer: nn.Module, decay: float, adapter: str = DEFAULT_ADAPTER) -> None:
        self.decay = decay
        self.updates = 0
        """Updates so far."""
        self._live = trainable_state(transformer, adapter)
        self.values = {name: tensor.clone() for name, tensor in self._live.items()}
        """The averages, named as in a resume state."""

    @torch.no_grad()
    def update(self) -> None:
        """Take in the adapter as it is now."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        get_ema_multi_avg_fn(decay)(list(self.values.values()), list(self._live.values()), None)  # type: ignore[no-untyped-call]
        self.updates += 1

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the averages into the transformer inside the block; afterwards the adapter is as it was, bit for bit."""
        kept = {name: tensor.clone() for name, tensor in self._live.items()}
        self._set(self.values)
        try:
            yield
        finally:
            self._set(kept)

    def _set(self, values: Mapping[str, torch.Tensor]) -> None:
        """Overwrite the adapter."""
        with torch.no_grad():
            for name, tensor in self._live.items():
                tensor.copy_(values[name])

    def state_dict(self) -> dict[str, Any]:
        """Averages and their number of updates, not copied."""
        return {"updates": self.updates, "values": self.values}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.updates = state["updates"]
        for name, tensor in self.values.items():
            tensor.copy_(state["values"][name])
