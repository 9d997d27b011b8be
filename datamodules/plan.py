"""From a dataset to a list of windows, captions and cache entries: everything that is known before anything is encoded.

scan -> drop copies -> probe -> windows in buckets -> captions with trigger -> keys. `survey` then compares the plan
with the cache, and makes the report.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datamodules.batch import CachedClip
from datamodules.cache import LatentCache
from datamodules.clip import Clip, Finding, MediaError, final_caption
from datamodules.data_report import CacheState, DataReport, ReportRow
from datamodules.encode_text import WAITING_BYTES
from datamodules.encoders import Encoders
from datamodules.geometry import Bucket
from datamodules.hold_out import held_out_files
from datamodules.manifest import keep_once, nothing_left, scan_dataset
from datamodules.media_index import MediaIndex
from datamodules.probe import MediaInfo, clip_info
from datamodules.windows import ClipWindow, WindowRule, plan_windows


@dataclass(frozen=True, kw_only=True)
class PlanSettings:
    """What a recipe says about its data."""

    path: Path
    """The dataset."""
    buckets: tuple[Bucket, ...]
    """Training shapes."""
    windows: WindowRule
    """Which windows of a long clip are used."""
    max_windows: int
    """Windows of one clip at most."""
    trigger: str
    """Word put in front of captions."""
    with_audio: bool
    """Whether sound is trained."""
    validation_fraction: float
    """Share of the files that are held out."""


@dataclass(frozen=True, kw_only=True)
class PlannedClip:
    """A window and the cache entries that it needs."""

    window: ClipWindow
    cached: CachedClip
    split: Literal["train", "validation"]

    @property
    def keys(self) -> tuple[str, ...]:
        """Its entries in the cache."""
        keys = (self.cached.latent_key, self.cached.text_key)
        return keys if self.cached.audio_key is None else (*keys, self.cached.audio_key)


@dataclass(frozen=True, kw_only=True)
class DataPlan:
    """What a recipe wants to train on."""

    settings: PlanSettings
    encoders: Encoders
    clips: tuple[PlannedClip, ...]
    captions: Mapping[str, str]
    """Final captions and prompts by the key of their contexts."""
    findings: tuple[Finding, ...]

    def keys(self) -> list[str]:
        """All entries the recipe uses, in an order that every process shares."""
        return sorted({key for clip in self.clips for key in clip.keys} | set(self.captions))

    def missing(self, cache: LatentCache) -> set[str]:
        """The entries that the cache lacks."""
        return {key for key in self.keys() if not cache.has(key)}


def plan_dataset(settings: PlanSettings, encoders: Encoders, index: MediaIndex, prompts: Iterable[str]) -> DataPlan:
    """Reads names, captions and media headers; encodes nothing.

    Args:
        settings: What the recipe says.
        encoders: Components that the cache entries depend on.
        index: Remembers hashes and probed properties; saved at the end.
        prompts: Texts to encode beside the captions.

    Raises:
        FileNotFoundError: If the dataset does not exist.
        ValueError: If it contradicts itself.
        OSError: If the cache's directory cannot be written.
    """
    manifest = scan_dataset(settings.path)
    clips, infos, dropped = _inspect(manifest.clips, index)
    index.save()
    files = [path for clip in clips for path in (clip.media, clip.audio) if path is not None]
    windows, unfit = plan_windows(
        clips,
        infos,
        settings.buckets,
        encoders.fps,
        hashes={path: index.hash(path) for path in files},
        windows=settings.windows,
        max_windows=settings.max_windows,
    )
    held_out = held_out_files(windows, settings.validation_fraction)
    planned = tuple(_planned(window, settings, encoders, held_out=window.media_hash in held_out) for window in windows)
    texts = [*prompts, *(clip.cached.caption for clip in planned)]
    return DataPlan(
        settings=settings,
        encoders=encoders,
        clips=planned,
        captions={encoders.text_key(text): text for text in texts},
        findings=(*manifest.findings, *dropped, *unfit, *_unused(settings, clips)),
    )


def survey(plan: DataPlan, cache: LatentCache, *, after_encoding: bool = False) -> tuple[list[PlannedClip], DataReport]:
    """Compares a plan with the cache.

    Args:
        plan: What the recipe wants.
        cache: What there is.
        after_encoding: Whether an entry that is missing now could not be made, so that its clip is dropped.

    Returns:
        The clips to train on and to validate with, and the report.
    """
    missing = plan.missing(cache)
    usable, findings = list(plan.clips), list(plan.findings)
    if after_encoding:
        usable = [clip for clip in plan.clips if missing.isdisjoint(clip.keys)]
        failed = [clip for clip in plan.clips if not missing.isdisjoint(clip.keys)]
        findings += [_failed_clip(clip, cache, missing) for clip in failed]
    state = _cache_state(plan, usable, cache, missing)
    rows = [_row(clip, missing) for clip in usable]
    rows += [
        ReportRow(name=finding.name, status="dropped", reason=finding.reason)
        for finding in findings
        if finding.action == "dropped"
    ]
    report = DataReport(
        dataset=str(plan.settings.path),
        rows=tuple(rows),
        findings=tuple(findings),
        with_audio=plan.settings.with_audio,
        cache=state,
        problems=tuple(_problems(plan, usable, findings, state)),
    )
    return usable, report


def _inspect(clips: Sequence[Clip], index: MediaIndex) -> tuple[list[Clip], list[MediaInfo], list[Finding]]:
    """The readable clips without copies, what they are, and why others were left out."""
    findings = []
    readable: list[tuple[Clip, MediaInfo]] = []
    hashes = []
    for clip in clips:
        try:
            digest = index.hash(clip.media) + (index.hash(clip.audio) if clip.audio else "")
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


def _unused(settings: PlanSettings, clips: Sequence[Clip]) -> Iterator[Finding]:
    if settings.validation_fraction and any(clip.split == "validation" for clip in clips):
        reason = "`data.validation_fraction` is not used, because some clips are marked `split: validation`"
        yield Finding(name=settings.path.name, action="noted", reason=reason, fix="")


def _planned(window: ClipWindow, settings: PlanSettings, encoders: Encoders, *, held_out: bool) -> PlannedClip:
    caption = final_caption(window.clip.caption, settings.trigger)
    cached = CachedClip(
        name=window.name,
        bucket=window.bucket,
        caption=caption,
        latent_key=encoders.video_key(window),
        audio_key=encoders.audio_key(window),
        text_key=encoders.text_key(caption),
        fps=encoders.fps,
    )
    return PlannedClip(window=window, cached=cached, split="validation" if held_out else "train")


def _failed_clip(clip: PlannedClip, cache: LatentCache, missing: AbstractSet[str]) -> Finding:
    reasons = [cache.failure(key) for key in clip.keys if key in missing]
    reason = next(
        filter(None, reasons), "it was not encoded: its process was killed, or the ranks do not share this disk"
    )
    return Finding(name=clip.window.name, action="dropped", reason=reason, fix="replace or remove it")


def _row(clip: PlannedClip, missing: AbstractSet[str]) -> ReportRow:
    return ReportRow(
        name=clip.window.name,
        clip=clip.window.clip.label,
        status=clip.split,
        bucket=clip.window.bucket,
        has_audio=clip.cached.has_audio,
        is_cached=missing.isdisjoint(clip.keys),
    )


def _cache_state(
    plan: DataPlan, usable: Sequence[PlannedClip], cache: LatentCache, missing: AbstractSet[str]
) -> CacheState:
    encoders, sizes = plan.encoders, dict.fromkeys(plan.captions, plan.encoders.text_bytes)
    for clip in usable:
        sizes[clip.cached.latent_key] = encoders.video_bytes(clip.window.bucket)
        if clip.cached.audio_key is not None:
            sizes[clip.cached.audio_key] = encoders.audio_bytes(clip.window.bucket.frames)
    missing = missing & sizes.keys()
    missing_captions = len(missing & plan.captions.keys())
    waiting = min(missing_captions * encoders.hidden_bytes, WAITING_BYTES)
    existing = next(path for path in (cache.root.absolute(), *cache.root.absolute().parents) if path.exists())
    return CacheState(
        directory=str(cache.root),
        cached=len(sizes) - len(missing),
        missing=len(missing),
        missing_captions=missing_captions,
        needed_bytes=sum(sizes[key] for key in missing) + waiting,
        free_bytes=shutil.disk_usage(existing).free,
    )


def _problems(
    plan: DataPlan, usable: Sequence[PlannedClip], findings: Sequence[Finding], state: CacheState
) -> Iterator[str]:
    training = [clip for clip in usable if clip.split == "train"]
    if not usable:
        yield str(nothing_left(plan.settings.path, findings))
    elif not training:
        yield (
            f"All {len(usable)} clips of {plan.settings.path} are held out (`split: validation`), so none is left to "
            "train on: mark fewer of them."
        )
    elif plan.settings.with_audio and not any(clip.cached.has_audio for clip in training):
        yield (
            f"`model.streams` trains sound, but none of the {len(training)} clips to train on in {plan.settings.path} "
            "has any: add clips with sound (or a .wav beside each), or use `model.streams: video`."
        )
    if state.needed_bytes > state.free_bytes:
        yield (
            f"The cache needs {state.needed_bytes / 1e9:.2f} GB more, but the disk of {state.directory} has "
            f"{state.free_bytes / 1e9:.2f} GB free: make room, set `data.cache_dir` to a larger disk, or delete what "
            "no recipe uses with `preprocess --prune`."
        )
