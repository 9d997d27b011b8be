"""A plan compared with the cache: which clips can be used, what is to be encoded, and what forbids training."""

import shutil
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from datamodules.cache import LatentCache
from datamodules.encoding.text_encoder import WAITING_BYTES
from datamodules.loading.visits import clips_of_sets
from datamodules.manifest.clip import Finding
from datamodules.manifest.scan import nothing_left
from datamodules.manifest.sets import resolved_repeats
from datamodules.planning import regularisation
from datamodules.planning.data_report import CacheState, DataReport, RegularisationState, ReportRow, SetState
from datamodules.planning.plan import DataPlan, PlannedClip
from datamodules.planning.settings import PlanSettings


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
        dataset=plan.settings.dataset,
        rows=tuple(rows),
        findings=tuple(findings),
        with_audio=plan.settings.with_audio,
        cache=state,
        sets=_sets(plan.settings, usable),
        regularisation=_regularisation(plan.settings),
        given=_given(plan),
        problems=(
            *plan.problems,
            *_problems(plan, usable, findings, state),
            *_failed_samples(plan, cache, after_encoding),
        ),
    )
    return usable, report


def _failed_clip(clip: PlannedClip, cache: LatentCache, missing: AbstractSet[str]) -> Finding:
    reasons = [cache.failure(key) for key in clip.keys if key in missing]
    reason = next(
        filter(None, reasons), "it was not encoded: its process was killed, or the ranks do not share this disk"
    )
    return Finding(name=clip.cached.name, action="dropped", reason=reason, fix="replace or remove it")


def _failed_samples(plan: DataPlan, cache: LatentCache, after_encoding: bool) -> Iterator[str]:
    for entry in plan.samples.entries.values() if after_encoding else ():
        if not cache.has(entry.key):
            reason = cache.failure(entry.key) or "its process was killed, or the ranks do not share this disk"
            yield f"{entry.name}, of `sample.prompts`, was not encoded: {reason}: replace the file."


def _given(plan: DataPlan) -> tuple[str, ...]:
    """What conditions take beside the clips, and of how many there is."""
    stills = [
        f"{still.frame}" + (f" (CRF {still.recompress})" if still.recompress is not None else "")
        for still in dict.fromkeys(plan.needs.keyframes)
    ]
    lines = [str(count) for count in plan.counts] + ([f"stills of frames {', '.join(stills)}"] if stills else [])
    return (*lines, *([f"media of {len(plan.samples.keys)} samples"] if plan.samples.keys else []))


def _sets(settings: PlanSettings, usable: Sequence[PlannedClip]) -> tuple[SetState, ...]:
    """What becomes of each of `data.sets`; nothing while one of them is empty, which is a problem of its own."""
    trained = [clip for clip in usable if clip.split == "train"]
    counts = clips_of_sets((clip.cached for clip in trained), len(settings.sources))
    if not settings.sources[0].is_named or not all(counts):
        return ()
    repeats = resolved_repeats([source.set for source in settings.sources], counts)
    items = sum(count * each for count, each in zip(counts, repeats, strict=True))
    return tuple(
        SetState(
            key=source.key,
            dataset=str(source.set.path),
            clips=len({clip.window.clip.label for clip in trained if clip.cached.set_number == number}),
            windows=len({clip.window.original for clip in trained if clip.cached.set_number == number}),
            items=counts[number],
            mirrored=sum(clip.cached.set_number == number and clip.cached.is_mirrored for clip in trained),
            held_out=sum(clip.cached.set_number == number and clip.split == "validation" for clip in usable),
            repeats=repeats[number],
            share=counts[number] * repeats[number] / items,
            caption_dropout=source.set.caption_dropout,
        )
        for number, source in enumerate(settings.sources)
    )


def _regularisation(settings: PlanSettings) -> RegularisationState | None:
    if settings.regularisation is None:
        return None
    return RegularisationState(
        dataset=", ".join(map(str, settings.regularisation)),
        every_n_batches=settings.regularisation_every_n_batches,
    )


def _row(clip: PlannedClip, missing: AbstractSet[str]) -> ReportRow:
    return ReportRow(
        name=clip.cached.name,
        clip=clip.window.clip.label,
        window=clip.window.original,
        status=clip.split,
        bucket=clip.window.bucket,
        has_audio=clip.cached.has_audio,
        is_cached=missing.isdisjoint(clip.keys),
        captions=len(clip.cached.texts),
        is_mirrored=clip.cached.is_mirrored,
    )


def _cache_state(
    plan: DataPlan, usable: Sequence[PlannedClip], cache: LatentCache, missing: AbstractSet[str]
) -> CacheState:
    encoders, sizes = plan.encoders, dict.fromkeys(plan.captions, plan.encoders.text_bytes)
    media = plan.media
    for key in {key for clip in usable for key in clip.keys if key in media} | plan.samples.entries.keys():
        sizes[key] = media[key].num_bytes
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


def _empty_sets(settings: PlanSettings, usable: Sequence[PlannedClip], findings: Sequence[Finding]) -> Iterator[str]:
    """The sets of which nothing is left to train on."""
    for number, source in enumerate(settings.sources):
        splits = [clip.split for clip in usable if clip.cached.set_number == number and clip.split != "regularisation"]
        if not splits:
            own = [finding for finding in findings if finding.name.startswith(source.prefix)]
            yield str(nothing_left(source.set.path, own, source.key))
        elif "train" not in splits:
            yield (
                f"All {len(splits)} clips of {source.set.path} are held out (`split: validation`), so none is left to "
                "train on: mark fewer of them."
            )


def _problems(
    plan: DataPlan, usable: Sequence[PlannedClip], findings: Sequence[Finding], state: CacheState
) -> Iterator[str]:
    training = [clip for clip in usable if clip.split == "train"]
    ordinary = plan.settings.regularisation
    if ordinary is not None and not any(clip.split == "regularisation" for clip in usable):
        yield str(nothing_left(", ".join(map(str, ordinary)), findings, regularisation.KEY))
    if not plan.problems:  # which leave out the clips that they are about
        yield from _empty_sets(plan.settings, usable, findings)
    if plan.settings.with_audio and training and not any(clip.cached.has_audio for clip in training):
        yield (
            f"`model.streams` trains sound, but none of the {len(training)} clips to train on in "
            f"{plan.settings.dataset} has any: add clips with sound (or a .wav beside each), or use "
            "`model.streams: video`."
        )
    if state.needed_bytes > state.free_bytes:
        yield (
            f"The cache needs {state.needed_bytes / 1e9:.2f} GB more, but the disk of {state.directory} has "
            f"{state.free_bytes / 1e9:.2f} GB free: make room, set `data.cache_dir` to a larger disk, or delete what "
            "no recipe uses with `preprocess --prune`."
        )
