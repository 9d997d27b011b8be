"""The advice to stop: where it appears, what it names, and what it sets in motion."""

import json
import logging
from pathlib import Path

import pytest
import torch

from callbacks import SuggestStop, WriteStatus
from ltx_module.metrics_log import MetricsLog
from ltx_module.run_directory import RunDirectory
from ltx_module.training import StepLoss


@pytest.fixture
def run(trainer) -> RunDirectory:
    return RunDirectory(Path(trainer.default_root_dir))


@pytest.fixture
def validate(trainer, module):
    """Ends validations with these held-out losses, one every ten steps."""

    def run_all(callback: SuggestStop, *held_out: float) -> None:
        for loss in held_out:
            trainer.global_step += 10
            trainer.callback_metrics = {"val/loss": torch.tensor(loss)}
            callback.on_validation_end(trainer, module)

    return run_all


def train(callback, trainer, module, *losses: tuple[float, float | None]) -> None:
    """Micro-batches with a video and perhaps an audio loss."""
    for video, audio in losses:
        module.step_loss = StepLoss(
            video_loss=torch.tensor([video]),
            video_sigma=torch.tensor([0.5]),
            audio_loss=None if audio is None else torch.tensor([audio]),
            audio_sigma=None if audio is None else torch.tensor([0.5]),
        )
        callback.on_train_batch_end(trainer, module, {}, None, 0)


@pytest.fixture
def callback(trainer, module) -> SuggestStop:
    trainer.global_step, trainer.max_steps = 0, 1000
    callback = SuggestStop(patience=2)
    trainer.callbacks = [callback, WriteStatus()]
    callback.on_train_start(trainer, module)
    return callback


def status(run: RunDirectory, trainer) -> dict:
    trainer.callbacks[-1].write(trainer)
    return json.loads(run.status.read_text())


def test_the_advice_names_the_best_step_and_its_lora_once_and_in_the_status(callback, validate, trainer, run, caplog):
    run.lora(20).parent.mkdir(parents=True)
    for step in (10, 20, 30):
        run.lora(step).touch()
    with caplog.at_level(logging.INFO, "callbacks"):
        validate(callback, 1.0, 0.5)
        assert (caplog.records, status(run, trainer)["suggestion"]) == ([], None)
        validate(callback, 0.6, 0.6, 0.6)
    (record,) = caplog.records
    assert "not improved for 2 validations: it was best at step 20 (0.5000)" in record.getMessage()
    assert f"its LoRA is {run.lora(20)}" in record.getMessage()
    suggestion = status(run, trainer)["suggestion"]
    assert (suggestion["best_step"], suggestion["lora"]) == (20, str(run.lora(20)))
    assert not trainer.should_stop


def test_a_step_without_a_file_names_the_nearest(callback, validate, run, caplog):
    run.lora(25).parent.mkdir(parents=True)
    run.lora(25).touch()
    with caplog.at_level(logging.INFO, "callbacks"):
        validate(callback, 1.0, 0.5, 0.6, 0.6)
    assert f"the nearest LoRA is {run.lora(25)}" in caplog.text


def test_advice_is_taken_back_when_the_loss_improves_after_all(callback, validate, trainer, run, caplog):
    with caplog.at_level(logging.INFO, "callbacks"):
        validate(callback, 1.0, 1.0, 1.0, 0.5)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "the held-out loss has not improved for 2 validations",
        "the held-out loss improves again at step 40",
    ]
    assert status(run, trainer)["suggestion"] is None


def test_told_to_stop_it_stops_before_the_end_of_a_step_so_that_the_step_is_saved(validate, trainer, module):
    callback = SuggestStop(patience=1, stop=True)
    trainer.global_step, trainer.accumulate_grad_batches = 0, 2
    callback.on_train_start(trainer, module)
    validate(callback, 1.0, 1.0)
    callback.on_train_batch_start(trainer, module, None, 0)
    assert not trainer.should_stop
    callback.on_train_batch_start(trainer, module, None, 1)
    assert trainer.should_stop


def test_the_training_loss_beside_it_is_the_mean_since_the_last_validation(callback, validate, trainer, module):
    train(callback, trainer, module, (1.0, 10.0), (3.0, None))
    validate(callback, 0.5)
    train(callback, trainer, module, (5.0, 20.0))
    validate(callback, 0.4)
    assert module.rows == [
        {"train/loss_since_validation": pytest.approx(2.0 + 10.0)},
        {"train/loss_since_validation": pytest.approx(5.0 + 20.0)},
    ]


def test_without_held_out_clips_it_says_so_and_stays_silent(trainer, module, caplog):
    trainer.datamodule.validation_is_training = True
    with caplog.at_level(logging.INFO, "callbacks"):
        SuggestStop().on_train_start(trainer, module)
    assert "`data.validation_fraction`" in caplog.text


def test_the_verb_validate_is_no_validation_of_a_run(callback, validate, trainer, module):
    trainer.state.fn = "validate"
    validate(callback, 1.0)
    assert (callback.history, module.rows) == ([], [])


@pytest.mark.parametrize(("step", "since"), [(20, 3.0), (25, 2.0)])
def test_a_resume_knows_the_validations_of_the_log_and_what_was_trained_since(
    trainer, module, validate, run, step, since
):
    """A state saved at step 20 holds the losses before that step's validation, one of step 25 those after it."""
    log = MetricsLog(run.path / "metrics.csv")
    for validated, loss in ((10, 1.0), (20, 0.5), (30, 0.6)):
        log.log_metrics({"val/loss": loss, "train/loss_since_validation": 1.0}, validated - 1)
    first, second = SuggestStop(patience=2), SuggestStop(patience=2)
    train(first, trainer, module, (1.0, None))
    second.load_state_dict(first.state_dict())
    trainer.global_step = step
    second.on_train_start(trainer, module)
    train(second, trainer, module, (3.0, None))
    trainer.global_step = 20
    validate(second, 0.7)
    assert [validation.held_out for validation in second.history] == pytest.approx([1.0, 0.5, 0.7])
    assert second.history[-1].training == since
