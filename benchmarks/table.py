"""Writes the measured tables into benchmarks/RESULTS.md, docs/hardware.md and README.md, from the newest results.

    python -m benchmarks.table

What stands between `<!-- steps -->` and `<!-- /steps -->` is replaced, and so for `growth`, `startup` and `scaling`. A
document without such marks, and a table of which nothing is measured, stay as they are.
"""

import argparse
import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.other_tables import growth_table, scaling_table, startup_table
from benchmarks.rows import ROOT, ROWS, StepRecord, newest, read_records
from ltx_module.console import quiet_foreign_output

logger = logging.getLogger("ltx_module.benchmark")
_Columns = Mapping[str, Callable[[StepRecord], str]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill every marked place."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="Where documents and results are.")
    root = parser.parse_args(arguments).root
    quiet_foreign_output()
    results = root / "benchmarks" / "results"
    rows = newest(read_records(results / "steps.jsonl")).values()
    tables = {
        "growth": growth_table(results / "growth.json"),
        "startup": startup_table(results / "startup.jsonl"),
        "scaling": scaling_table(results / "scaling.jsonl"),
    }
    for name, columns in (("benchmarks/RESULTS.md", _WHOLE), ("docs/hardware.md", _SHORT), ("README.md", _SHORT)):
        for mark, text in (tables | {"steps": steps_table(rows, columns)}).items():
            if text and fill(root / name, mark, text):
                logger.info("%s: %s", name, mark)


def fill(document: Path, mark: str, text: str) -> bool:
    """Put text between the marks of a document; whether it has them."""
    whole = document.read_text(encoding="utf-8") if document.exists() else ""
    marked = re.compile(rf"<!-- {mark} -->\n.*?<!-- /{mark} -->", re.DOTALL)
    if marked.search(whole) is None:
        return False
    filled = marked.sub(lambda _: f"<!-- {mark} -->\n{text}<!-- /{mark} -->", whole)
    document.write_text(filled, encoding="utf-8")
    return True


def steps_table(records: Collection[StepRecord], columns: _Columns) -> str:
    """A line a row, and below the table where it was measured and what does not hold."""
    if not records:
        return ""
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [f"| {' | '.join(text(record) for text in columns.values())} |" for record in records]
    return "\n".join(lines) + "\n" + "".join(f"\n{note}\n" for note in _notes(records))


def _notes(records: Collection[StepRecord]) -> Iterable[str]:
    places = sorted({f"{record.gpu}, torch {record.torch}, {record.date}" for record in records})
    yield f"Measured on {'; '.join(places)}."
    for record in records:
        if not record.fits:
            yield f"`gpu_{record.row}` does not fit a card of its size: it was measured without a limit."
        if record.substituted:
            yield f"`gpu_{record.row}` was measured with {', '.join(record.substituted)}."


def _how(record: StepRecord) -> str:
    """Number format, recomputation, swapped blocks, compilation."""
    how: dict[str, Any] = record.execution
    recomputed = {0: "none", record.blocks: "every block"}.get(how["checkpointed_blocks"], how["checkpointed_blocks"])
    parts = [how["dtype"], f"recomputed: {recomputed}"]
    parts += [f"swapped: {how['swap_blocks']}"] if how["swap_blocks"] else []
    parts += ["compiled"] if how["compile"] else []
    return ", ".join(parts)


def _of_peer(record: StepRecord) -> str:
    return "" if record.of_peer is None else f"{record.of_peer:.2f} (goal {ROWS[record.row].goal_of_peer})"


def _peer(record: StepRecord) -> str:
    return "" if record.peer_ms is None else f"{record.peer_ms:.0f} ms, {record.peer_gib:.1f} GiB"


_SHORT: _Columns = {
    "overlay": lambda record: f"`gpu_{record.row}`",
    "frozen weights and blocks": _how,
    "rank": lambda record: str(record.rank),
    "step": lambda record: f"{record.step_ms:.0f} ms",
    "peak": lambda record: f"{record.peak_gib:.1f} GiB" + ("" if record.fits else ", too much"),
}
_WHOLE: _Columns = {
    **_SHORT,
    "peak": lambda record: f"{record.peak_gib:.1f} GiB (goal {ROWS[record.row].goal_gib:g})",
    "planned": lambda record: f"{record.planned_gib:.1f} GiB",
    "reserved": lambda record: f"{record.reserved_gib:.1f} GiB",
    "peer's step": _peer,
    "of it": _of_peer,
    "floor": lambda record: f"{record.floor_ms:.0f} ms",
    "of it reached": lambda record: f"{100 * record.of_floor:.0f} %",
    "first step": lambda record: f"{record.first_step_s:.0f} s",
    "optimizer": lambda record: record.optimizer,
}


if __name__ == "__main__":
    main()
