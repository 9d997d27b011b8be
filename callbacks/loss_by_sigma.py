"""Loss by noise level: the one curve of a diffusion model that can be read."""

from typing import Any

import torch
from jsonargparse.typing import PositiveInt
from lightning.pytorch import Callback, Trainer
from torch import Tensor
from typing_extensions import override

from callbacks.period import finished_step
from ltx_module.module import LTXModule


class LossBySigma(Callback):
    """Logs the mean loss of each modality in equal bins of sigma, over the steps since it last logged.

    Sums stay on the device until they are logged, so a step never waits for them.

    Args:
        num_bins: Bins between 0 and 1.
        every_n_steps: Optimizer steps between rows.
    """

    def __init__(self, num_bins: PositiveInt = 4, every_n_steps: PositiveInt = 50) -> None:
        self.num_bins = num_bins
        self.every_n_steps = every_n_steps
        self._sums: dict[str, Tensor] = {}

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LTXModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = pl_module.step_loss
        if step is not None:
            self._add("video", step.video_loss, step.video_sigma)
            self._add("audio", step.audio_loss, step.audio_sigma)
        finished = finished_step(trainer, batch_idx)
        if finished is not None and finished % self.every_n_steps == 0:
            self._log(pl_module)

    def _add(self, modality: str, loss_B: Tensor | None, sigma_B: Tensor | None) -> None:
        """Add a micro-batch to row 0 (sum of losses) and row 1 (count) of a modality's bins."""
        if loss_B is None or sigma_B is None:
            return
        sums = self._sums.setdefault(modality, torch.zeros(2, self.num_bins, device=loss_B.device))
        bins = (sigma_B * self.num_bins).long().clamp(max=self.num_bins - 1)
        sums[0].index_add_(0, bins, loss_B.float())
        sums[1].index_add_(0, bins, torch.ones_like(loss_B, dtype=torch.float32))

    def _log(self, pl_module: LTXModule) -> None:
        """Log the bins that were hit and start over."""
        means = {}
        for modality, sums in self._sums.items():
            for number, (total, count) in enumerate(sums.T.tolist()):
                if count:
                    low, high = number / self.num_bins, (number + 1) / self.num_bins
                    means[f"train/loss_{modality}_sigma_{low:.2f}-{high:.2f}"] = total / count
        pl_module.write_metrics(means)
        self._sums.clear()

    @override
    def state_dict(self) -> dict[str, Any]:
        return {modality: sums.tolist() for modality, sums in self._sums.items()}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._sums = {modality: torch.tensor(sums) for modality, sums in state_dict.items()}

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LTXModule) -> None:
        self._sums = {modality: sums.to(pl_module.device) for modality, sums in self._sums.items()}
