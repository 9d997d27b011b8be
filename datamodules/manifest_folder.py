"""A folder of clips: media files, pictures and sounds that belong together because they share a stem.

`dance.mp4`, `dance.txt` and `dance.wav` are one clip with its caption and a sound that replaces its own track.
Sub-folders are searched; hidden files and folders, the latent cache among them, are not.
"""

import codecs
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from datamodules.clip import (
    MANIFEST_SUFFIXES,
    SOUND_SUFFIXES,
    STILL_SUFFIXES,
    VIDEO_SUFFIXES,
    Clip,
    Finding,
    Manifest,
    MediaKind,
    empty_caption,
    media_kind,
)

_FOREIGN_VIDEOS = (".avi", ".wmv", ".flv", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".3gp", ".gif")
_FOREIGN_STILLS = (".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")
_FOREIGN_SOUNDS = (".ogg", ".opus", ".aac", ".aiff", ".wma")


def scan_folder(directory: Path) -> Manifest:
    """Pair the files of a folder by their stems.

    Raises:
        ValueError: If two media files share a stem and are not one video with one sound.
    """
    stems: defaultdict[Path, list[Path]] = defaultdict(list)
    captions: dict[Path, Path] = {}
    findings: list[Finding] = []
    for file in sorted(_visible_files(directory)):
        name = file.relative_to(directory).as_posix()
        if media_kind(file):
            stems[file.with_suffix("")].append(file)
        elif file.suffix.lower() == ".txt":
            captions[file.with_suffix("")] = file
        else:
            findings.append(_foreign_file(name, file.suffix.lower()))
    clips = []
    for stem, files in stems.items():
        clip, found = _pair(directory, files, captions.pop(stem, None))
        clips += [clip] if clip else []
        findings += found
    for caption in captions.values():
        name = caption.relative_to(directory).as_posix()
        reason = "no video or still has this stem"
        findings.append(Finding(name=name, action="warned", reason=reason, fix="rename it like the clip it describes"))
    findings.sort(key=lambda finding: finding.name)
    return Manifest(clips=tuple(clips), findings=tuple(findings))


def _visible_files(directory: Path) -> Iterator[Path]:
    seen: set[Path] = set()  # a link may lead back to a folder above it
    for folder, folders, files in os.walk(directory, followlinks=True):
        if (real := Path(folder).resolve()) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder) / name for name in files if not name.startswith("."))


def _pair(directory: Path, files: list[Path], caption_file: Path | None) -> tuple[Clip | None, list[Finding]]:
    """The clip that files of one stem make together."""
    kinds: dict[MediaKind, list[Path]] = {"video": [], "image": [], "sound": []}
    for file in files:
        kind = media_kind(file)
        assert kind is not None
        kinds[kind].append(file)
    videos, stills, sounds = kinds["video"], kinds["image"], kinds["sound"]
    if len(files) > 1 and not (len(videos) == len(sounds) == 1 and not stills):
        names = " and ".join(file.relative_to(directory).as_posix() for file in files)
        raise ValueError(
            f"{names} have one stem, so they would share one caption; only one video with one sound, which replaces "
            "its track, may do so: rename or remove all but one."
        )
    media = (videos or stills or sounds)[0]
    name = media.relative_to(directory).as_posix()
    if media in sounds:
        reason = "a sound without a video of the same stem, which these recipes do not train"
        return None, [Finding(name=name, action="dropped", reason=reason, fix="put its video beside it")]
    caption, finding = _read_caption(name, caption_file)
    if caption is None:
        return None, [finding] if finding else []
    audio = sounds[0] if sounds else None
    kind = "video" if videos else "image"
    clip = Clip(media=media, kind=kind, caption=caption, audio=audio, split="train", name=name)
    return clip, [finding] if finding else []


def _read_caption(name: str, file: Path | None) -> tuple[str | None, Finding | None]:
    """The caption, or None if it cannot be read, and what there is to say about it."""
    if file is None:
        return "", empty_caption(name, "there is no .txt caption beside it")
    content = file.read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        caption = content.decode("utf-16" if wide else "utf-8-sig").strip()
    except UnicodeDecodeError:
        reason = f"its caption {file.name} is not UTF-8"
        return None, Finding(name=name, action="dropped", reason=reason, fix="save the caption as UTF-8")
    return caption, None if caption else empty_caption(name, "its caption is empty")


def _foreign_file(name: str, suffix: str) -> Finding:
    for foreign, read in (
        (_FOREIGN_VIDEOS, VIDEO_SUFFIXES),
        (_FOREIGN_STILLS, STILL_SUFFIXES),
        (_FOREIGN_SOUNDS, SOUND_SUFFIXES),
    ):
        if suffix in foreign:
            fix = f"convert it to one of {', '.join(read)}"
            return Finding(name=name, action="dropped", reason=f"{suffix} files are not read", fix=fix)
    if suffix in MANIFEST_SUFFIXES:
        fix = "give this file as `data.path` to train from it"
        return Finding(name=name, action="noted", reason="a manifest inside a folder is not read", fix=fix)
    return Finding(name=name, action="noted", reason="neither a media file nor a caption; it is ignored", fix="")
