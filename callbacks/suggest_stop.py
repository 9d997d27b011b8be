"""Say when the held-out loss tells that more steps do harm, and which step was best."""

import logging
from pathlib import Path
from typing import Any

import torch
from jsonargparse.typing import NonNegativeFloat, PositiveInt
from lightning.pytorch import Callback, Trainer
from typing_extensions import override

from callbacks.period import finished_step
from callbacks.stop_on_signal import stop_after_this_step
from callbacks.write_status import WriteStatus
from ltx_module.held_out_history import HELD_OUT, TRAINING, Validation, best_of, read_history, reason_to_stop
from ltx_module.loss_sums import LossSums
from ltx_module.module import LTXModule
from ltx_module.run_directory import RunDirectory, step_of

logger = logging.getLogger(__name__)


class SuggestStop(Callback):
    """Watches the held-out loss and says when the best LoRA lies behind; it only advises, unless told to stop.

    Two signs: no improvement for `patience` validations, or a held-out loss that rises twice in a row while the
    training loss falls, which is overfitting. The line names the best step and its LoRA file, `status.json` keeps it as
    `suggestion`, and it is taken back if the loss improves after all. The mean training loss since the validation
    before is logged as `train/loss_since_validation`. Validations come every `trainer.val_check_interval` steps on the
    clips that `data.validation_fraction` or the manifest holds out; without such clips this callback says so once and
    does nothing. With a multiple of the interval as period, `SaveLoRA` leaves files at the steps that were judged.

    Args:
        patience: Validations in a row without improvement after which to speak.
        tolerance: Change of the held-out loss that counts, as a share of it.
        stop: End the run instead of advising: one step later, saved as any early stop is.
    """

    def __init__(self, patience: PositiveInt = 4, tolerance: NonNegativeFloat = 0.002, stop: bool = False) -> None:
        self.patience = patience
        self.tolerance = tolerance
        self.stop = stop
        self.history: list[Validation] = []
        """The run's validations, oldest first."""
        self._sums = LossSums()
        self._reason: str | None = None

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LTXModule) -> None:
        if trainer.datamodule.validation_is_training:
            logger.info(
                "SuggestStop is idle: no clip is held out to tell overfitting by. Set `data.validation_fraction`, 0.1"
                " for one clip in ten."
            )
            return
        if trainer.global_rank > 0:
            self._sums.clear()  # a resume state holds the sums of the first rank, which must not count twice
        history = read_history(RunDirectory(Path(trainer.default_root_dir)), trainer.global_step)
        self.history = trainer.strategy.broadcast(history)
        if self.history and self.history[-1].step == trainer.global_step:
            self._sums.clear()  # the state was saved before this step's validation
        self._judge(trainer)

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LTXModule, batch: Any, batch_idx: int) -> None:
        if self.stop and self._reason is not None and finished_step(trainer, batch_idx) is not None:
            stop_after_this_step(trainer)  # known to all callbacks when the step ends, so that this step is saved

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LTXModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if pl_module.step_loss is not None:
            for modality, loss_B in pl_module.step_loss.by_modality.items():
                self._sums.add(modality, loss_B, torch.zeros_like(loss_B, dtype=torch.long))

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LTXModule) -> None:
        if trainer.state.fn != "fit":
            return
        weights = {"video": pl_module.objective.video_weight, "audio": pl_module.objective.audio_weight}
        means = self._sums.means(trainer.strategy)
        training = sum(weights[modality] * bins[0] for modality, bins in means.items())
        self._sums.clear()
        pl_module.write_metrics({TRAINING: training})
        held_out = trainer.callback_metrics[HELD_OUT].item()
        self.history.append(Validation(step=trainer.global_step, held_out=held_out, training=training))
        self._judge(trainer)

    def _judge(self, trainer: Trainer) -> None:
        """Say so when the advice changes, and keep it in the status file."""
        before, self._reason = self._reason, reason_to_stop(self.history, self.patience, self.tolerance)
        suggestion = None if self._reason is None else self._suggestion(trainer, self._reason)
        if suggestion is not None and before is None:
            logger.info(suggestion["text"])
        elif suggestion is None and before is not None:
            logger.info("the held-out loss improves again at step %d: go on", trainer.global_step)
        for callback in trainer.callbacks:
            if isinstance(callback, WriteStatus):
                callback.suggest(suggestion)

    def _suggestion(self, trainer: Trainer, reason: str) -> dict[str, Any]:
        """The advice in words, with the best step and the LoRA file nearest to it."""
        best, run = best_of(self.history), RunDirectory(Path(trainer.default_root_dir))
        nearest = min(run.loras(), key=lambda file: abs(step_of(file) - best.step), default=None)
        if nearest is None:
            where = "no LoRA file is saved yet"
        else:
            where = f"{'its' if step_of(nearest) == best.step else 'the nearest'} LoRA is {nearest}"
        act = (
            "stopping, since `SuggestStop.stop` is true"
            if self.stop
            else f"consider stopping (`touch {run.control / 'stop'}`)"
        )
        text = f"{reason}: it was best at step {best.step} ({best.held_out:.4f}), {where}; {act}"
        return {"text": text, "best_step": best.step, "lora": None if nearest is None else str(nearest)}

    @override
    def state_dict(self) -> dict[str, Any]:
        return self._sums.state_dict()

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._sums.load_state_dict(state_dict)
