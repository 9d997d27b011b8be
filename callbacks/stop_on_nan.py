"""Stop at the first loss that is not finite, and name the clips."""

import math
from typing import Any

from lightning.pytorch import Callback, Trainer
from torch import Tensor
from typing_extensions import override

from datamodules.batch import LatentBatch
from ltx_module.module import LTXModule


class NotFiniteError(ValueError):
    """A loss is NaN or infinite."""


class StopOnNaN(Callback):
    """Raises when a loss is NaN or infinite, before anything of it is saved.

    On a GPU the loss of a step is read one step later, when it has long been computed, so that no step waits; before
    anything is saved it is read at once.
    """

    def __init__(self) -> None:
        self._pending: tuple[Tensor, tuple[str, ...], int] | None = None

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LTXModule, outputs: Any, batch: LatentBatch, batch_idx: int
    ) -> None:
        self.check()
        self._pending = (outputs["loss"].detach(), batch.names, trainer.global_step)
        if not outputs["loss"].is_cuda:
            self.check()

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LTXModule) -> None:
        self.check()

    def check(self) -> None:
        """Wait for the remembered loss and raise if it is not finite.

        Raises:
            NotFiniteError: Naming the step and its clips.
        """
        if self._pending is None:
            return
        loss, names, step = self._pending
        self._pending = None
        if not math.isfinite(value := loss.item()):
            raise NotFiniteError(
                f"the loss of step {step} is {value}, with {', '.join(names)}: nothing after the last resume state is"
                " kept. Look at these clips (`python -m ltx_module preprocess --decode`), or lower"
                " `model.optimizer.init_args.lr`."
            )


def require_finite(trainer: Trainer) -> None:
    """Raise before saving if the loss of this step or an adapter is not finite.

    Raises:
        NotFiniteError: Naming the step.
    """
    for callback in trainer.callbacks:
        if isinstance(callback, StopOnNaN):
            callback.check()
    adapters = trainer.lightning_module.state_dict().values()
    if not all(bool(tensor.isfinite().all()) for tensor in adapters):
        raise NotFiniteError(
            f"the adapters hold numbers that are not finite after step {trainer.global_step}, so they are not saved: go"
            " on from the last resume state with a lower `model.optimizer.init_args.lr`."
        )
