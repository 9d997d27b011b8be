"""The samples of a run as a grid: a row a prompt, a column a checkpoint or strength, in windows of bounded size.

1. Folder names give the columns, and a window of them is chosen.
2. File names of these folders give the rows, and a window of them is chosen.
3. Only the records (json) of samples in both windows are read; videos are never opened here.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ltx_module.run_directory import RunDirectory
from ui.runs.places import file_of_run, run_directory
from ui.runs.sample_folders import Listing, SampleFile, Source, list_samples, sample_columns
from ui.runs.sample_names import Column, Row
from ui.runs.sample_record import SampleRecord, read_record
from ui.runs.window import Window, windowed
from ui.workspace import OutsideError, Workspace

View = Literal["checkpoints", "strengths", "all"]
"""Columns by checkpoint at the trained strength, by strength of one checkpoint, or all there are."""

MAX_COLUMNS = 12
"""Columns of a window, the base not counted."""

MAX_ROWS = 12
"""Rows of a window."""


@dataclass(frozen=True, kw_only=True)
class GridRequest:
    """What of a run's samples is to be shown."""

    run: str
    source: Source = "samples"
    view: View | None = None
    """None takes the view that fits what there is."""
    checkpoint: str = ""
    """Whose strengths are shown, such as `step_000250`; empty takes the one that was sampled at most of them."""
    seed: int | None = None
    """Only samples of this seed; None takes all."""
    column_window: int | None = None
    """Number of the window of columns, from 0; None takes the last, where the newest checkpoints are."""
    row_window: int = 0
    """Number of the window of rows, from 0."""
    max_columns: int = MAX_COLUMNS


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A sample in the grid."""

    file: str
    """Relative to the run, with slashes."""
    kind: Literal["video", "sound"]
    url: str = ""
    """Empty if it cannot be played."""
    poster: str = ""
    record: SampleRecord = field(default_factory=SampleRecord)
    problem: str = ""
    """Why it cannot be played, or what is not known of it."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A window of a run's samples."""

    run: str
    source: Source
    view: View
    checkpoint: str
    """Whose strengths are shown; empty in other views."""
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    cells: dict[tuple[Row, str], Cell]
    """By row and folder of the column."""
    checkpoints: tuple[str, ...]
    """Checkpoints that were sampled at strengths, for a choice."""
    seeds: tuple[int, ...]
    """Seeds of all rows, for a choice."""
    column_window: Window
    row_window: Window
    problems: tuple[str, ...] = ()
    """What could not be listed, in words."""


def run_grid(workspace: Workspace, request: GridRequest) -> Grid:
    """A window of the samples of a run.

    Args:
        workspace: Whose run.
        request: What to show.

    Raises:
        ValueError: If there is no such run.
    """
    run = run_directory(workspace, request.run)
    everything = sample_columns(workspace, run, request.source)
    swept = _swept(everything)
    view = request.view or ("checkpoints" if any(column.kind == "step" for column in everything) else "all")
    if request.view is None and request.source == "evaluation":
        view = "checkpoints" if len(swept) != 1 else "strengths"
    checkpoint = request.checkpoint if request.checkpoint in swept else _most_swept(everything, swept)
    bases = [column for column in everything if column.kind == "base"]
    chosen = _columns_of_view(everything, view, checkpoint)
    window, shown = windowed(chosen, request.column_window, request.max_columns)
    listings = [list_samples(workspace, run, column) for column in [*bases, *shown]]
    base = _base_listing(listings[: len(bases)], listings[len(bases) :], view)
    listings = ([base] if base else []) + listings[len(bases) :]
    rows = sorted({row for listing in listings for row in listing.files}, key=lambda row: row.order)
    seeds = tuple(sorted({row.seed for row in rows if row.seed is not None}))
    rows = [row for row in rows if request.seed not in seeds or row.seed == request.seed]
    row_window, visible = windowed(rows, request.row_window, MAX_ROWS)
    return Grid(
        run=run.name,
        source=request.source,
        view=view,
        checkpoint=checkpoint if view == "strengths" else "",
        columns=tuple(listing.column for listing in listings),
        rows=tuple(visible),
        cells=dict(_cells(workspace, run, listings, visible)),
        checkpoints=swept,
        seeds=seeds,
        column_window=window,
        row_window=row_window,
        problems=tuple(listing.problem for listing in listings if listing.problem),
    )


def _swept(columns: Iterable[Column]) -> tuple[str, ...]:
    """Checkpoints with a folder of their own for a strength, oldest first."""
    names = {column.checkpoint: column.step for column in columns if column.kind == "strength" and column.checkpoint}
    return tuple(sorted(names, key=lambda name: names[name] or 0))


def _most_swept(columns: Iterable[Column], swept: Sequence[str]) -> str:
    """The checkpoint with the most strengths, of equals the newest; empty if none has any."""
    counts = Counter(column.checkpoint for column in columns if column.kind == "strength")
    return max(reversed(swept), key=lambda name: counts[name], default="")


def _columns_of_view(columns: Sequence[Column], view: View, checkpoint: str) -> list[Column]:
    """The columns that a view shows beside the base."""
    others = [column for column in columns if column.kind != "base"]
    if view == "all":
        return others
    if view == "strengths":
        own = [column for column in others if column.checkpoint == checkpoint and column.kind in ("step", "strength")]
        trained = any(column.strength == 1 for column in own)
        own = [column for column in own if column.kind == "strength" or not trained]
        return sorted(own, key=lambda column: 1.0 if column.strength is None else column.strength)
    steps = [column for column in others if column.kind == "step"]
    if steps:
        return steps
    swept = [column for column in others if column.kind == "strength"]
    return [column for column in swept if column.strength == _usual_strength(swept)]


def _usual_strength(columns: Sequence[Column]) -> float | None:
    """The strength at which most checkpoints were sampled, of equals the nearest to 1."""
    strengths = [column.strength for column in columns if column.strength is not None]
    return max(set(strengths), key=lambda one: (strengths.count(one), -abs(one - 1)), default=None)


def _base_listing(bases: Sequence[Listing], others: Sequence[Listing], view: View) -> Listing | None:
    """The base's column: its own folders, and partners without the LoRA, which come first where strengths are shown.

    Partners were made with the same settings as the samples they lie beside, previews perhaps with others.
    """
    partners = [listing.bare for listing in reversed(others) if listing.bare]
    own = [listing.files for listing in bases]
    files: dict[Row, SampleFile] = {}
    for found in partners + own if view == "strengths" else own + partners:
        files = {**found, **files}
    if not files:
        return None
    column = bases[0].column if bases else Column(folder="base", kind="base")
    problem = next((listing.problem for listing in bases if listing.problem), "")
    return Listing(column=column, files=files, problem=problem)


def _cells(
    workspace: Workspace, run: RunDirectory, listings: Iterable[Listing], rows: Sequence[Row]
) -> Iterable[tuple[tuple[Row, str], Cell]]:
    for listing in listings:
        for row in rows:
            if row in listing.files:
                yield (row, listing.column.folder), _cell(workspace, run, listing.files[row])


def _cell(workspace: Workspace, run: RunDirectory, sample: SampleFile) -> Cell:
    """A sample with its record, and its address if it can be played."""
    cell = Cell(file=sample.path.relative_to(run.path).as_posix(), kind=sample.kind)
    try:
        record = read_record(file_of_run(workspace, run, sample.record))
        cell = replace(cell, record=record, problem=record.problem)
    except OutsideError:
        cell = replace(cell, problem="its record is a link that leads out of the run: it is not read")
    if not sample.is_there:
        return replace(cell, problem="the file is missing; only its record is left")
    try:
        found = file_of_run(workspace, run, sample.path)
        if found.stat().st_size == 0:
            return replace(cell, problem="the file is empty: it was not written to its end")
        poster = workspace.poster_url(found) if sample.kind == "video" else ""
        return replace(cell, url=workspace.url(found), poster=poster)
    except OutsideError:
        return replace(cell, problem="it is a link that leads out of the run: it is not shown")
    except OSError:
        return replace(cell, problem="the file is gone")
