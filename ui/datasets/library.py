"""The datasets of the workspace: what there is, and new ones."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from datamodules.manifest.clip import MANIFEST_SUFFIXES, media_kind
from ui.datasets.choices import trigger_of as trigger_of
from ui.datasets.dataset import Dataset, open_dataset
from ui.workspace import OutsideError, Workspace, safe_name

_MOST_DATASETS = 500
_MOST_LOOKED_AT = 2000


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """A dataset to choose."""

    shown: str
    """Its path as a recipe writes it."""
    label: str
    """How it is called in a list."""


def dataset_cards(workspace: Workspace) -> list[DatasetCard]:
    """The datasets below the dataset folders: folders, and the manifests in them."""
    found = (path for folder in workspace.datasets for path in _datasets_of(workspace, folder))
    cards = []
    for path in islice(dict.fromkeys(found), _MOST_DATASETS):
        shown = workspace.shown(path)
        cards.append(DatasetCard(shown=shown, label=shown.removeprefix("datasets/")))
    return cards


def create_dataset(workspace: Workspace, name: str) -> Dataset:
    """Make an empty folder for a dataset.

    Raises:
        ValueError: If the name is not safe or taken.
        OSError: If it cannot be made.
    """
    path = workspace.inside(workspace.datasets[0] / safe_name(name, "dataset"), "datasets")
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        raise ValueError(
            f"There is a dataset {workspace.shown(path)} already: choose it, or take another name."
        ) from None
    return Dataset(workspace=workspace, path=path)


def free_name(workspace: Workspace, name: str) -> str:
    """A name for a new dataset that is not taken: the name itself, or numbered."""
    folder = workspace.datasets[0]
    taken = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    numbered = (name if number == 1 else f"{name}-{number}" for number in range(1, len(taken) + 2))
    return next(candidate for candidate in numbered if candidate not in taken)


def chosen(workspace: Workspace, text: str) -> Dataset | None:
    """The dataset that was chosen, None if none was or it is gone."""
    try:
        return open_dataset(workspace, text)
    except (ValueError, OSError):
        return None


def _datasets_of(workspace: Workspace, folder: Path) -> Iterator[Path]:
    entries = _visible(workspace, folder)
    if any(media_kind(entry) for entry in entries):
        yield folder
    yield from (entry for entry in entries if _is_manifest(entry))
    for entry in entries:
        if entry.is_dir():
            yield entry
            yield from (inner for inner in _visible(workspace, entry) if _is_manifest(inner))


def _visible(workspace: Workspace, folder: Path) -> list[Path]:
    """Entries of a folder in order, the first ones where there are very many; none that leads out."""
    try:
        with os.scandir(folder) as found:
            names = sorted(entry.name for entry in islice(found, _MOST_LOOKED_AT) if _is_shown(entry.name))
    except OSError:
        return []
    inside = []
    for name in names:
        path = folder / name
        if path.is_symlink():
            try:
                workspace.inside(path, "datasets")
            except OutsideError:
                continue
        inside.append(path)
    return inside


def _is_shown(name: str) -> bool:
    """Whether a name is neither hidden nor made of bytes that are no text."""
    return not name.startswith(".") and not any("\ud800" <= character <= "\udfff" for character in name)


def _is_manifest(path: Path) -> bool:
    return path.suffix.lower() in MANIFEST_SUFFIXES and path.is_file()
