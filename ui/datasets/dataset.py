"""A dataset as the studio holds it: a folder of clips or a manifest, and what is kept of it."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from datamodules.manifest.clip import MANIFEST_SUFFIXES
from ui.workspace import Workspace

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A folder of clips, or a manifest."""

    workspace: Workspace
    """Where it lies."""
    path: Path
    """The folder or the manifest, links followed."""

    @property
    def is_manifest(self) -> bool:
        """Whether it is a table of clips rather than a folder."""
        return self.path.suffix.lower() in MANIFEST_SUFFIXES and not self.path.is_dir()

    @property
    def folder(self) -> Path:
        """The folder that names are relative to."""
        return self.path.parent if self.is_manifest else self.path

    @property
    def shown(self) -> str:
        """Its path as a recipe writes it."""
        return self.workspace.shown(self.path)

    @property
    def state(self) -> Path:
        """Directory of what is remembered of it: trigger, report of its health, captions to go back to."""
        digest = hashlib.sha256(self.shown.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        return self.workspace.state / "datasets" / f"{_UNSAFE.sub('-', self.path.name)[:40]}-{digest}"


def open_dataset(workspace: Workspace, text: str) -> Dataset:
    """The dataset that a path names.

    Args:
        workspace: Where datasets lie.
        text: Relative to the root or absolute, as chosen or typed.

    Raises:
        FileNotFoundError: If there is nothing.
        ValueError: If it lies outside the dataset folders, or is neither a folder nor a manifest.
    """
    if not text.strip():
        raise ValueError("No dataset is chosen: choose one, create one, or draw the example.")
    path = workspace.inside(text.strip(), "datasets")
    if not path.exists():
        raise FileNotFoundError(f"There is no dataset {workspace.shown(path)}: choose another, or create one.")
    if path.is_dir() or (path.is_file() and path.suffix.lower() in MANIFEST_SUFFIXES):
        return Dataset(workspace=workspace, path=path)
    raise ValueError(
        f"{workspace.shown(path)} is no dataset: give a folder of clips, or a {', '.join(MANIFEST_SUFFIXES)} manifest."
    )
