"""How far each group of adapters has moved: a group that stays at zero teaches nothing."""

from typing import Any

from jsonargparse.typing import PositiveInt
from lightning.pytorch import Callback, Trainer
from typing_extensions import override

from callbacks.period import finished_step
from ltx_module.module import LTXModule


class AdapterNorms(Callback):
    """Logs the root mean square of lora_B for each group of modules (`attn1`, `audio_attn2`, ...).

    lora_B starts at zero, so its size says how much a group has learnt.

    Args:
        every_n_steps: Optimizer steps between rows.
    """

    def __init__(self, every_n_steps: PositiveInt = 50) -> None:
        self.every_n_steps = every_n_steps

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LTXModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = finished_step(trainer, batch_idx)
        if step is not None and step % self.every_n_steps == 0:
            norms = pl_module.adapter_norms()
            pl_module.write_metrics({f"adapter/rms_{group}": norm.item() for group, norm in norms.items()})
