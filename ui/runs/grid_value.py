"""The grid of samples as the page draws it: columns, rows and cells in plain values, two runs side by side if asked.

Rows of two runs are lined up by group, words and seed; what is left over by group and words alone, since two runs may
have been sampled with different seeds.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from ui.runs.evaluations import evaluation
from ui.runs.favourite import Favourite, favourite, favourite_version
from ui.runs.sample_folders import FOLDERS, MAX_NAMES
from ui.runs.sample_names import Column, Row
from ui.runs.samples import MAX_COLUMNS, Cell, Grid, GridRequest, run_grid
from ui.runs.window import Window
from ui.workspace import Workspace

GROUP_TITLES = {
    "trigger": "With the trigger",
    "no_trigger": "Without the trigger",
    "off_topic": "Off topic",
    "novel": "Novel subjects",
}

_SAME = 1e-6


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A run's grid with what marks its columns."""

    grid: Grid
    favourite: Favourite | None
    best: tuple[str, float] | None
    """Checkpoint and strength that the evaluation recommends."""


def grid_value(workspace: Workspace, request: GridRequest, other: str = "") -> dict[str, Any]:
    """What the page's grid draws.

    Args:
        workspace: Whose runs.
        request: What to show.
        other: A second run to show beside it; empty for none.

    Raises:
        ValueError: If there is no such run.
    """
    both = bool(other) and other != request.run
    request = replace(request, max_columns=MAX_COLUMNS // 2) if both else request
    parts = [_part(workspace, request)]
    if both:
        same = replace(request, run=other, view=parts[0].grid.view, checkpoint="")
        parts.append(_part(workspace, same))
    first = parts[0].grid
    lines = line_up([part.grid.rows for part in parts])
    return {
        "runs": [part.grid.run for part in parts],
        "versions": {part.grid.run: favourite_version(workspace, part.grid.run) for part in parts},
        "stamp": stamp(workspace, [part.grid.run for part in parts]),
        "empty": _empty(first) if not lines else None,
        "source": first.source,
        "view": first.view,
        "checkpoint": first.checkpoint,
        "checkpoints": list(first.checkpoints),
        "seeds": list(first.seeds),
        "columns": [_column(number, part, column) for number, part in enumerate(parts) for column in part.grid.columns],
        "rows": [_row(parts, line) for line in lines],
        "column_window": _window(first.column_window, "checkpoints" if first.view == "checkpoints" else "columns"),
        "row_window": _window(first.row_window, "prompts"),
        "problems": [problem for part in parts for problem in part.grid.problems],
    }


def _empty(grid: Grid) -> list[str]:
    """Title and text of a grid without samples: what to do."""
    if grid.source == "evaluation":
        return ["Not evaluated yet", "Press Evaluate this run below: its samples appear here."]
    return [
        "No samples yet",
        "They appear here while the run trains, if its recipe has prompts. Sample a checkpoint below to make some now.",
    ]


def stamp(workspace: Workspace, runs: Sequence[str]) -> str:
    """A text that changes when the samples, the evaluation or the favourite of runs do; few files are looked at.

    Args:
        workspace: Whose runs.
        runs: Their names; those that are gone count as empty.
    """
    times = []
    for run in runs:
        path = workspace.runs / run
        samples = [path / folder for folder in FOLDERS.values()]
        newest = [max(_folders(folder), key=lambda one: one[0], default=(0, "")) for folder in samples]
        files = (path / name for name in ("favourite.json", "evaluation/evaluation.json", "lora"))
        times += [str(one) for one in newest] + [str(_changed(one)) for one in (*samples, *files)]
    return " ".join(times)


def _folders(folder: Path) -> Iterator[tuple[int, str]]:
    """When each folder of samples changed, by its name."""
    try:
        with os.scandir(folder) as entries:
            yield from [(entry.stat().st_mtime_ns, entry.name) for entry in islice(entries, MAX_NAMES)]
    except OSError:
        return


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def line_up(rows: Sequence[Sequence[Row]]) -> list[tuple[Row | None, ...]]:
    """Rows of one run or two, those of the same prompt in one line.

    Args:
        rows: Rows of each run, each once.
    """
    if len(rows) == 1:
        return [(row,) for row in rows[0]]
    left, right = rows
    partners: dict[Row, Row] = {}
    free = list(right)
    for with_seed in (True, False):
        offered = defaultdict(list)
        for row in free:
            offered[_likeness(row, with_seed=with_seed)].append(row)
        for row in left:
            alike = offered[_likeness(row, with_seed=with_seed)]
            if row not in partners and alike:
                partners[row] = alike.pop(0)
        taken = set(partners.values())
        free = [row for row in free if row not in taken]
    return [(row, partners.get(row)) for row in left] + [(None, row) for row in free]


def _likeness(row: Row, *, with_seed: bool) -> tuple[str, str, int | None]:
    return row.group, row.words, row.seed if with_seed else None


def _part(workspace: Workspace, request: GridRequest) -> _Part:
    found = evaluation(workspace, request.run)
    best = None
    if found and found.best and found.best_strength is not None:
        best = (found.best, found.best_strength)
    return _Part(grid=run_grid(workspace, request), favourite=favourite(workspace, request.run), best=best)


def _column(number: int, part: _Part, column: Column) -> dict[str, Any]:
    strength = 1.0 if column.strength is None else column.strength
    chosen = (part.favourite.checkpoint, part.favourite.strength) if part.favourite else None
    return {
        "id": f"{number}:{column.folder}",
        "run": part.grid.run,
        "label": column_label(column, part.grid.view),
        "detail": column.name,
        "base": column.kind == "base",
        "checkpoint": column.checkpoint or "",
        "strength": strength,
        "favourite": _names(column, chosen),
        "best": _names(column, part.best),
    }


def column_label(column: Column, view: str) -> str:
    """What a column is called in the page.

    Args:
        column: The column.
        view: In which it stands: among strengths of one checkpoint, the strength is enough.
    """
    if column.kind == "base":
        return "Before training" if column.step == 0 else "Base"
    if column.kind == "other":
        return column.name
    strength = 1.0 if column.strength is None else column.strength
    if view == "strengths":
        return f"Strength {strength:g}"
    return f"Step {column.step:,}" if column.strength is None else f"Step {column.step:,} at {strength:g}"


def _names(column: Column, chosen: tuple[str, float] | None) -> bool:
    """Whether a column shows this checkpoint at this strength."""
    if chosen is None or column.checkpoint != chosen[0]:
        return False
    return abs((1.0 if column.strength is None else column.strength) - chosen[1]) < _SAME


def _row(parts: Sequence[_Part], line: Sequence[Row | None]) -> dict[str, Any]:
    """A row with the cells of all columns, none where a column lacks the prompt."""
    cells = [
        part.grid.cells.get((row, column.folder)) if row else None
        for part, row in zip(parts, line, strict=True)
        for column in part.grid.columns
    ]
    named = next(row for row in line if row is not None)
    prompt = next((cell.record.prompt for cell in cells if cell and cell.record.prompt), "")
    chosen = [part.favourite.sample for part in parts if part.favourite and part.favourite.sample]
    return {
        "id": named.key,
        "group": GROUP_TITLES.get(named.group, ""),
        "prompt": prompt or named.words.replace("-", " "),
        "seeds": ", ".join(part for part in (_presets(parts, cells), _seeds(line)) if part),
        "cells": [cell and _cell(cell, chosen) for cell in cells],
    }


def _presets(parts: Sequence[_Part], cells: Iterable[Cell | None]) -> str:
    """How a row was sampled, where not all rows were in the same way: previews are not to be taken for results."""
    everywhere = {cell.record.preset for part in parts for cell in part.grid.cells.values()} - {""}
    own = dict.fromkeys(cell.record.preset for cell in cells if cell and cell.record.preset)
    return " and ".join(own) if len(everywhere) > 1 else ""


def _seeds(line: Iterable[Row | None]) -> str:
    seeds = dict.fromkeys(str(row.seed) for row in line if row is not None and row.seed is not None)
    return f"seed {' and '.join(seeds)}" if seeds else ""


def _cell(cell: Cell, chosen: Iterable[Any]) -> dict[str, Any]:
    record = cell.record
    width, height = record.frame_size or (0, 0)
    return {
        "file": cell.file,
        "kind": cell.kind,
        "url": cell.url,
        "poster": cell.poster,
        "sound": cell.kind == "sound" or record.has_sound,
        "width": width,
        "height": height,
        "frames": record.frames or 0,
        "fps": record.fps,
        "facts": _facts(cell),
        "problem": cell.problem,
        "favourite": any(path.as_posix().endswith(f"/{cell.file}") for path in chosen),
    }


def _facts(cell: Cell) -> list[list[str]]:
    """Names and values for the enlarged view."""
    record = cell.record
    facts: Mapping[str, object] = {
        "Seed": record.seed,
        "Size": record.size,
        "Strength": None if record.strength is None else f"{record.strength:g}",
        "LoRA": " + ".join(record.adapters) or None,
        "Preset": record.preset,
        "Sampling steps": record.steps,
        "Frames per second": f"{record.fps:g}" if record.size else None,
        "File": cell.file,
    }
    return [[name, str(value)] for name, value in facts.items() if value not in (None, "")]


def _window(window: Window, things: str) -> dict[str, Any]:
    text = f"{things} {window.first} to {window.last} of {window.total}" if window.windows > 1 else ""
    return {"number": window.number, "windows": window.windows, "text": text.capitalize()}
