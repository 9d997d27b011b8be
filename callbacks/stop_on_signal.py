"""Ctrl-C and SIGTERM: finish the step, save, say how to go on."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, Trainer
from typing_extensions import override

from callbacks.period import finished_step
from callbacks.signal_watch import SignalWatch
from ltx_module.agreement import Agreement
from ltx_module.module import LTXModule

logger = logging.getLogger(__name__)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopOnSignal(Callback):
    """Turns the first SIGINT or SIGTERM into an early stop after the running step; a second one leaves at once.

    The saving callbacks come later in the list and see `trainer.should_stop`. Every rank must stop on the same step,
    so they agree on it.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        """Number of the signal that stopped the run, None while there was none."""
        self._training = False
        self._previous: dict[int, Any] = {}
        self._agreement = Agreement()
        self._watch = SignalWatch(lambda: self.received is not None)

    def install(self) -> None:
        """Take over the signals; called before the trainer would install its own handlers."""
        for number in _SIGNALS:
            self._previous[number] = signal.signal(number, self._receive)
        self._watch.start()

    def restore(self) -> None:
        """Give the signals back."""
        self._watch.stop()
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle the signals inside the block."""
        self.install()
        try:
            yield
        finally:
            self.restore()

    def _receive(self, number: int, _: FrameType | None) -> None:
        """Remember the first signal; leave when there is no step to finish yet. `SignalWatch` sees to a second one."""
        if self.received is not None:
            return
        self.received = number
        if not self._training:
            raise SystemExit(128 + number)
        logger.info("%s: finishing this step, then saving (Ctrl-C again leaves at once)", signal.Signals(number).name)

    @property
    def is_waiting(self) -> bool:
        """Whether no step is running that would have to be finished."""
        return not self._training

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LTXModule) -> None:
        self._training = True
        # Lightning 2.6 has wrapped our handlers in its own by now: on SIGTERM it talks to the other ranks from inside
        # the handler, and leaves with code 0 after the step. It also asks rank 0 for a SIGTERM before every step, and
        # waits for the device to hear the answer.
        for number in self._previous:
            signal.signal(number, self._receive)
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LTXModule) -> None:
        self._training = False

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LTXModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if finished_step(trainer, batch_idx) is None:
            return
        (stop,) = self._agreement.reached([self.received is not None], trainer.strategy)
        if stop:
            stop_after_this_step(trainer)


def stop_after_this_step(trainer: Trainer) -> None:
    """End the run once this step is saved; without the validation that Lightning adds to an early stop."""
    trainer.should_stop = True
    trainer.limit_val_batches = 0


def is_stopping(trainer: Trainer) -> bool:
    """Whether a signal or an early stop asks long work, such as sampling, to leave off."""
    received = any(isinstance(callback, StopOnSignal) and callback.received for callback in trainer.callbacks)
    return received or trainer.should_stop
