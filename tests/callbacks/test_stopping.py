"""Control files and signals: what they set in motion, and when."""

import os
import signal
from pathlib import Path

import pytest

from callbacks import SaveLoRA, StopOnSignal, WatchControl
from callbacks.stop_on_signal import is_stopping


@pytest.fixture
def control(trainer) -> Path:
    directory = Path(trainer.default_root_dir) / "control"
    directory.mkdir(parents=True)
    return directory


def test_stop_ends_the_run_without_a_last_validation(trainer, module, control):
    (control / "stop").touch()
    WatchControl().on_train_batch_end(trainer, module, {}, None, 0)
    assert trainer.should_stop
    assert trainer.limit_val_batches == 0
    assert list(control.iterdir()) == []


def test_a_control_file_waits_for_the_end_of_the_step(trainer, module, control):
    trainer.accumulate_grad_batches = 2
    (control / "stop").touch()
    WatchControl().on_train_batch_end(trainer, module, {}, None, 0)
    assert not trainer.should_stop
    assert (control / "stop").exists()


def test_save_reaches_the_saving_callbacks_and_the_run_goes_on(trainer, module, control):
    trainer.callbacks = [SaveLoRA(every_n_steps=1000)]
    (control / "save").touch()
    WatchControl().on_train_batch_end(trainer, module, {}, None, 0)
    assert (control.parent / "lora/step_000001.safetensors").is_file()
    assert not trainer.should_stop


def test_files_of_other_names_stay(trainer, module, control):
    (control / "pause").touch()
    WatchControl().on_train_batch_end(trainer, module, {}, None, 0)
    assert (control / "pause").exists()


def test_a_signal_while_training_stops_after_the_step_and_is_given_back(trainer, module):
    before = signal.getsignal(signal.SIGTERM)
    callback = StopOnSignal()
    trainer.callbacks = [callback]
    callback.install()
    try:
        callback.on_train_start(trainer, module)
        os.kill(os.getpid(), signal.SIGTERM)
        assert (is_stopping(trainer), trainer.should_stop) == (True, False)
        callback.on_train_batch_end(trainer, module, {}, None, 0)
        assert trainer.should_stop
    finally:
        callback.restore()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_before_the_first_step_leaves_at_once():
    callback = StopOnSignal()
    callback.install()
    try:
        with pytest.raises(SystemExit) as exit_info:
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        callback.restore()
    assert exit_info.value.code == 130


def test_handlers_that_lightning_put_before_ours_are_put_back_behind(trainer, module):
    callback = StopOnSignal()
    callback.install()
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        callback.on_train_start(trainer, module)
        os.kill(os.getpid(), signal.SIGTERM)
        assert callback.received == signal.SIGTERM
    finally:
        callback.restore()
