"""The checkpoint of a run that was chosen, with its strength: `favourite.json` in the run's directory.

Its version goes to the page and comes back with every change, so that two pages do not overwrite each other unseen.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from datamodules.atomic import write_json
from ltx_module.run_directory import RunDirectory
from ui.runs.bounded_json import read_bounded_json
from ui.runs.places import file_of_run, run_directory
from ui.runs.sample_record import number, text
from ui.workspace import OutsideError, Workspace

SCHEMA = 1
MAX_STRENGTH = 10.0
"""Beyond which no strength is meant seriously."""

_MAX_BYTES = 16_000


@dataclass(frozen=True, kw_only=True)
class Favourite:
    """What was chosen."""

    lora: Path
    """The LoRA file; it is there."""
    strength: float
    sample: Path | None = None
    """The sample that decided, if it is still there."""
    chosen: str = ""
    """When, as ISO 8601."""

    @property
    def checkpoint(self) -> str:
        """Name of the LoRA file without suffix, such as `step_000250`."""
        return self.lora.stem


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is to become the favourite, as the page names it."""

    checkpoint: str
    """Name of one of the run's LoRA files without suffix."""
    strength: float = 1.0
    sample: str = ""
    """File of the sample that decided, relative to the run; empty for none."""


def favourite(workspace: Workspace, run: str) -> Favourite | None:
    """The favourite of a run, or None where none was chosen, its file was deleted or the choice cannot be read.

    Args:
        workspace: Whose run.
        run: Its name.

    Raises:
        ValueError: If there is no such run.
    """
    directory = run_directory(workspace, run)
    content = read_bounded_json(_path(directory), _MAX_BYTES)
    if not isinstance(content, dict):
        return None
    strength = number(content.get("strength"))
    lora = _existing(workspace, directory, text(content.get("lora")), ".safetensors")
    if lora is None or strength is None:
        return None
    sample = _existing(workspace, directory, text(content.get("sample")))
    return Favourite(lora=lora, strength=strength, sample=sample, chosen=text(content.get("chosen"))[:40])


def favourite_version(workspace: Workspace, run: str) -> str:
    """A text that changes whenever the favourite does; empty where none was chosen."""
    try:
        return f"{_path(run_directory(workspace, run)).stat().st_mtime_ns:x}"
    except FileNotFoundError:
        return ""


def mark_favourite(workspace: Workspace, run: str, choice: Choice, seen: str) -> Favourite:
    """Make a checkpoint the favourite of its run.

    Args:
        workspace: Whose run.
        run: Its name.
        choice: The checkpoint, its strength and the sample that decided.
        seen: The version that the page showed when the choice was made.

    Raises:
        ValueError: If there is no such LoRA file, the strength is none, or another page chose in the meantime.
    """
    directory = run_directory(workspace, run)
    if not 0 < choice.strength <= MAX_STRENGTH:
        raise ValueError(
            f"The strength is {choice.strength:g}, but a favourite needs one above 0, at most {MAX_STRENGTH:g}."
        )
    lora = _existing(workspace, directory, f"lora/{choice.checkpoint}.safetensors")
    if lora is None:
        lora_folder = directory.path / "lora"
        raise ValueError(
            f"{choice.checkpoint or 'The base model'} has no LoRA file in {workspace.shown(lora_folder)}, so it"
            " cannot be the favourite: choose a checkpoint whose file was kept (see `SaveLoRA.keep_last`)."
        )
    _require_unchanged(workspace, run, seen)
    sample = _existing(workspace, directory, choice.sample)
    content = {
        "schema": SCHEMA,
        "lora": lora.relative_to(directory.path).as_posix(),
        "strength": choice.strength,
        "sample": None if sample is None else sample.relative_to(directory.path).as_posix(),
        "chosen": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(_path(directory), content)
    return Favourite(lora=lora, strength=choice.strength, sample=sample, chosen=str(content["chosen"]))


def clear_favourite(workspace: Workspace, run: str, seen: str) -> None:
    """Take the mark off again.

    Args:
        workspace: Whose run.
        run: Its name.
        seen: The version that the page showed.

    Raises:
        ValueError: If there is no such run, or another page chose in the meantime.
    """
    _require_unchanged(workspace, run, seen)
    _path(run_directory(workspace, run)).unlink(missing_ok=True)


def _require_unchanged(workspace: Workspace, run: str, seen: str) -> None:
    if favourite_version(workspace, run) == seen:
        return
    now = favourite(workspace, run)
    what = f"{now.checkpoint} at strength {now.strength:g}" if now else "no favourite"
    raise ValueError(
        f"Another page has changed the favourite of {run} to {what} in the meantime. Look at it, then choose again."
    )


def _path(run: RunDirectory) -> Path:
    return run.path / "favourite.json"


def _existing(workspace: Workspace, run: RunDirectory, name: str, suffix: str = "") -> Path | None:
    """A file of the run by its relative name, if it is there and lies in the run."""
    if not name.endswith(suffix) or not name:
        return None
    try:
        found = file_of_run(workspace, run, run.path / name)
    except OutsideError:
        return None
    return found if found.is_file() else None
