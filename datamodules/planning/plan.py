"""From a dataset to a list of items, captions and cache entries: everything that is known before anything is encoded.

scan -> drop copies -> probe -> windows in buckets -> references and masks -> captions with trigger -> entries.
`datamodules.planning.survey` then compares the plan with the cache, and makes the report.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from datamodules.batch import CachedClip, CachedText
from datamodules.cache import LatentCache
from datamodules.encoding.encoders import Encoders
from datamodules.encoding.entries import MediaEntry
from datamodules.manifest.class_caption import class_caption
from datamodules.manifest.clip import Finding, final_caption
from datamodules.manifest.mirroring import MIRRORED, kept_unmirrored, side_named
from datamodules.manifest.sets import prefixes
from datamodules.media.index import MediaIndex
from datamodules.needs import Needs
from datamodules.planning import regularisation
from datamodules.planning.entry_plan import EntryPlan
from datamodules.planning.given_plan import GivenPlan, PairingCount
from datamodules.planning.hold_out import held_out_files
from datamodules.planning.names import named_apart
from datamodules.planning.sample_plan import SamplePlan
from datamodules.planning.settings import PlanSettings
from datamodules.planning.window_scan import WindowScan
from datamodules.windows.clip_windows import ClipWindow

PlannedSplit = Literal["train", "validation", "regularisation"]


@dataclass(frozen=True, kw_only=True)
class PlannedClip:
    """A window, with one of its references where there are some, and the cache entries that it needs."""

    window: ClipWindow
    cached: CachedClip
    split: PlannedSplit

    @property
    def keys(self) -> tuple[str, ...]:
        """Its entries in the cache."""
        cached = self.cached
        texts = (key for text in cached.texts for key in (text.text_key, text.class_text_key))
        keys = (cached.latent_key, cached.audio_key, *texts)
        return (*(key for key in keys if key is not None), *cached.given.keys)


@dataclass(frozen=True, kw_only=True)
class DataPlan:
    """What a recipe wants to train on."""

    settings: PlanSettings
    encoders: Encoders
    clips: tuple[PlannedClip, ...]
    captions: Mapping[str, str]
    """Final captions and prompts by the key of their contexts."""
    entries: Mapping[str, MediaEntry]
    """What is made from media, by key."""
    findings: tuple[Finding, ...]
    needs: Needs = field(default_factory=Needs)
    """What the recipe's conditions take."""
    samples: SamplePlan = field(default_factory=SamplePlan)
    """The media that samples are given."""
    counts: tuple[PairingCount, ...] = ()
    """How many clips have the references and masks that the recipe takes."""
    problems: tuple[str, ...] = ()
    """What is wrong with references and masks."""

    @property
    def media(self) -> Mapping[str, MediaEntry]:
        """The entries of the dataset and of the samples."""
        return {**self.entries, **self.samples.entries}

    def keys(self) -> list[str]:
        """All entries the recipe uses, in an order that every process shares."""
        return sorted({*self.media, *self.captions})

    def missing(self, cache: LatentCache) -> set[str]:
        """The entries that the cache lacks."""
        return {key for key in self.keys() if not cache.has(key)}

    def record_use(self, cache: LatentCache, recipe: str) -> None:
        """One record for each recipe, model, text encoder and datasets; the audio VAE comes with the model."""
        folder, encoders = cache.root.resolve().parent, self.encoders
        paths = (source.set.path.resolve() for source in self.settings.sources)
        # A dataset that is moved with its cache stays the same.
        datasets = (path.relative_to(folder) if path.is_relative_to(folder) else path for path in paths)
        models = (encoders.video_vae, encoders.connectors, encoders.gemma)
        cache.record_use(recipe, self.keys(), (*models, *map(str, datasets)))


def plan_dataset(
    settings: PlanSettings,
    encoders: Encoders,
    index: MediaIndex,
    prompts: Iterable[str],
    needs: Needs | None = None,
) -> DataPlan:
    """Reads names, captions and media headers; encodes nothing.

    Args:
        settings: What the recipe says.
        encoders: Components that the cache entries depend on.
        index: Remembers hashes and probed properties; saved at the end.
        prompts: Texts to encode beside the captions.
        needs: What the recipe's conditions take.

    Raises:
        FileNotFoundError: If the dataset does not exist.
        ValueError: If it contradicts itself, or a bucket is nothing for the recipe.
        OSError: If the cache's directory cannot be written.
    """
    needs = needs or Needs()
    settings.check_buckets(needs)
    scan = WindowScan(settings=settings, fps=encoders.fps, index=index, needs=needs)
    scanned = [scan.windows(source.set.path, source.key, source.prefix) for source in settings.sources]
    sets = [windows for windows, _ in scanned]
    findings = [finding for _, found in scanned for finding in found]
    findings += [*_in_several_sets(sets), *_unused(settings, needs, sets)]
    held_out = held_out_files(sets, settings.validation_fraction)
    entries = EntryPlan(encoders=encoders, index=index, pairing=settings.pairing)
    given = GivenPlan(needs, entries)
    captions = {encoders.text_key(text): text for text in prompts}
    planned: list[PlannedClip] = []
    for number, windows in enumerate(sets):
        items = _Items(settings=settings, given=given, captions=captions, set_number=number)
        for window in windows:
            planned += items.of_window(window, "validation" if window.media_hash in held_out else "train")
        findings += items.unmirrored.values()
    ordinary, found = _ordinary(scan, {window.media_hash for windows in sets for window in windows})
    plain = GivenPlan(regularisation.needs_of_ordinary(needs), entries)
    items = _Items(settings=settings, given=plain, captions=captions)
    planned += [clip for window in ordinary for clip in items.of_window(window, "regularisation")]
    findings += found
    for bucket in sorted({clip.window.bucket for clip in planned}):
        needs.check(bucket, encoders.fps)
    index.save()
    named = named_apart(clip.cached for clip in planned)
    return DataPlan(
        settings=settings,
        encoders=encoders,
        clips=tuple(dataclasses.replace(clip, cached=own) for clip, own in zip(planned, named, strict=True)),
        captions=captions,
        entries=entries.entries,
        findings=tuple(findings),
        needs=needs,
        counts=given.counts,
        problems=tuple(given.problems),
    )


def _ordinary(scan: WindowScan, concept: set[str]) -> tuple[list[ClipWindow], list[Finding]]:
    """The windows of the regularisation sets, and what was found on the way to them."""
    settings, paths = scan.settings, scan.settings.regularisation or ()
    windows, findings = list[ClipWindow](), list[Finding]()
    for path, key, prefix in zip(paths, regularisation.keys(paths), prefixes(paths) if paths else (), strict=True):
        ordinary, found = scan.windows(path, key, prefix)
        ordinary, excluded = regularisation.without_concept(ordinary, concept, settings.dataset_key)
        ordinary, unfit = regularisation.that_conditions_take(ordinary, scan.needs, scan.fps)
        findings += [*regularisation.of_this_set(found), *excluded, *unfit]
        windows += ordinary
    return windows, [*findings, *regularisation.doubts(windows, map(settings.trigger_of, settings.sources))]


def _in_several_sets(sets: Sequence[Sequence[ClipWindow]]) -> Iterator[Finding]:
    first: dict[str, tuple[int, str]] = {}
    named = {
        (number, window.clip.label): window.media_hash for number, windows in enumerate(sets) for window in windows
    }
    for (number, label), media_hash in named.items():
        other, original = first.setdefault(media_hash, (number, label))
        if other != number:
            reason = f"has the same bytes as {original}, so it is seen as a clip of both sets"
            yield Finding(name=label, action="warned", reason=reason, fix="if that is not meant, remove it from one")


def _unused(settings: PlanSettings, needs: Needs, sets: Sequence[Sequence[ClipWindow]]) -> Iterator[Finding]:
    name = settings.dataset_key if len(sets) > 1 else settings.sources[0].set.path.name
    clips = {window.clip.label: window.clip for windows in sets for window in windows}.values()
    if settings.validation_fraction and any(clip.split == "validation" for clip in clips):
        reason = "`data.validation_fraction` is not used, because some clips are marked `split: validation`"
        yield Finding(name=name, action="noted", reason=reason, fix="")
    referenced = sum(bool(clip.references or clip.reference_audio) for clip in clips)
    masked = sum(clip.video_mask is not None or clip.audio_mask is not None for clip in clips)
    for what, count, is_taken in (
        ("references", referenced, needs.video_reference or needs.audio_reference),
        ("masks", masked, needs.video_mask or needs.audio_mask),
    ):
        if count and not is_taken:
            reason = f"{count} clips have {what}, which no condition of this recipe takes"
            yield Finding(name=name, action="noted", reason=reason, fix="")


@dataclass(frozen=True, kw_only=True)
class _Items:
    """Makes the items of a set's windows."""

    settings: PlanSettings
    given: GivenPlan
    captions: dict[str, str]
    """Where the texts to encode are collected, by key."""
    set_number: int = 0
    unmirrored: dict[str, Finding] = field(default_factory=dict)
    """The clips that are not mirrored although their set is, by name."""
    twins: Iterator[int] = field(default_factory=itertools.count)
    """Numbers for the pairs of an item and the same mirrored."""

    def of_window(self, window: ClipWindow, split: PlannedSplit) -> list[PlannedClip]:
        """One for each reference of the window, or one; and the same mirrored, if it trains in a set that is."""
        planned = list(self._planned(window, split))
        if not planned or split != "train" or not self.settings.sources[self.set_number].set.flip:
            return planned
        keys = (key for text in planned[0].cached.texts for key in (text.text_key, text.class_text_key))
        side = side_named(self.captions[key] for key in keys if key is not None)
        if side is None:
            numbers = [next(self.twins) for _ in planned]
            mirrored = self._planned(dataclasses.replace(window, mirrored=True), split)
            return [
                dataclasses.replace(clip, cached=dataclasses.replace(clip.cached, twin=number))
                for clips in (planned, mirrored)
                for number, clip in zip(numbers, clips, strict=True)
            ]
        self.unmirrored[window.clip.label] = kept_unmirrored(window.clip.label, side)
        return planned

    def _planned(self, window: ClipWindow, split: PlannedSplit) -> Iterator[PlannedClip]:
        items = self.given.items(window)
        if not items:
            return
        entries = self.given.entries
        video_key, audio_key = entries.window(window)
        first, *others = self._texts(window, split)
        is_ordinary = split == "regularisation"
        cached = CachedClip(
            name=window.name,
            bucket=window.bucket,
            caption=first.caption,
            latent_key=video_key,
            audio_key=audio_key,
            text_key=first.text_key,
            fps=entries.encoders.fps,
            class_text_key=first.class_text_key,
            is_regularisation=is_ordinary,
            other_texts=tuple(others),
            set_number=self.set_number,
            caption_dropout=None if is_ordinary else self.settings.sources[self.set_number].set.caption_dropout,
        )
        for signal, keys in items:
            name = f"{window.original} [{signal}]" if signal else window.original
            one = dataclasses.replace(
                cached, name=name + (MIRRORED if window.mirrored else ""), signal=signal, given=keys
            )
            yield PlannedClip(window=window, cached=one, split=split)

    def _texts(self, window: ClipWindow, split: PlannedSplit) -> Iterator[CachedText]:
        """The final captions of a clip; one that is held out is judged by its first."""
        settings = self.settings
        trigger = settings.trigger_of(settings.sources[self.set_number])
        for written in window.clip.captions[: 1 if split == "validation" else None]:
            caption = final_caption(written, "" if split == "regularisation" else trigger)
            of_class = None
            if settings.class_word is not None and split != "validation":
                of_class = class_caption(caption, trigger, settings.class_word)
            yield CachedText(
                caption=caption,
                text_key=self._key(caption),
                class_text_key=None if of_class is None else self._key(of_class),
            )

    def _key(self, text: str) -> str:
        key = self.given.entries.encoders.text_key(text)
        self.captions[key] = text
        return key
