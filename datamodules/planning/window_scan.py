"""From a dataset to windows: its clips without copies and broken ones, looked at, and cut as the recipe says."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.manifest.clip import Clip, Finding, MediaError
from datamodules.manifest.scan import keep_once, scan_dataset
from datamodules.media.index import MediaIndex
from datamodules.media.probe import MediaInfo, clip_info
from datamodules.needs import Needs
from datamodules.planning.settings import PlanSettings
from datamodules.windows.clip_windows import ClipWindow, plan_windows
from datamodules.windows.sound_windows import plan_sound_windows


@dataclass(frozen=True, kw_only=True)
class WindowScan:
    """Makes windows of the clips of a dataset."""

    settings: PlanSettings
    """What the recipe says."""
    fps: float
    """Frames per second of training."""
    index: MediaIndex
    """Remembers hashes and probed properties; saved after each dataset."""
    needs: Needs
    """What the recipe's conditions take."""

    def windows(self, path: Path, key: str, prefix: str = "") -> tuple[list[ClipWindow], list[Finding]]:
        """The windows of a dataset, and what was found on the way to them.

        Args:
            path: The dataset.
            key: The recipe's key that names it.
            prefix: Put before the names of its clips and findings.

        Raises:
            FileNotFoundError: If there is nothing at the path.
            ValueError: If the dataset contradicts itself, or holds no clip.
            OSError: If the cache's directory cannot be written.
        """
        manifest = scan_dataset(path, key)
        clips, infos, dropped = _inspect(manifest.clips, self.index)
        self.index.save()
        clips = [dataclasses.replace(clip, name=prefix + clip.name) for clip in clips]
        windows, unfit = self._cut(clips, infos)
        before = [
            dataclasses.replace(finding, name=prefix + finding.name) for finding in (*manifest.findings, *dropped)
        ]
        return list(windows), [*before, *unfit]

    def _cut(
        self, clips: Sequence[Clip], infos: Sequence[MediaInfo]
    ) -> tuple[tuple[ClipWindow, ...], tuple[Finding, ...]]:
        settings = self.settings
        files = [path for clip in clips for path in (clip.media, clip.audio) if path is not None]
        hashes = {path: self.index.hash(path) for path in files}
        rule, most = settings.windows, settings.max_windows
        if self.needs.streams == "audio":
            return plan_sound_windows(clips, infos, settings.buckets, hashes=hashes, windows=rule, max_windows=most)
        return plan_windows(
            clips,
            infos,
            settings.buckets,
            self.fps,
            hashes=hashes,
            windows=rule,
            max_windows=most,
            requires_sound=self.needs.requires_sound,
        )


def _inspect(clips: Sequence[Clip], index: MediaIndex) -> tuple[list[Clip], list[MediaInfo], list[Finding]]:
    """The readable clips without copies, what they are, and why others were left out."""
    findings = []
    readable: list[tuple[Clip, MediaInfo]] = []
    hashes = []
    for clip in clips:
        try:
            digest = _content(clip, index)
            info = clip_info(clip, index.info)
        except (OSError, MediaError) as error:
            reason = error.reason if isinstance(error, MediaError) else str(error)
            findings.append(Finding(name=clip.label, action="dropped", reason=reason, fix="replace or remove it"))
            continue
        readable.append((clip, info))
        hashes.append((clip.label, digest))
    positions, copies = keep_once(hashes)
    kept = [readable[position] for position in positions]
    return [clip for clip, _ in kept], [info for _, info in kept], [*findings, *copies]


def _content(clip: Clip, index: MediaIndex) -> str:
    """What tells clips apart, their captions aside: the bytes of each file by what it is for, and masks in seconds."""
    companions = clip.companions
    parts = [
        f"{role} {index.hash(path)}"
        for role, path in clip.files.items()
        if path not in companions or path.is_file()  # one that is missing is told where it is wanted
    ]
    spans = () if isinstance(clip.audio_mask, Path) else clip.audio_mask or ()
    return "\n".join([*parts, *(f"{begin} to {end}" for begin, end in spans)])
