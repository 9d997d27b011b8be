"""A dataset looked at: its clips with what is in their files, read by several threads."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from datamodules.doctor.file_facts import FactsIndex, FileFacts
from datamodules.doctor.pictures import PictureFacts
from datamodules.doctor.sound import SoundFacts
from datamodules.doctor.wanted import Wanted
from datamodules.manifest.clip import Clip, Finding, Manifest
from datamodules.media.probe import MediaInfo
from datamodules.progress import progress

_MOST_THREADS = 8


@dataclass(frozen=True, kw_only=True)
class ExaminedClip:
    """A clip with what is in its files."""

    clip: Clip
    """The clip."""
    file: FileFacts
    """Its video, still or sound."""
    audio: FileFacts | None = None
    """The sound file that replaces the video's own track."""
    companions: Mapping[Path, FileFacts]
    """Its references and masks."""

    @property
    def name(self) -> str:
        """The clip's name in the dataset."""
        return self.clip.label

    @property
    def captions(self) -> tuple[str, ...]:
        """Every caption it has; one that is empty if it has none."""
        return self.clip.captions

    @property
    def info(self) -> MediaInfo | None:
        """Size, length and rate; None if the file cannot be read."""
        return self.file.info

    @property
    def can_be_written_again(self) -> bool:
        """Whether its pictures can be encoded anew without another loss: high dynamic range would become 8 bits."""
        return self.info is not None and not self.info.notes

    @property
    def pictures(self) -> PictureFacts | None:
        """What is seen."""
        return self.file.pictures

    @property
    def sound(self) -> SoundFacts | None:
        """What is heard in training."""
        return self.file.sound if self.audio is None else self.audio.sound

    @property
    def is_video(self) -> bool:
        """Whether it is read and has more than one frame."""
        return self.info is not None and self.info.frames > 1

    @property
    def files(self) -> tuple[FileFacts, ...]:
        """Every file of it."""
        return (self.file, *(() if self.audio is None else (self.audio,)), *self.companions.values())


@dataclass(frozen=True, kw_only=True)
class Examination:
    """A dataset with what is in its files, and what it is for."""

    clips: tuple[ExaminedClip, ...]
    """Every clip, readable or not."""
    findings: tuple[Finding, ...]
    """What was noticed when the dataset was listed."""
    wanted: Wanted
    """What it is for."""

    @property
    def readable(self) -> Iterator[ExaminedClip]:
        """Clips whose video, still or sound can be read."""
        return (clip for clip in self.clips if clip.info is not None)

    @property
    def seen(self) -> Iterator[ExaminedClip]:
        """Readable clips with a picture, if the recipe takes pictures at all."""
        if self.wanted.needs.streams == "audio":
            return iter(())
        return (clip for clip in self.clips if clip.pictures is not None)


def examine(
    manifest: Manifest, wanted: Wanted, index: FactsIndex, *, on_progress: Callable[[], object] | None = None
) -> Examination:
    """Read the files of all clips.

    Args:
        manifest: The dataset.
        wanted: What it is for.
        index: Remembers what is in files.
        on_progress: Called after each file, besides the progress that is shown.
    """
    files = list(dict.fromkeys(file for clip in manifest.clips for file in _files(clip)))
    facts: dict[Path, FileFacts] = {}
    threads = ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS))
    try:
        with progress("examining", len(files), "file", shown=True) as done:
            for found in threads.map(index.facts, files):
                facts[found.path] = found
                done.update()
                if on_progress is not None:
                    on_progress()
    finally:  # after Ctrl-C, too, when files that wait are not read and those that were are remembered
        threads.shutdown(cancel_futures=True)
        index.save()
    return Examination(
        clips=tuple(_examined(clip, facts) for clip in manifest.clips), findings=manifest.findings, wanted=wanted
    )


def _files(clip: Clip) -> Sequence[Path]:
    return (clip.media, *(() if clip.audio is None else (clip.audio,)), *clip.companions)


def _examined(clip: Clip, facts: Mapping[Path, FileFacts]) -> ExaminedClip:
    return ExaminedClip(
        clip=clip,
        file=facts[clip.media],
        audio=None if clip.audio is None else facts[clip.audio],
        companions={path: facts[path] for path in clip.companions},
    )
