"""A folder of clips: media files, pictures and sounds that belong together because they share a stem.

`dance.mp4`, `dance.txt` and `dance.wav` are one clip with its caption and a sound that replaces its own track;
`voice.wav` and `voice.txt` are a clip of sound. `dance.2.txt`, `dance.3.txt` and so on are further captions, which
take turns with the first. Sub-folders are searched; hidden files and folders, the latent cache among them, are not.
References and masks lie in folders of their own, see `datamodules.manifest.companions`.
"""

import codecs
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from datamodules.manifest.clip import (
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
from datamodules.manifest.companions import SAMPLES, is_companion, with_companions

_FOREIGN_VIDEOS = (".avi", ".wmv", ".flv", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".3gp", ".gif")
_FOREIGN_STILLS = (".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")
_FOREIGN_SOUNDS = (".ogg", ".opus", ".aac", ".aiff", ".wma")
_FURTHER_CAPTION = re.compile(r"(.+)\.([2-9]|[1-9]\d+)")


def scan_folder(directory: Path) -> Manifest:
    """Pair the files of a folder by their stems.

    Raises:
        ValueError: If two media files share a stem and are not one video with one sound, or two references or masks
            are of one clip.
    """
    stems: defaultdict[Path, list[Path]] = defaultdict(list)
    captions: dict[Path, Path] = {}
    findings: list[Finding] = []
    companions: list[Path] = []
    for file in sorted(_visible_files(directory)):
        name = file.relative_to(directory).as_posix()
        if Path(name).parts[0] in SAMPLES:
            findings += [_captioned_sample(name)] if file.suffix.lower() == ".txt" else []
        elif is_companion(directory, file):
            companions.append(file)
        elif media_kind(file):
            stems[file.with_suffix("")].append(file)
        elif file.suffix.lower() == ".txt":
            captions[file.with_suffix("")] = file
        else:
            findings.append(_foreign_file(name, file.suffix.lower()))
    clips = []
    captions_of = _by_clip(captions, stems)
    for stem, files in stems.items():
        clip, found = _pair(directory, files, captions_of[stem])
        clips += [clip] if clip else []
        findings += found
    for caption in captions_of[None]:
        name = caption.relative_to(directory).as_posix()
        reason = "no video, still or sound has this stem"
        findings.append(Finding(name=name, action="warned", reason=reason, fix="rename it like the clip it describes"))
    paired, found = with_companions(directory, clips, companions)
    findings = sorted([*findings, *found], key=lambda finding: finding.name)
    return Manifest(clips=paired, findings=tuple(findings))


def _by_clip(captions: Mapping[Path, Path], stems: Collection[Path]) -> Mapping[Path | None, list[Path]]:
    """The caption files of each clip in the order of their numbers, and under None those that belong to none."""
    numbered: defaultdict[Path | None, list[tuple[int, Path]]] = defaultdict(list)
    for stem, file in captions.items():
        match = None if stem in stems else _FURTHER_CAPTION.fullmatch(stem.name)
        owner, number = (stem.with_name(match[1]), int(match[2])) if match else (stem, 1)
        numbered[owner if owner in stems else None].append((number, file))
    return defaultdict(list, {owner: [file for _, file in sorted(files)] for owner, files in numbered.items()})


def _visible_files(directory: Path) -> Iterator[Path]:
    seen: set[Path] = set()  # a link may lead back to a folder above it
    for folder, folders, files in os.walk(directory, followlinks=True):
        if (real := Path(folder).resolve()) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder) / name for name in files if not name.startswith("."))


def _pair(directory: Path, files: list[Path], caption_files: list[Path]) -> tuple[Clip | None, list[Finding]]:
    """The clip that files of one stem make together."""
    kinds: dict[MediaKind, list[Path]] = {"video": [], "image": [], "sound": []}
    for file in files:
        found = media_kind(file)
        assert found is not None
        kinds[found].append(file)
    videos, stills, sounds = kinds["video"], kinds["image"], kinds["sound"]
    if len(files) > 1 and not (len(videos) == len(sounds) == 1 and not stills):
        names = " and ".join(file.relative_to(directory).as_posix() for file in files)
        raise ValueError(
            f"{names} have one stem, so they would share one caption; only one video with one sound, which replaces "
            "its track, may do so: rename or remove all but one."
        )
    media = (videos or stills or sounds)[0]
    name = media.relative_to(directory).as_posix()
    captions, findings = _read_captions(name, caption_files)
    if captions is None:
        return None, findings
    audio = sounds[0] if sounds and videos else None
    kind: MediaKind = "video" if videos else "image" if stills else "sound"
    clip = Clip(
        media=media,
        kind=kind,
        caption=captions[0],
        other_captions=tuple(captions[1:]),
        audio=audio,
        split="train",
        name=name,
    )
    return clip, findings


def _read_captions(name: str, files: list[Path]) -> tuple[list[str] | None, list[Finding]]:
    """The captions, or None if one cannot be read, and what there is to say about them."""
    if not files:
        return [""], [empty_caption(name, "there is no .txt caption beside it")]
    captions: dict[Path, str] = {}
    for file in files:
        content = file.read_bytes()
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        try:
            captions[file] = content.decode("utf-16" if wide else "utf-8-sig").strip()
        except UnicodeDecodeError:
            reason = f"its caption {file.name} is not UTF-8"
            return None, [Finding(name=name, action="dropped", reason=reason, fix="save the caption as UTF-8")]
    written = [caption for caption in captions.values() if caption]
    if not written:
        return [""], [empty_caption(name, "its caption is empty")]
    empty = [file.name for file, caption in captions.items() if not caption]
    reason = f"is without the empty one of its captions, {', '.join(empty)}"
    return written, [Finding(name=name, action="warned", reason=reason, fix="write or remove it")] if empty else []


def _captioned_sample(name: str) -> Finding:
    """A caption tells that somebody takes the media of samples for clips."""
    reason = "`samples/` holds media of samples, which are not trained on, so this caption is not used"
    fix = "move the clip and its caption to another folder to train on it"
    return Finding(name=name, action="warned", reason=reason, fix=fix)


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
