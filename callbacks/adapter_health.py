"""How each group of adapters fares: a group without gradients, or whose update stays near zero, teaches nothing."""

import logging
import math
from typing import Any

import torch
from jsonargparse.typing import PositiveInt
from lightning.pytorch import Callback, Trainer
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer
from typing_extensions import override

from callbacks.period import is_nth_step
from ltx_module.adapters import GROUP_NAMES, adapter_groups, frozen_norms, update_norms, update_sizes
from ltx_module.module import LTXModule

logger = logging.getLogger(__name__)


class AdapterHealth(Callback):
    """Logs the size of updates and gradients for each group of modules, and names the groups that learn nothing.

    For a group such as `attn1` (video self-attention) or `audio_to_video_attn`, with dW = (alpha / rank) * B @ A:

        adapter/update_attn1      Frobenius norm of all its dW as one vector
        adapter/rms_attn1         root mean square of the entries of dW
        adapter/relative_attn1    norm of dW over the norm of the frozen weights
        adapter/gradient_attn1    root mean square over the steps since the last row of the gradient's norm

    Gradients are those of the whole step, of all ranks and before clipping, so that clipping hides nothing. Their
    squares are added up on the device: a step never waits, a row does.

    Args:
        every_n_steps: Optimizer steps between rows.
    """

    def __init__(self, every_n_steps: PositiveInt = 50) -> None:
        self.every_n_steps = every_n_steps
        self._groups: dict[str, list[Tensor]] = {}
        self._frozen: dict[str, float] = {}
        self._squares: dict[str, Tensor] = {}
        self._steps = 0
        self._named: set[str] = set()

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LTXModule) -> None:
        transformer = pl_module.transformer
        assert transformer is not None
        self._groups = adapter_groups(transformer)
        self._frozen = {group: norm.item() for group, norm in frozen_norms(transformer).items()}
        self._squares = {
            group: self._squares.get(group, torch.zeros(())).to(pl_module.device) for group in self._groups
        }

    @override
    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LTXModule, optimizer: Optimizer) -> None:
        for group, parameters in self._groups.items():
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            if gradients:
                self._squares[group] += get_total_norm(gradients).square()
        self._steps += 1

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LTXModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if is_nth_step(trainer, batch_idx, self.every_n_steps):
            self._log(trainer, pl_module)

    def _log(self, trainer: Trainer, pl_module: LTXModule) -> None:
        """Log a row, name the groups without gradients and start over."""
        transformer = pl_module.transformer
        assert transformer is not None
        sizes, rows = update_sizes(transformer), {}
        for group, update in update_norms(transformer).items():
            norm = update.item()
            rows[f"adapter/update_{group}"] = norm
            rows[f"adapter/rms_{group}"] = norm / math.sqrt(sizes[group])
            rows[f"adapter/relative_{group}"] = norm / self._frozen[group]
            rows[f"adapter/gradient_{group}"] = math.sqrt(self._squares[group].item() / max(1, self._steps))
        pl_module.write_metrics(rows)
        if trainer.is_global_zero:
            self._name_idle([group for group in self._groups if rows[f"adapter/gradient_{group}"] == 0])
        self._steps = 0
        for squares in self._squares.values():
            squares.zero_()

    def _name_idle(self, groups: list[str]) -> None:
        """Warn of groups that got no gradient, each once in a run."""
        fresh = [group for group in groups if group not in self._named]
        self._named |= set(fresh)
        audio = [group for group in fresh if "audio" in group]
        for idle, cause in ((audio, _NO_AUDIO), ([group for group in fresh if group not in audio], _NO_VIDEO)):
            if idle:
                names = ", ".join(f"{GROUP_NAMES.get(group, group)} ({group})" for group in idle)
                logger.warning("no gradient in the last %d steps, so nothing learnt: %s. %s", self._steps, names, cause)

    @override
    def state_dict(self) -> dict[str, Any]:
        squares = {group: squares.cpu() for group, squares in self._squares.items()}
        return {"squares": squares, "steps": self._steps, "named": sorted(self._named)}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._squares, self._steps = dict(state_dict["squares"]), state_dict["steps"]
        self._named = set(state_dict["named"])


_NO_AUDIO = (
    "None of these steps had a clip with sound, or `model.audio_loss_weight` is 0: `check` lists the clips without"
    " sound. Add clips with sound, raise the weight, or train the picture alone with `model.streams: video`."
)
_NO_VIDEO = (
    "The loss does not reach them: see whether `model.video_loss_weight` is 0, and leave them out of"
    " `model.lora.targets` if it is meant to be."
)
