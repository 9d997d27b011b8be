"""When the held-out loss says that more steps do harm."""

import pytest

from ltx_module.held_out_history import Validation, read_history, reason_to_stop
from ltx_module.metrics_log import MetricsLog
from ltx_module.run_directory import RunDirectory


def history(held_out: list[float], training: list[float] | None = None) -> list[Validation]:
    training = [1.0] * len(held_out) if training is None else training
    return [
        Validation(step=10 * number, held_out=ours, training=theirs)
        for number, (ours, theirs) in enumerate(zip(held_out, training, strict=True), start=1)
    ]


def reason(held_out, training=None, patience=3, tolerance=0.01) -> str | None:
    return reason_to_stop(history(held_out, training), patience, tolerance)


def test_a_loss_that_falls_gives_no_reason():
    assert reason([1.0, 0.9, 0.8, 0.7, 0.6], [1.0, 0.9, 0.8, 0.7, 0.6]) is None
    assert reason([]) is None
    assert reason([1.0]) is None


def test_patience_counts_validations_without_improvement():
    assert reason([1.0, 0.5, 0.6, 0.6]) is None
    assert "has not improved for 3 validations" in reason([1.0, 0.5, 0.6, 0.6, 0.6])
    assert reason([1.0, 0.5, 0.6, 0.6, 0.4]) is None


def test_a_slow_fall_counts_once_it_adds_up_and_a_smaller_one_does_not():
    assert (
        reason([1.0, 0.996, 0.992, 0.988, 0.984, 0.980]) is None
    )  # under 0.99 with the third, and again with the sixth
    assert reason([1.0, 0.999, 0.998, 0.997]) is not None


def test_a_held_out_loss_that_rises_while_the_training_loss_falls_is_overfitting():
    assert "the training loss falls" in reason([1.0, 0.8, 0.85, 0.9], [1.0, 0.9, 0.8, 0.7], patience=9)
    assert "the training loss falls" in reason([0.8, 0.85, 0.9], [0.9, 0.8, 0.7], patience=9)


@pytest.mark.parametrize(
    ("held_out", "training"),
    [
        ([1.0, 0.8, 0.85, 0.9], [1.0, 0.9, 1.0, 1.1]),  # both rise: a harder stretch, or a rate that is too high
        ([1.0, 0.8, 0.9, 0.85], [1.0, 0.9, 0.8, 0.7]),  # up and down
        ([1.0, 0.8, 0.85], [1.0, 0.9, 0.8]),  # once
        ([1.0, 0.8, 0.801, 0.802], [1.0, 0.9, 0.8, 0.7]),  # within the tolerance
    ],
)
def test_anything_less_is_not(held_out, training):
    assert reason(held_out, training, patience=9) is None


def test_a_run_s_history_is_read_from_its_metrics_up_to_the_step_it_resumes_from(tmp_path):
    log = MetricsLog(tmp_path / "metrics.csv")
    for step in range(1, 7):
        log.log_metrics({"train/loss": 1.0}, step - 1)
        if step % 2 == 0:
            log.log_metrics({"val/loss": 1 / step}, step - 1)
            log.log_metrics({"train/loss_since_validation": 2.0 / step}, step - 1)
    found = read_history(RunDirectory(tmp_path), 5)
    assert found == [
        Validation(step=2, held_out=0.5, training=1.0),
        Validation(step=4, held_out=0.25, training=0.5),
    ]
    assert read_history(RunDirectory(tmp_path), 0) == []
    assert read_history(RunDirectory(tmp_path / "new"), 5) == []
