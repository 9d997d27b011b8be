"""What the callbacks that save have in common: when they do."""

from abc import ABC, abstractmethod
from typing import Any

from lightning.pytorch import Callback, Trainer
from typing_extensions import override

from callbacks.period import is_due
from ltx_module.module import LTXModule


class SavingCallback(Callback, ABC):
    """Saves after each n-th optimizer step, after the last one and at an early stop.

    Args:
        every_n_steps: Optimizer steps between saves.
    """

    def __init__(self, every_n_steps: int) -> None:
        self.every_n_steps = every_n_steps

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LTXModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if is_due(trainer, batch_idx, self.every_n_steps):
            self.save(trainer, pl_module)

    @abstractmethod
    def save(self, trainer: Trainer, pl_module: LTXModule) -> None:
        """Save the present step, whole or not at all; all ranks must call."""
