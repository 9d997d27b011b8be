"""Keep a running average of the adapter, and deliver that."""

import logging
from typing import Any

from jsonargparse.typing import ClosedUnitInterval
from lightning.pytorch import Callback, Trainer
from typing_extensions import override

from ltx_module.adapters import AdapterAverage
from ltx_module.module import LTXModule

logger = logging.getLogger(__name__)


class AdapterEMA(Callback):
    """Averages the adapter over optimizer steps; LoRA files, samples, validation and export use the average.

    An average smooths out the last steps' noise, which helps most with a constant learning rate, a small batch or a
    high rate; a rate that decays to nearly zero does much the same. Training goes on with the raw adapter, bit for bit
    as without this callback, and resume states hold both. It costs one more fp32 copy of the adapter in memory and in
    each resume state, and another copy while a sample, a validation batch or a file is made.

    Early in a run the average forgets faster: after n steps `decay` is at most (1 + n) / (10 + n), so that it covers
    about the last tenth of the run until that is longer than 1 / (1 - decay) steps.

    Args:
        decay: Share that the old average keeps at each step: 0.999 covers about the last 1000 steps.
    """

    def __init__(self, decay: ClosedUnitInterval = 0.999) -> None:
        self.decay = decay
        self._average: AdapterAverage | None = None
        self._resumed: dict[str, Any] = {}

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LTXModule) -> None:
        assert pl_module.transformer is not None
        average = AdapterAverage(pl_module.transformer, self.decay)
        if self._resumed:
            average.load_state_dict(self._resumed)
        elif trainer.global_step > 0:
            logger.info("the resume state holds no average of the adapter: it begins at step %d", trainer.global_step)
        self._average = pl_module.average = average
        pl_module.lora_metadata = {**pl_module.lora_metadata, "ema_decay": f"{self.decay:g}"}
        # A hook of the optimizer, so that callbacks which save or sample after a step meet its average in any order.
        trainer.optimizers[0].register_step_post_hook(lambda *_: average.update())

    @override
    def state_dict(self) -> dict[str, Any]:
        return {} if self._average is None else self._average.state_dict()

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._resumed = state_dict
