"""The log of numbers survives a resume and grows columns."""

import csv
import math
from pathlib import Path

from ltx_module.metrics_log import MetricsLog


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_new_quantity_adds_a_column_and_keeps_the_rows(tmp_path: Path):
    log = MetricsLog(tmp_path / "metrics.csv")
    log.log_metrics({"train/loss": 2.0}, 0)  # Lightning counts from 0
    log.log_metrics({"train/loss": 1.5}, 1)
    log.log_metrics({"val/loss": 1.0}, 1)
    assert read(log.path) == [
        {"step": "1", "train/loss": "2", "val/loss": ""},
        {"step": "2", "train/loss": "1.5", "val/loss": "1"},
    ]


def test_what_comes_late_joins_its_step_and_nan_leaves_the_field_empty(tmp_path: Path):
    log = MetricsLog(tmp_path / "metrics.csv")
    log.log_metrics({"train/loss": 2.0, "train/loss_audio": math.nan}, 0)
    log.log_metrics({"train/loss_audio": 3.0}, 0)
    log.log_metrics({"train/loss": 1.0, "train/loss_audio": math.nan}, 1)
    assert read(log.path) == [
        {"step": "1", "train/loss": "2", "train/loss_audio": "3"},
        {"step": "2", "train/loss": "1", "train/loss_audio": ""},
    ]


def test_a_resumed_log_drops_the_rows_beyond_its_step(tmp_path: Path):
    path = tmp_path / "metrics.csv"
    first = MetricsLog(path)
    for step in range(1, 6):
        first.log_metrics({"train/loss": float(step)}, step - 1)
    second = MetricsLog(path, resume_step=3)
    second.log_metrics({"train/loss": 40.0}, 3)
    assert [(row["step"], row["train/loss"]) for row in read(path)] == [("1", "1"), ("2", "2"), ("3", "3"), ("4", "40")]


def test_a_new_run_starts_a_new_file(tmp_path: Path):
    path = tmp_path / "metrics.csv"
    MetricsLog(path).log_metrics({"train/loss": 1.0}, 1)
    MetricsLog(path).log_metrics({"train/loss": 2.0}, 1)
    assert [row["train/loss"] for row in read(path)] == ["2"]
