"""A plan compared with the cache: which clips can be used, what is to be encoded, and what forbids training."""

import shutil
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from datamodules import regularisation
from datamodules.cache import LatentCache
from datamodules.clip import Finding
from datamodules.data_report import CacheState, DataReport, RegularisationState, ReportRow
from datamodules.encode_text import WAITING_BYTES
from datamodules.manifest import nothing_left
from datamodules.plan import DataPlan, PlannedClip, PlanSettings


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
        regularisation=_regularisation(plan.settings),
        problems=tuple(_problems(plan, usable, findings, state)),
    )
    return usable, report


def _failed_clip(clip: PlannedClip, cache: LatentCache, missing: AbstractSet[str]) -> Finding:
    reasons = [cache.failure(key) for key in clip.keys if key in missing]
    reason = next(
        filter(None, reasons), "it was not encoded: its process was killed, or the ranks do not share this disk"
    )
    return Finding(name=clip.window.name, action="dropped", reason=reason, fix="replace or remove it")


def _regularisation(settings: PlanSettings) -> RegularisationState | None:
    if settings.regularisation is None:
        return None
    return RegularisationState(
        dataset=str(settings.regularisation), every_n_batches=settings.regularisation_every_n_batches
    )


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
    held_out = [clip for clip in usable if clip.split == "validation"]
    ordinary = plan.settings.regularisation
    if ordinary is not None and len(training) + len(held_out) == len(usable):
        yield str(nothing_left(ordinary, findings, regularisation.KEY))
    if not training and not held_out:
        yield str(nothing_left(plan.settings.path, findings))
    elif not training:
        yield (
            f"All {len(held_out)} clips of {plan.settings.path} are held out (`split: validation`), so none is left to "
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
