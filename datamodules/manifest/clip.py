"""A clip of the dataset, and what there is to say about files that did not become one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from datamodules.manifest.class_caption import has_word

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")
STILL_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
SOUND_SUFFIXES = (".wav", ".flac", ".mp3", ".m4a")
MANIFEST_SUFFIXES = (".csv", ".json", ".jsonl")

TRIGGER_ALONE = "it trains on the trigger alone"
"""What becomes of a clip without a caption."""

Split = Literal["train", "validation"]
MediaKind = Literal["video", "image", "sound"]
Spans = tuple[tuple[float, float], ...]
"""Stretches of time, seconds from the clip's beginning."""


class MediaError(ValueError):
    """A media file that cannot be used.

    Args:
        path: The file.
        reason: What is wrong with it, to follow its name.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A media file and its caption."""

    media: Path
    """The video, still or sound."""
    kind: MediaKind
    """What the file's name says it is; a video of one frame turns out to be an image later."""
    caption: str
    """As written, without the trigger; empty if there is none."""
    audio: Path | None
    """The sound file that replaces the video's own track."""
    split: Split
    """Whether it trains or is held out."""
    name: str
    """Path relative to the dataset, for reports."""
    references: Mapping[str, Path] = field(default_factory=dict)
    """Reference videos and pictures by signal, such as `canny`; the signal of one that names none is empty."""
    reference_audio: Mapping[str, Path] = field(default_factory=dict)
    """Reference sounds by signal."""
    video_mask: Path | None = None
    """What of the picture is made anew: a video, or a picture for all frames."""
    audio_mask: Path | Spans | None = None
    """What of the sound is made anew: a sound file, loud where it is, or seconds."""
    other_captions: tuple[str, ...] = ()
    """Further captions, of which one is drawn in place of the first each time the clip is seen."""

    @property
    def captions(self) -> tuple[str, ...]:
        """All its captions."""
        return (self.caption, *self.other_captions)

    @property
    def companions(self) -> tuple[Path, ...]:
        """The files of its references and masks."""
        masks = [mask for mask in (self.video_mask, self.audio_mask) if isinstance(mask, Path)]
        return (*self.references.values(), *self.reference_audio.values(), *masks)

    @property
    def files(self) -> Mapping[str, Path]:
        """All its files by what they are for, the signal of a reference included."""
        files = {
            "media": self.media,
            "audio": self.audio,
            **{f"reference {signal}": path for signal, path in self.references.items()},
            **{f"reference audio {signal}": path for signal, path in self.reference_audio.items()},
            "video mask": self.video_mask,
            "audio mask": self.audio_mask if isinstance(self.audio_mask, Path) else None,
        }
        return {role: path for role, path in files.items() if path is not None}

    @property
    def label(self) -> str:
        """The name, and that of a sound named otherwise, since a manifest may pair one video with several."""
        if self.audio is None or self.audio.with_suffix("") == self.media.with_suffix(""):
            return self.name
        return f"{self.name}+{self.audio.name}"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something about a file that the user should know."""

    name: str
    """The file, or `file:line` of a manifest."""
    action: Literal["dropped", "warned", "noted"]
    """Whether the file is left out, used with a doubt, or used as documented."""
    reason: str
    """What was found."""
    fix: str
    """What to do about it; empty if there is nothing to do."""

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" + (f"; {self.fix}" if self.fix else "")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All clips of a dataset, in the order of their names or rows, and what was found on the way."""

    clips: tuple[Clip, ...]
    findings: tuple[Finding, ...]


def final_caption(caption: str, trigger: str) -> str:
    """The caption as it is encoded: the trigger in front unless it is a word of it, and alone if there is none."""
    caption, trigger = caption.strip(), trigger.strip()
    if not trigger or has_word(caption, trigger):
        return caption
    return f"{trigger} {caption}".strip()


def media_kind(path: Path) -> MediaKind | None:
    """What the suffix says a file is; None if we do not read such files."""
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return "video"
    if suffix in STILL_SUFFIXES:
        return "image"
    return "sound" if suffix in SOUND_SUFFIXES else None


def empty_caption(name: str, reason: str) -> Finding:
    """The finding for a clip that trains on the trigger alone."""
    return Finding(name=name, action="warned", reason=f"{reason}: {TRIGGER_ALONE}", fix="write one")


def missing_file(name: str, path: Path) -> Finding:
    """The finding for a clip whose file is not there."""
    return Finding(name=name, action="dropped", reason=f"there is no file {path}", fix="correct the path")
