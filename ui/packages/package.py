"""The ComfyUI package of a run: which of the files in `runs/<run>/export/` belong to the newest exported LoRA."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datamodules.atomic import LEFTOVER_SUFFIX
from ui.runs.places import run_directory
from ui.workspace import OutsideError, Workspace

Role = Literal["LoRA", "workflow", "notes", "load report", "model card", "sample"]

CARD_FOLDER = "model-card"
CARD = f"{CARD_FOLDER}/README.md"
NOTES = "README.md"
_CHECK = ".check.json"
_LORA = ".safetensors"
_MOST_FILES = 500


@dataclass(frozen=True, kw_only=True)
class PackageFile:
    """A file of a package."""

    path: Path
    name: str
    """Relative to the package, with slashes."""
    role: Role
    size: int
    """Bytes."""

    @property
    def label(self) -> str:
        """What it is, in words."""
        if self.role != "workflow":
            return self.role
        return f"workflow {Path(self.name).stem.rpartition('-')[2]}"


@dataclass(frozen=True, kw_only=True)
class Package:
    """What an export has left."""

    run: str
    name: str
    """Of the LoRA file, without suffix."""
    directory: Path
    files: tuple[PackageFile, ...]
    earlier: tuple[str, ...]
    """LoRA files of exports before, which stay in the folder and are no part of this package."""
    left_out: tuple[str, ...]
    """Links that lead out of the package."""
    exported: float
    """When, in seconds since the epoch."""

    @property
    def lora(self) -> PackageFile:
        """The LoRA file."""
        return next(file for file in self.files if file.role == "LoRA")

    @property
    def workflows(self) -> tuple[PackageFile, ...]:
        """The workflows."""
        return tuple(file for file in self.files if file.role == "workflow")

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def check(self) -> Path:
        """Where the export says what its own check found; not there if it was written by an older version."""
        return self.directory / f"{self.name}{_CHECK}"

    @property
    def card(self) -> Path:
        """Where the model card lies, or would."""
        return self.directory / CARD


def package_of(workspace: Workspace, run: str) -> Package | None:
    """The package of a run; None where nothing was exported yet.

    Args:
        workspace: Has the run.
        run: Name of the run.

    Raises:
        ValueError: If there is no such run.
    """
    directory = workspace.inside(run_directory(workspace, run).path / "export", "runs")
    found, left_out = _files(workspace, directory)
    loras = sorted((path for name, path in found.items() if _is_lora(name)), key=lambda path: path.stat().st_mtime_ns)
    if not loras:
        return None
    newest = loras[-1]
    files = tuple(
        PackageFile(path=path, name=name, role=role, size=path.stat().st_size)
        for name, path in found.items()
        if (role := _role(name, newest.stem)) is not None
    )
    order: tuple[Role, ...] = ("LoRA", "workflow", "notes", "load report", "model card", "sample")
    return Package(
        run=run,
        name=newest.stem,
        directory=directory,
        files=tuple(sorted(files, key=lambda file: (order.index(file.role), file.name))),
        earlier=tuple(sorted(path.name for path in loras[:-1])),
        left_out=left_out,
        exported=newest.stat().st_mtime,
    )


def _files(workspace: Workspace, directory: Path) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Files below the directory by their relative names, and links that lead out of it."""
    found: dict[str, Path] = {}
    left_out = []
    for path in _walk(directory):
        name = path.relative_to(directory).as_posix()
        try:
            real = workspace.inside(path, "runs")
        except OutsideError:
            real = None
        if real is None or not real.is_relative_to(directory):
            left_out.append(name)
        elif real.is_file():
            found[name] = path
    return found, tuple(left_out)


def _walk(directory: Path) -> Iterator[Path]:
    """Files, and links to folders, which are not followed; at most 500, hidden ones passed over."""
    count = 0
    for folder, folders, files in os.walk(directory):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files) + [name for name in folders if (Path(folder) / name).is_symlink()]:
            if name.startswith(".") or name.endswith(LEFTOVER_SUFFIX):
                continue
            count += 1
            if count > _MOST_FILES:
                return
            yield Path(folder) / name


def _is_lora(name: str) -> bool:
    return "/" not in name and name.endswith(_LORA)


def _role(name: str, lora: str) -> Role | None:
    """What a file is to the package of a LoRA; None of files that are none of its own."""
    if name == f"{lora}{_LORA}":
        return "LoRA"
    if name == NOTES:
        return "notes"
    if name == CARD:
        return "model card"
    if name.startswith(f"{CARD_FOLDER}/"):
        return "sample"
    if name == f"{lora}{_CHECK}":
        return "load report"
    return "workflow" if "/" not in name and name.startswith(f"{lora}-") and name.endswith(".json") else None
