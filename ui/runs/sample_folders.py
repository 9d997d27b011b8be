"""The folders of a run's samples and what lies in them, by names alone: no video or json is opened here."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from ltx_module.run_directory import RunDirectory
from ui.runs.places import file_of_run
from ui.runs.sample_names import SUFFIXES, Column, Row, parse_folder, parse_stem
from ui.workspace import OutsideError, Workspace

Source = Literal["samples", "evaluation"]
"""Previews and what `sample` made, or what `evaluate` made."""

FOLDERS: dict[Source, str] = {"samples": "samples", "evaluation": "evaluation/samples"}

MAX_NAMES = 5_000
"""Names that are read of one folder; no run writes as many."""


@dataclass(frozen=True, kw_only=True)
class SampleFile:
    """A sample by its files' names."""

    path: Path
    """Video or sound; where only the json is left, the video that is missing."""
    kind: Literal["video", "sound"]
    is_there: bool

    @property
    def record(self) -> Path:
        """The json beside it."""
        return self.path.with_suffix(".json")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What lies in a folder of samples."""

    column: Column
    files: Mapping[Row, SampleFile] = field(default_factory=dict)
    bare: Mapping[Row, SampleFile] = field(default_factory=dict)
    """Partners without the LoRA."""
    problem: str = ""
    """Why not all is listed; empty if all is."""


def sample_columns(workspace: Workspace, run: RunDirectory, source: Source) -> tuple[Column, ...]:
    """The columns that a run's samples make, sorted; links that lead out of the run are left out.

    Args:
        workspace: Whose run.
        run: The run.
        source: Which of its samples.
    """
    parent = FOLDERS[source]
    columns = []
    for name, is_folder in _entries(workspace, run, parent):
        if is_folder and not name.startswith("."):
            columns.append(parse_folder(f"{parent}/{name}"))
    return tuple(sorted(columns, key=lambda column: column.order))


def list_samples(workspace: Workspace, run: RunDirectory, column: Column) -> Listing:
    """What lies in a column's folder, by prompt.

    Args:
        workspace: Whose run.
        run: The run.
        column: Whose folder.
    """
    names = [name for name, is_folder in _entries(workspace, run, column.folder) if not is_folder]
    problem = f"only the first {MAX_NAMES} files of {column.folder} are shown" if len(names) >= MAX_NAMES else ""
    stems: dict[str, str | None] = {}
    for name in names:
        stem, dot, suffix = name.rpartition(".")
        if not stem or stem.startswith(".") or (f"{dot}{suffix}" not in SUFFIXES and suffix != "json"):
            continue
        if suffix != "json" or stem not in stems:
            stems[stem] = None if suffix == "json" else f"{dot}{suffix}"
    files: dict[Row, SampleFile] = {}
    bare: dict[Row, SampleFile] = {}
    for stem in sorted(stems):
        suffix = stems[stem] or ".mp4"
        path = run.path / column.folder / f"{stem}{suffix}"
        row, is_bare = parse_stem(stem)
        (bare if is_bare else files)[row] = SampleFile(
            path=path, kind=SUFFIXES[suffix], is_there=stems[stem] is not None
        )
    return Listing(column=column, files=files, bare=bare, problem=problem)


def _entries(workspace: Workspace, run: RunDirectory, folder: str) -> Iterator[tuple[str, bool]]:
    """Names of a folder's entries and whether each is a folder; none where there is no folder or it leads outside."""
    try:
        found = file_of_run(workspace, run, run.path / folder)
        with os.scandir(found) as entries:
            yield from [(entry.name, entry.is_dir()) for entry in islice(entries, MAX_NAMES)]
    except (OSError, OutsideError):
        return
