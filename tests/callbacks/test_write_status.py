import json
import os
import time
from pathlib import Path

import pytest
import torch

from callbacks import WriteStatus
from callbacks.write_status import report_state

FIELDS = {
    *("schema", "state", "step", "max_steps", "seconds_per_step", "eta_s"),
    *("loss", "peak_gib", "pid", "heartbeat", "error", "suggestion"),
}


@pytest.fixture
def read(trainer):
    return lambda: json.loads((Path(trainer.default_root_dir) / "status.json").read_text())


def test_the_file_says_what_the_page_needs(trainer, module, read):
    status = WriteStatus()
    status.on_train_start(trainer, module)
    assert read().keys() == FIELDS
    assert (read()["state"], read()["step"], read()["max_steps"], read()["pid"]) == ("training", 1, 10, os.getpid())
    assert abs(read()["heartbeat"] - time.time()) < 60


def test_time_left_follows_from_the_time_of_a_step(trainer, module, read):
    status = WriteStatus()
    status.on_train_start(trainer, module)
    for trainer.global_step in range(1, 11):
        status.on_train_batch_end(trainer, module, {"loss": torch.tensor(0.5)}, None, trainer.global_step - 1)
    assert status.seconds_per_step is not None
    assert (read()["step"], read()["eta_s"], read()["loss"]) == (10, 0.0, 0.5)
    trainer.global_step = 4
    status.write(trainer)
    assert read()["eta_s"] == pytest.approx(6 * status.seconds_per_step)


def test_what_lies_between_two_steps_is_no_part_of_their_time(trainer, module):
    status = WriteStatus()
    trainer.callbacks = [status]
    status.on_train_batch_end(trainer, module, {"loss": torch.tensor(0.5)}, None, 0)
    report_state(trainer, "sampling")
    report_state(trainer, "training")
    trainer.global_step = 2
    status.on_train_batch_end(trainer, module, {"loss": torch.tensor(0.5)}, None, 1)
    assert status.seconds_per_step is None


def test_an_error_comes_with_its_way_out_and_goes_with_the_next_state(trainer, read):
    status = WriteStatus()
    status.report(trainer, "failed", error=("no room", "make some"))
    assert (read()["state"], read()["error"]) == ("failed", {"text": "no room", "fix": "make some"})
    status.report(trainer, "training")
    assert read()["error"] is None


def test_other_ranks_write_nothing(trainer):
    trainer.is_global_zero = False
    WriteStatus().report(trainer, "training")
    assert not Path(trainer.default_root_dir).exists()
