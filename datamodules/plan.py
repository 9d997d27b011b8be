"""From a dataset to a list of windows, captions and cache entries: everything that is known before anything is encoded.

scan -> drop copies -> probe -> windows in buckets -> captions with trigger -> keys. `datamodules.survey` then compares
the plan with the cache, and makes the report.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datamodules import regularisation
from datamodules.batch import CachedClip
from datamodules.cache import LatentCache
from datamodules.class_caption import class_caption, has_word
from datamodules.clip import Clip, Finding, Manifest, MediaError, final_caption
from datamodules.encoders import Encoders
from datamodules.geometry import Bucket
from datamodules.hold_out import held_out_files
from datamodules.manifest import keep_once, scan_dataset
from datamodules.media_index import MediaIndex
from datamodules.probe import MediaInfo, clip_info
from datamodules.windows import ClipWindow, WindowRule, plan_windows

PlannedSplit = Literal["train", "validation", "regularisation"]


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
    class_word: str | None = None
    """Stands in place of the trigger in class captions; None makes none."""
    regularisation: Path | None = None
    """A second dataset, of ordinary clips without the trigger."""
    regularisation_every_n_batches: int = 5
    """Which batches are of that dataset: every n-th."""

    def __post_init__(self) -> None:
        """Check what the class word is to replace, and that something is left beside the second dataset."""
        if self.class_word is not None and not self.trigger.strip():
            raise ValueError(
                "`model.preservation` keeps the base under captions without the trigger, but `data.trigger` is empty,"
                " so the same captions would be taught and held back: set a trigger, or"
                " `model.preservation.init_args.class_probability: 0` (`blank_probability` needs no trigger)."
            )
        if self.class_word is not None and has_word(self.class_word, self.trigger):
            raise ValueError(
                f"`model.preservation.init_args.class_word` is {self.class_word!r}, which holds the trigger"
                f" {self.trigger!r}, so class captions would still ask for the concept: use the kind of thing it is,"
                " such as person, or an empty one, which removes the trigger."
            )
        if self.regularisation is not None and self.regularisation_every_n_batches < 2:
            raise ValueError(
                f"`data.regularisation_every_n_batches` is {self.regularisation_every_n_batches}, but then no batch"
                " would be left for `data.path`: use 2 or more; 5 gives a fifth to the regularisation set."
            )


@dataclass(frozen=True, kw_only=True)
class PlannedClip:
    """A window and the cache entries that it needs."""

    window: ClipWindow
    cached: CachedClip
    split: PlannedSplit
    class_caption: str | None = None
    """Caption without the trigger; None where nothing is to be preserved."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Its entries in the cache."""
        cached = self.cached
        keys = (cached.latent_key, cached.text_key, cached.audio_key, cached.class_text_key)
        return tuple(key for key in keys if key is not None)


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

    def record_use(self, cache: LatentCache, recipe: str) -> None:
        """One record for each recipe, model, text encoder and dataset; the audio VAE comes with the model."""
        dataset, folder = self.settings.path.resolve(), cache.root.resolve().parent
        if dataset.is_relative_to(folder):
            dataset = dataset.relative_to(folder)  # a dataset that is moved with its cache stays the same
        encoders = self.encoders
        cache.record_use(recipe, self.keys(), (encoders.video_vae, encoders.connectors, encoders.gemma, str(dataset)))


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
    windows, findings = _windows(scan_dataset(settings.path), settings, encoders, index)
    findings += _unused(settings, windows)
    held_out = held_out_files(windows, settings.validation_fraction)
    planned = [
        _planned(window, settings, encoders, "validation" if window.media_hash in held_out else "train")
        for window in windows
    ]
    if settings.regularisation is not None:
        manifest = scan_dataset(settings.regularisation, regularisation.KEY)
        ordinary, found = _windows(manifest, settings, encoders, index)
        ordinary, excluded = regularisation.without_concept(ordinary, {window.media_hash for window in windows})
        planned += [_planned(window, settings, encoders, "regularisation") for window in ordinary]
        findings += [*regularisation.of_this_set(found), *excluded, *regularisation.doubts(ordinary, settings.trigger)]
    texts = [*prompts, *(clip.cached.caption for clip in planned)]
    texts += [clip.class_caption for clip in planned if clip.class_caption is not None]
    return DataPlan(
        settings=settings,
        encoders=encoders,
        clips=tuple(planned),
        captions={encoders.text_key(text): text for text in texts},
        findings=tuple(findings),
    )


def _windows(
    manifest: Manifest, settings: PlanSettings, encoders: Encoders, index: MediaIndex
) -> tuple[list[ClipWindow], list[Finding]]:
    """The windows of a dataset, and what was found on the way to them."""
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
    return list(windows), [*manifest.findings, *dropped, *unfit]


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


def _unused(settings: PlanSettings, windows: Sequence[ClipWindow]) -> Iterator[Finding]:
    if settings.validation_fraction and any(window.clip.split == "validation" for window in windows):
        reason = "`data.validation_fraction` is not used, because some clips are marked `split: validation`"
        yield Finding(name=settings.path.name, action="noted", reason=reason, fix="")


def _planned(window: ClipWindow, settings: PlanSettings, encoders: Encoders, split: PlannedSplit) -> PlannedClip:
    is_ordinary = split == "regularisation"
    caption = final_caption(window.clip.caption, "" if is_ordinary else settings.trigger)
    of_class = None
    if settings.class_word is not None and split != "validation":
        of_class = class_caption(caption, settings.trigger, settings.class_word)
    cached = CachedClip(
        name=window.name,
        bucket=window.bucket,
        caption=caption,
        latent_key=encoders.video_key(window),
        audio_key=encoders.audio_key(window),
        text_key=encoders.text_key(caption),
        fps=encoders.fps,
        class_text_key=None if of_class is None else encoders.text_key(of_class),
        is_regularisation=is_ordinary,
    )
    return PlannedClip(window=window, cached=cached, split=split, class_caption=of_class)
