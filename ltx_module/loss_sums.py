"""Mean losses by modality and bin; sums stay on the device until they are read, so that no step waits for them.

B items.
"""

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch.strategies import Strategy
from torch import Tensor

MODALITIES = ("video", "audio")


class LossSums:
    """Sum and number of losses in each bin of each modality, `(2 modalities, 2, num_bins)`.

    Args:
        num_bins: Bins of each modality.
    """

    def __init__(self, num_bins: int = 1) -> None:
        self.sums = torch.zeros(len(MODALITIES), 2, num_bins)

    def add(self, modality: str, loss_B: Tensor, bins_B: Tensor) -> None:
        """Add one loss an item.

        Args:
            modality: `video` or `audio`.
            loss_B: Losses.
            bins_B: Bin of each, integers on the same device.
        """
        self.sums = self.sums.to(loss_B.device)
        total, count = self.sums[MODALITIES.index(modality)]
        loss_B = loss_B.detach().float()
        total.index_add_(0, bins_B, loss_B)
        count.index_add_(0, bins_B, torch.ones_like(loss_B))

    def means(self, strategy: Strategy | None = None) -> dict[str, dict[int, float]]:
        """Mean loss by modality and bin; what nothing was added to is left out. Waits for the device.

        Args:
            strategy: Joins the sums of all ranks, all of which must call; null reads this rank's alone.
        """
        sums = self.sums
        if strategy is not None:
            sums = strategy.reduce(sums.to(strategy.root_device, copy=True), reduce_op="sum")
        means = {}
        for modality, (totals, counts) in zip(MODALITIES, sums.tolist(), strict=True):
            pairs = enumerate(zip(totals, counts, strict=True))
            means[modality] = {number: total / count for number, (total, count) in pairs if count}
        return {modality: bins for modality, bins in means.items() if bins}

    def clear(self) -> None:
        """Start over."""
        self.sums.zero_()

    def state_dict(self) -> dict[str, Any]:
        """The sums, for a resume state."""
        return {"sums": self.sums.cpu()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave, or nothing where the number of bins has changed since."""
        sums = state.get("sums")
        if isinstance(sums, Tensor) and sums.shape == self.sums.shape:
            self.sums = sums.clone()
