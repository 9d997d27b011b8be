"""A folder of clips listed by names alone, by the rules of `datamodules.manifest.folder`; no file is opened.

Links are followed as long as they stay inside the dataset folders. One that leads out is named and left alone.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from datamodules.doctor.diagnosis import Diagnosis, Severity
from datamodules.manifest.clip import MANIFEST_SUFFIXES, MediaKind, media_kind
from datamodules.manifest.companions import MASKS, REFERENCES, RESERVED_FOLDERS, SAMPLES
from ui.datasets.dataset import Dataset
from ui.datasets.entry import ClipEntry, Listing, is_plain, is_text, outside, shown_name
from ui.workspace import OutsideError

MOST_FILES = 100_000
"""Files of a folder that are listed at most."""

_FURTHER_CAPTION = re.compile(r"(.+)\.([2-9]|[1-9]\d+)")
_RENAME = "rename it like its clip"
_KINDS: tuple[MediaKind, ...] = ("video", "image", "sound")


@dataclass(kw_only=True)
class _Files:
    """The files of a folder by what they are for, by their path without the suffix."""

    media: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    captions: dict[str, str] = field(default_factory=dict)
    companions: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def list_folder(dataset: Dataset) -> Listing:
    """List the clips of a folder."""
    leads_out: list[str] = []
    files = _sorted_out(_names(dataset, leads_out))
    refused = frozenset(leads_out)
    captions = _captions_by_clip(files)
    companions, strays = _companions(files)
    entries = [
        _entry(dataset, name, files.media[stem], captions[stem], companions[stem], refused)
        for stem in files.media
        for name in _clips_of(files.media[stem])
    ]
    issues = [
        *(_issue("caption-without-clip", name, "no clip has this stem", _RENAME) for name in captions[""]),
        *(_issue("companion-without-clip", name, "no clip has this path and stem", _RENAME) for name in strays),
        *(outside(shown_name(name)) if name in refused else _foreign(name) for name in files.others),
    ]
    return Listing(dataset=dataset, entries=tuple(entries), issues=tuple(issues), leads_out=tuple(leads_out))


def _names(dataset: Dataset, leads_out: list[str]) -> Iterator[str]:
    """Paths of the visible files below the folder, those that must not be touched too; folders are entered once."""
    seen: set[Path] = set()
    count = 0

    def walk(folder: Path, prefix: str) -> Iterator[str]:
        nonlocal count
        if (real := folder.resolve()) in seen:
            return
        seen.add(real)
        with os.scandir(folder) as found:
            entries = sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
        for entry in entries:
            name = prefix + entry.name
            if entry.is_symlink() and not _stays_inside(dataset, entry.path):
                leads_out.append(name)
                yield name
            elif entry.is_dir():
                yield from walk(Path(entry.path), f"{name}/")
            elif entry.is_file():  # neither pipes nor devices
                yield name
            count += 1
            if count > MOST_FILES:
                raise ValueError(
                    f"{dataset.shown} has more than {MOST_FILES} files: choose one of its sub-folders, or a manifest."
                )

    yield from walk(dataset.path, "")


def _stays_inside(dataset: Dataset, path: str) -> bool:
    try:
        dataset.workspace.inside(path, "datasets")
    except OutsideError:
        return False
    return True


def _sorted_out(names: Iterator[str]) -> _Files:
    files = _Files()
    for name in names:
        path = PurePosixPath(name)
        first = path.parts[0]
        if first in SAMPLES:
            continue
        if first in RESERVED_FOLDERS and len(path.parts) > 1:
            files.companions.append(name)
        elif media_kind(Path(name)):
            files.media[_stem(name)].append(name)
        elif path.suffix.lower() == ".txt":
            files.captions[_stem(name)] = name
        else:
            files.others.append(name)
    return files


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _captions_by_clip(files: _Files) -> Mapping[str, list[str]]:
    """Caption files by the clip's stem in the order of their numbers; those of no clip under the empty stem."""
    numbered: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for stem, name in files.captions.items():
        match = None if stem in files.media else _FURTHER_CAPTION.fullmatch(stem)
        owner, number = (match[1], int(match[2])) if match else (stem, 1)
        numbered[owner if owner in files.media else ""].append((number, name))
    return defaultdict(list, {owner: [name for _, name in sorted(found)] for owner, found in numbered.items()})


def _companions(files: _Files) -> tuple[Mapping[str, list[tuple[str, str, str]]], list[str]]:
    """Role, signal and name of each companion by its clip's stem, and those of no clip."""
    owned: defaultdict[str, list[tuple[str, str, str]]] = defaultdict(list)
    strays = []
    for name in files.companions:
        role, *inner = PurePosixPath(_stem(name)).parts
        whole, rest = "/".join(inner), "/".join(inner[1:])
        if not media_kind(Path(name)):
            continue
        if whole in files.media:
            owned[whole].append((role, "", name))
        elif role == REFERENCES and rest in files.media:
            owned[rest].append((role, inner[0], name))
        else:
            strays.append(name)
    return owned, strays


def _clips_of(names: Sequence[str]) -> Sequence[str]:
    """The files of one stem that are clips: a video and one sound are a single one."""
    kinds = [media_kind(Path(name)) for name in names]
    if len(names) == 2 and kinds.count("video") == kinds.count("sound") == 1:
        return [names[kinds.index("video")]]
    return names


def _entry(
    dataset: Dataset,
    name: str,
    together: Sequence[str],
    captions: Sequence[str],
    companions: Sequence[tuple[str, str, str]],
    refused: frozenset[str],
) -> ClipEntry:
    clips = _clips_of(together)
    shown = shown_name(name)
    sound = next((other for other in together if other != name and len(clips) == 1), None)
    is_refused = name in refused or not is_text(name)
    closed = [other for other in (*captions, *(file for _, _, file in companions)) if other in refused]
    issues = [outside(shown)] if name in refused else []
    if not is_text(name):
        issues.append(_issue("name-not-utf8", shown, "its name is not UTF-8", "rename it", "problem"))
    elif not is_plain(name):
        message = "its name holds a line break or another mark that no address has, so that it is not played"
        issues.append(_issue("name-odd", shown, message, "rename it"))
    if len(clips) > 1:
        message = f"{len(together)} files share this stem and so one caption"
        issues.append(_issue("shared-stem", shown, message, "rename or remove all but one", "problem"))
    issues += [outside(shown_name(other)) for other in closed]
    kind = media_kind(Path(name))
    assert kind in _KINDS
    return ClipEntry(
        key=shown,
        name=shown,
        kind=kind,
        media=None if is_refused else dataset.path / name,
        sound=dataset.path / sound if sound and sound not in refused else None,
        caption_files=tuple(dataset.path / caption for caption in captions if caption not in refused),
        references={
            signal: dataset.path / file
            for role, signal, file in companions
            if role == REFERENCES and file not in refused
        },
        masks=tuple(dataset.path / file for role, _, file in companions if role == MASKS and file not in refused),
        issues=tuple(issues),
        locked=_locked(is_refused, any(caption in refused for caption in captions)),
    )


def _locked(is_refused: bool, caption_refused: bool) -> str:
    if is_refused:
        return "The clip cannot be used, so its caption is not shown."
    return "Its caption is a link that leads out of the dataset folders, so it is not read." if caption_refused else ""


def _foreign(name: str) -> Diagnosis:
    if PurePosixPath(name).suffix.lower() in MANIFEST_SUFFIXES:
        return _issue("manifest-in-folder", name, "a manifest is a dataset of its own", "choose it above", "note")
    return _issue("left-out", name, "files of this kind are not read", "", "note")


def _issue(code: str, name: str, message: str, fix: str, severity: Severity = "warning") -> Diagnosis:
    return Diagnosis(code=code, severity=severity, name=shown_name(name), message=message, fix=fix)
