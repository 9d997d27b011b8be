"""Files that a try may be given: those of the recipe's samples, of its dataset, and what was uploaded for this run.

An upload is kept in `runs/<run>/tries/media/`, under a name made of its content, so that it is never overwritten and
never trained on.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from datamodules.atomic import replacing
from datamodules.manifest.clip import MediaError
from ui.tries.needs import MEDIA_KEYS
from ui.workspace import OutsideError, Workspace

_MOST_FILES = 300
_CHUNK = 2**20


def media_choices(workspace: Workspace, run: str, key: str, dataset: str, prompts: object) -> list[tuple[str, str]]:
    """Files for a key of a prompt.

    Args:
        workspace: Nothing outside of it is listed.
        run: Name of the run.
        key: Such as `reference_video`.
        dataset: Value of `data.path`.
        prompts: Value of `sample.prompts`, whose media come first.

    Returns:
        Label and path as a recipe writes it, of each, at most 300.
    """
    suffixes = MEDIA_KEYS[key].suffixes
    sampled = (
        workspace.root / str(one[key]) for one in (prompts if isinstance(prompts, Sequence) else ()) if _has(one, key)
    )
    uploads = sorted((workspace.runs / run / "tries" / "media").glob("*"))
    files = islice(_unlike(workspace, (*sampled, *uploads, *_of_dataset(workspace, dataset)), suffixes), _MOST_FILES)
    return [(_label(path), workspace.shown(path)) for path in files]


def keep_upload(workspace: Workspace, run: str, key: str, upload: str | Path, name: str = "") -> str:
    """Take an uploaded file into the run.

    Args:
        workspace: Has the run.
        run: Name of the run.
        key: What it is for.
        upload: Where Gradio has put it, in the workspace's folder of uploads.
        name: As the user's machine called it.

    Returns:
        Its path as a recipe writes it.

    Raises:
        ValueError: If it is no upload, or no file of the kind that the key takes.
    """
    from datamodules.media.probe import probe

    source, suffixes = Path(upload).resolve(), MEDIA_KEYS[key].suffixes
    if not source.is_relative_to((workspace.state / "uploads").resolve()):
        raise OutsideError(f"{str(upload)[:80]!r} was not uploaded: upload a file.")
    label = name or source.name
    suffix = Path(label).suffix.lower()
    if suffix not in suffixes:
        raise ValueError(f"{label[:80]} does not fit “{MEDIA_KEYS[key].label}”: upload {', '.join(suffixes)}.")
    try:
        probe(source)
    except MediaError as error:
        raise ValueError(f"{label[:80]} cannot be used: {str(error).removeprefix(f'{source}: ')}.") from error
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(label).stem).strip("-")[:40] or "file"
    folder = workspace.inside(workspace.runs / run, "runs") / "tries" / "media"
    target = folder / f"{stem}-{_digest(source)}{suffix}"
    if not target.exists():
        with replacing(target) as temporary, source.open("rb") as read, temporary.open("wb") as written:
            while chunk := read.read(_CHUNK):
                written.write(chunk)
    return workspace.shown(target)


def require_medium(workspace: Workspace, key: str, file: str) -> str:
    """The path of a medium as a recipe writes it.

    Raises:
        ValueError: If it lies outside, is not there or is of another kind.
    """
    path = workspace.inside(file, "datasets", "runs")
    if not path.is_file():
        raise ValueError(f"{MEDIA_KEYS[key].label}: {file} is not there. Choose another file.")
    if path.suffix.lower() not in MEDIA_KEYS[key].suffixes:
        raise ValueError(
            f"{MEDIA_KEYS[key].label}: {file} is not of this kind. Choose {', '.join(MEDIA_KEYS[key].suffixes)}."
        )
    return workspace.shown(path)


def _has(prompt: Any, key: str) -> bool:
    return isinstance(prompt, Mapping) and bool(prompt.get(key))


def _unlike(workspace: Workspace, paths: Iterable[Path], suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Files of a kind inside the workspace, each once."""
    seen = set()
    for path in paths:
        if path.suffix.lower() not in suffixes or path in seen:
            continue
        seen.add(path)
        try:
            if workspace.inside(path, "datasets", "runs").is_file():
                yield path
        except OutsideError:
            continue


def _of_dataset(workspace: Workspace, dataset: str) -> Iterator[Path]:
    """Files of the dataset's folder: first its samples, which are never trained on."""
    try:
        place = workspace.inside(dataset, "datasets") if dataset else None
    except OutsideError:
        return
    if place is None:
        return
    folder = place if place.is_dir() else place.parent
    for start in (folder / "samples", folder):
        for directory, folders, files in os.walk(start):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (Path(directory) / name for name in sorted(files) if not name.startswith("."))


def _label(path: Path) -> str:
    folder, name = path.parts[-2:]
    return f"uploaded: {name}" if path.parts[-3:-1] == ("tries", "media") else f"{folder}/{name}"


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()[:12]
