"""Loss by noise level: the one curve of a diffusion model that can be read."""

from typing import Any

from jsonargparse.typing import PositiveInt
from lightning.pytorch import Callback, Trainer
from typing_extensions import override

from callbacks.period import is_nth_step
from ltx_module.loss_sums import LossSums
from ltx_module.module import LTXModule


class LossBySigma(Callback):
    """Logs the mean loss of each modality in equal bins of sigma, over all ranks' steps since it last logged.

    Sums stay on the device until they are logged, so a step never waits for them.

    Args:
        num_bins: Bins between 0 and 1.
        every_n_steps: Optimizer steps between rows.
    """

    def __init__(self, num_bins: PositiveInt = 4, every_n_steps: PositiveInt = 50) -> None:
        self.num_bins = num_bins
        self.every_n_steps = every_n_steps
        self._sums = LossSums(num_bins)

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LTXModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = pl_module.step_loss
        if step is not None:
            for modality, sigma_B in (("video", step.video_sigma), ("audio", step.audio_sigma)):
                if sigma_B is not None:
                    bins_B = (sigma_B * self.num_bins).long().clamp(max=self.num_bins - 1)
                    self._sums.add(modality, step.by_modality[modality], bins_B)
        if is_nth_step(trainer, batch_idx, self.every_n_steps):
            self._log(trainer, pl_module)

    def _log(self, trainer: Trainer, pl_module: LTXModule) -> None:
        """Log the bins that were hit and start over."""
        rows = {}
        for modality, bins in self._sums.means(trainer.strategy).items():
            for number, mean in bins.items():
                low, high = number / self.num_bins, (number + 1) / self.num_bins
                rows[f"train/loss_{modality}_sigma_{low:.2f}-{high:.2f}"] = mean
        pl_module.write_metrics(rows)
        self._sums.clear()

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LTXModule) -> None:
        if trainer.global_rank > 0:
            self._sums.clear()  # a resume state holds the sums of the first rank, which must not count twice

    @override
    def state_dict(self) -> dict[str, Any]:
        return self._sums.state_dict()

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._sums.load_state_dict(state_dict)
