"""Logs of a run: `metrics.csv` that survives a resume, and TensorBoard events."""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from typing_extensions import override

from datamodules.atomic import replacing


class MetricsLog(Logger):
    """Appends to `metrics.csv`: one row a logged step, one column a quantity.

    Lightning numbers the step that has just ended from 0; here, as everywhere in a run, steps are counted from 1.

    A resumed run goes on in the same file; rows beyond the step it resumes from are dropped. A new quantity adds a
    column and what comes late joins its step's row, for which the file is rewritten. NaN means that a step has no such
    quantity, and leaves the field empty.

    Args:
        path: The file.
        resume_step: Last step to keep; null starts a new file.
    """

    def __init__(self, path: Path, resume_step: int | None = None) -> None:
        super().__init__()
        self.path = path
        self._columns: list[str] = ["step"]
        self._rows: list[dict[str, str]] = []
        self._pending: list[dict[str, str]] = []
        self._stale = True
        if resume_step is not None and path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            self._rows = [row for row in rows if row["step"] and int(row["step"]) <= resume_step]
            self._columns = list(rows[0]) if rows else self._columns

    @property
    @override
    def name(self) -> str:
        return "metrics"

    @property
    @override
    def version(self) -> str:
        return ""

    @override
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """The recipe is saved beside the file."""

    @override
    @rank_zero_only  # type: ignore[untyped-decorator]
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        if step is None:
            return
        values = {key: f"{value:.8g}" for key, value in _present(metrics).items()}
        if not values:
            return
        row = {"step": str(step + 1), **values}
        new = [key for key in row if key not in self._columns]
        self._columns += new
        self._stale = self._stale or bool(new)
        if self._rows and self._rows[-1]["step"] == row["step"]:
            self._rows[-1].update(row)
            self._stale = True
        else:
            self._pending.append(row)
        self.save()

    @override
    @rank_zero_only  # type: ignore[untyped-decorator]
    def save(self) -> None:
        """Append what is new, or rewrite the file when a column was added."""
        self._rows += self._pending
        if self._stale and self._rows:
            with replacing(self.path) as temporary:
                temporary.write_text(self._text(self._rows, header=True), encoding="utf-8")
            self._stale = False
        elif self._pending:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                file.write(self._text(self._pending, header=False))
        self._pending = []

    def _text(self, rows: list[dict[str, str]], *, header: bool) -> str:
        """Rows as CSV."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self._columns, restval="", lineterminator="\n")
        if header:
            writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()


class EventLog(TensorBoardLogger):
    """TensorBoard events with steps counted from 1, and no `hparams.yaml`: the run has its recipe."""

    @override
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        super().log_metrics(_present(metrics), None if step is None else step + 1)

    @override
    def save(self) -> None:
        if self._experiment is not None:
            self.experiment.flush()


def _present(metrics: Mapping[str, float]) -> dict[str, float]:
    """What a step has to say: no NaN, and no epoch, which an endless stream has not."""
    return {key: value for key, value in metrics.items() if key != "epoch" and not math.isnan(value)}


def run_loggers(directory: Path, resume_step: int | None) -> list[Logger]:
    """`metrics.csv` and TensorBoard events of a run directory.

    Args:
        directory: The run directory.
        resume_step: Step that the run resumes from; later records are superseded. Null for a new run.
    """
    purge_step = None if resume_step is None else resume_step + 1
    return [
        MetricsLog(directory / "metrics.csv", resume_step),
        EventLog(directory, name="", version="", purge_step=purge_step, default_hp_metric=False),
    ]
