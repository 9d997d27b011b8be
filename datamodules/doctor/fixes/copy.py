"""A mended copy of a dataset, complete or absent; the original is only read."""

import os
import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from datamodules.atomic import LEFTOVER_SUFFIX
from datamodules.doctor.bars import Bars
from datamodules.doctor.checks.captions import check_captions
from datamodules.doctor.checks.copies import check_copies
from datamodules.doctor.checks.pictures import check_pictures
from datamodules.doctor.checks.rates import check_rates
from datamodules.doctor.checks.sounds import check_sounds
from datamodules.doctor.examination import Examination, ExaminedClip
from datamodules.doctor.fixes.captions import CaptionFixes, caption_files, read_caption
from datamodules.doctor.fixes.reencode import crop_still, reencode, without_sound
from datamodules.doctor.fixes.table import rewritten
from datamodules.manifest.clip import media_kind
from datamodules.progress import progress

_NAMED = 8
_ELSEWHERE = "files"  # folder for files that a manifest takes from outside its own


def require_free(directory: Path, dataset: Path) -> None:
    """Refuse to write where something is.

    Raises:
        ValueError: If the directory is not empty, is a file, or lies within the dataset.
    """
    if directory.exists() and not directory.is_dir():
        raise ValueError(f"`--fix` is {str(directory)!r}, which is a file: give a new directory.")
    if directory.is_dir() and any(directory.iterdir()):
        raise ValueError(f"`--fix` is {str(directory)!r}, which is not empty: give a new directory for the copy.")
    folder = dataset if dataset.is_dir() else dataset.parent
    if dataset.is_dir() and directory.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"`--fix` is {str(directory)!r}, within the dataset {folder}: give a directory beside it.")


def mended_copy(dataset: Path, examination: Examination, directory: Path) -> list[str]:
    """Write a copy in which everything is mended that `Diagnosis.can_fix` names.

    Args:
        dataset: Folder or manifest.
        examination: What was seen in it.
        directory: Where to; must be free.

    Returns:
        What was done, one line each.

    Raises:
        ValueError: If the directory is not free.
        OSError: If the copy cannot be written; nothing is left of it then.
    """
    require_free(directory, dataset)
    temporary = directory.parent / f".{directory.name}.{os.getpid()}-{secrets.token_hex(4)}{LEFTOVER_SUFFIX}"
    temporary.mkdir(parents=True)
    try:
        copy = _Copy(dataset, examination, temporary)
        copy.write()
        temporary.replace(directory)  # takes the place of an empty directory, too
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return copy.told()


@dataclass(frozen=True, kw_only=True)
class _Treatment:
    """What is done to one file."""

    bars: Bars = (0, 0, 0, 0)
    fps: float | None = None
    drops_sound: bool = False

    def apply(self, source: Path, target: Path) -> None:
        if any(self.bars) and media_kind(source) == "image":
            crop_still(source, target, self.bars)
        elif any(self.bars) or self.fps is not None:
            reencode(source, target, bars=self.bars, fps=self.fps, sound=not self.drops_sound)
        elif self.drops_sound:
            without_sound(source, target)
        else:
            shutil.copy2(source, target)


class _Copy:
    """One copy while it is written."""

    def __init__(self, dataset: Path, examination: Examination, target: Path) -> None:
        self.dataset, self.target = dataset, target
        self.folder = dataset if dataset.is_dir() else dataset.parent
        self.clips = {clip.name: clip for clip in examination.clips}
        self.done: defaultdict[str, list[str]] = defaultdict(list)
        self._mend(examination)

    def _mend(self, examination: Examination) -> None:
        """Decide what is done to which file."""
        checks = (check_pictures, check_rates, check_sounds, check_captions, check_copies)
        found = [finding for check in checks for finding in check(examination) if finding.can_fix]
        named = {code: {one.name for one in found if one.code == code} for code in {one.code for one in found}}
        wanted = examination.wanted
        self.captions = CaptionFixes(trigger=wanted.trigger, adds_trigger=bool(named.get("trigger-missing")))
        copies = [self.clips[name] for name in sorted(named.get("exact-duplicate", ()))]
        kept = {clip.clip.media for name, clip in self.clips.items() if clip not in copies}
        self.left_out = frozenset(clip.clip.media for clip in copies) - kept
        used = {file for name, clip in self.clips.items() if clip not in copies for file in _files(clip)}
        self.skipped = self.left_out | ({file for clip in copies for file in _belongings(clip)} - used)
        self.treatments: dict[Path, _Treatment] = {}
        for name, clip in self.clips.items():
            is_cropped, is_ragged = name in named.get("black-bars", ()), name in named.get("variable-rate", ())
            is_silent = name in named.get("audio-silent", ())
            if clip.clip.media in self.skipped or not (is_cropped or is_ragged or is_silent):
                continue
            bars = clip.pictures.bars if is_cropped and clip.pictures is not None else (0, 0, 0, 0)
            fps = wanted.fps if is_ragged else None
            self.treatments[clip.clip.media] = _Treatment(bars=bars, fps=fps, drops_sound=is_silent)
            if is_cropped:
                self.treatments |= _companion_crops(clip, bars)
            self.done["black bars cropped"] += [name] * is_cropped
            self.done[f"brought to a constant {wanted.fps:g} fps"] += [name] * is_ragged
            self.done["silent track removed"] += [name] * is_silent
        self.done["exact duplicate left out"] += [clip.name for clip in copies]

    def write(self) -> None:
        """Copy every file, mended where needed."""
        sources = self._sources()
        with progress("copying", len(sources), "file", shown=True) as done:
            for source, name in sources.items():
                path = self.target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                self.treatments.get(source, _Treatment()).apply(source, path)
                done.update()
        if self.dataset.is_dir():
            self._mend_caption_files(sources)
        else:
            text = rewritten(self.dataset, sources, self.left_out, lambda text: self._mended(text, self.dataset.name))
            (self.target / self.dataset.name).write_text(text, encoding="utf-8", newline="")

    def told(self) -> list[str]:
        """What was done."""
        lines = []
        for what, names in self.done.items():
            if names:
                rest = ", ..." if len(names) > _NAMED else ""
                lines.append(f"{what} ({len(names)}): {', '.join(names[:_NAMED])}{rest}")
        return lines or ["nothing was to be mended"]

    def _sources(self) -> dict[Path, str]:
        """Every file to copy, and its name in the copy."""
        if self.dataset.is_dir():
            files = list(_visible(self.folder))
        else:
            files = [file for clip in self.clips.values() for file in _files(clip) if file.is_file()]
        sources: dict[Path, str] = {}
        for number, file in enumerate(dict.fromkeys(files)):
            if file not in self.skipped:
                inside = file.is_relative_to(self.folder) and ".." not in file.relative_to(self.folder).parts
                name = file.relative_to(self.folder).as_posix() if inside else f"{_ELSEWHERE}/{number}-{file.name}"
                sources[file] = name
        return sources

    def _mend_caption_files(self, sources: Mapping[Path, str]) -> None:
        for clip in self.clips.values():
            for file in caption_files(clip.clip.media):
                text = read_caption(file) if file in sources else None
                if text is not None and (mended := self._mended(text, clip.name)) != text:
                    (self.target / sources[file]).write_text(mended + "\n", encoding="utf-8")

    def _mended(self, text: str, name: str) -> str:
        mended, done = self.captions.mended(text)
        for what in done:
            self.done[what].append(name)
        return mended


def _companion_crops(clip: ExaminedClip, bars: Bars) -> dict[Path, _Treatment]:
    """References and masks lose the same part of the picture as their clip."""
    assert clip.info is not None
    crops = {}
    for path, other in clip.companions.items():
        if other.info is not None and other.info.has_video:
            across, down = other.info.width / clip.info.width, other.info.height / clip.info.height
            scales = (across, down, across, down)
            left, top, right, bottom = (round(pixels * scale) for pixels, scale in zip(bars, scales, strict=True))
            crops[path] = _Treatment(bars=(left, top, right, bottom))
    return crops


def _files(clip: ExaminedClip) -> Iterator[Path]:
    yield from (file.path for file in clip.files)


def _belongings(clip: ExaminedClip) -> Iterator[Path]:
    """Everything beside a clip that is left out with it."""
    yield from (file.path for file in clip.files if file is not clip.file)
    yield from caption_files(clip.clip.media)


def _visible(folder: Path) -> Iterator[Path]:
    seen: set[Path] = set()  # a link may lead back to a folder above it
    for place, folders, files in os.walk(folder, followlinks=True):
        if (real := Path(place).resolve()) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in sorted(files) if not name.startswith("."))
