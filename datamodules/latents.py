"""The data module: a folder of clips in, batches of latents out.

`prepare_data` looks at the dataset and says what will happen; `setup` encodes what the cache lacks, each rank its share
on its own device, and afterwards every rank knows what all of them achieved. Training then reads the cache alone.
"""

import dataclasses
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path

import torch
from jsonargparse.typing import ClosedUnitInterval, NonNegativeInt, PositiveFloat, PositiveInt
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader
from typing_extensions import override

from datamodules.batch import LatentBatch, LatentItem, collate
from datamodules.cache import LatentCache, PruneReport
from datamodules.encoding.encoders import Encoders
from datamodules.encoding.share import Place, encode_media
from datamodules.encoding.text_encoder import TextSettings
from datamodules.geometry import Bucket
from datamodules.given import Given
from datamodules.loading.latent_dataset import LatentDataset
from datamodules.loading.loaders import Loading
from datamodules.loading.sampler import LatentDataLoader, ValidationDataLoader
from datamodules.manifest.clip import final_caption
from datamodules.manifest.sets import ClipSet, sources
from datamodules.media.index import MediaIndex
from datamodules.needs import Needs
from datamodules.planning.data_report import DataReport
from datamodules.planning.plan import DataPlan, PlannedClip, PlannedSplit, plan_dataset
from datamodules.planning.regularisation import regularisation_paths
from datamodules.planning.sample_inputs import SampleInputs
from datamodules.planning.sample_plan import SampleWithMedia
from datamodules.planning.settings import PlanSettings
from datamodules.planning.survey import survey
from datamodules.sample_media import SampleMedia
from datamodules.windows.clip_windows import WindowRule
from datamodules.windows.pairing import MaskWhite, PairingSettings
from ltx_module.checkpoint import Checkpoint
from ltx_module.checkpoint.gemma_precision import Precision

logger = logging.getLogger(__name__)

EMPTY_CAPTION = ""
"""What caption dropout trains on; always in the cache."""


class LatentDataModule(LightningDataModule):
    """Clips of a dataset as batches of cached latents.

    Args:
        path: Folder of videos and stills with .txt captions beside them, or a .csv, .json or .jsonl manifest.
        sets: Several of these in place of `path`, each with its own repeats or share, trigger and caption dropout.
        buckets: Training shapes WIDTHxHEIGHTxFRAMES, such as 960x544x49, 960x544x1 for stills, 4s for sound alone.
        trigger: Word put in front of each caption that lacks it, but in sets that have one of their own.
        signals: Kinds of references to train on, such as canny and depth; null is all there are.
        reference_downscale_factor: How much smaller each side of a reference is than its clip's.
        reference_temporal_factor: Which frames of a reference are taken: 0, 1, and every n-th from there.
        mask_white: What is white in a mask, or loud in a mask of sound: what is made anew, or what is kept.
        batch_size: Clips in a batch, all of one bucket.
        fps: Frames per second that clips are resampled to.
        windows: Which part of a clip longer than its bucket is used: its head, windows spread over it, or all of it.
        max_windows: Windows of one clip at most, for `uniform`.
        validation_fraction: Share of the files held out, unless the manifest marks some with `split: validation`.
        regularisation: Datasets of ordinary clips without the trigger, trained so that they stay as they are.
        regularisation_every_n_batches: Which batches are of these datasets: every n-th; 5 takes a fifth of the steps.
        cache_dir: Directory of the latent cache; null means `.ltx-cache` in the folder of the (first) dataset.
        text_window: Tokens of a caption, a multiple of 128: 1024 for the published model.
        text_encoder_precision: How Gemma is loaded; auto chooses by free memory.
        num_workers: Processes that read the cache.
        base_model: The published .safetensors file; linked from the model.
        text_encoder: Directory of Gemma; linked from the model.
        with_audio: Whether sound is trained; linked from the model's streams.
        class_word: Stands in place of the trigger in class captions; linked from `model.preservation`.
        prompts: Texts that sampling needs, each encoded as written and with the trigger; linked from `sample`.
        seed: Decides the order of batches; linked from `seed_everything`.

    Attributes:
        parsed_buckets: The training shapes.
        recipe_name: Name under which the cache remembers what is in use.
        cache: The latent cache.
        on_encoding: Called when encoding begins, if anything is to be encoded.
        needs: What the recipe's conditions take; set before anything is planned.
        sample_media: The media that samples are given, and the sizes of these samples; set with `needs`.

    Raises:
        ValueError: If a bucket is not a legal shape, or the sets of clips contradict themselves.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        sets: list[ClipSet] | None = None,
        buckets: list[str],
        trigger: str = "",
        signals: list[str] | None = None,
        reference_downscale_factor: PositiveInt = 1,
        reference_temporal_factor: PositiveInt = 1,
        mask_white: MaskWhite = "regenerate",
        batch_size: PositiveInt = 1,
        fps: PositiveFloat = 24.0,
        windows: WindowRule = "head",
        max_windows: PositiveInt = 4,
        validation_fraction: ClosedUnitInterval = 0.0,
        regularisation: list[Path] | Path | None = None,
        regularisation_every_n_batches: PositiveInt = 5,
        cache_dir: Path | None = None,
        text_window: PositiveInt = 1024,
        text_encoder_precision: Precision = "auto",
        num_workers: NonNegativeInt = 2,
        base_model: Path,
        text_encoder: Path,
        with_audio: bool = False,
        class_word: str | None = None,
        prompts: list[str] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not buckets:
            raise ValueError("`data.buckets` is empty, but clips need a shape: give at least one, such as 960x544x49.")
        shapes = (Bucket.parse(text, f"data.buckets[{number}]") for number, text in enumerate(buckets))
        self.parsed_buckets = tuple(dict.fromkeys(shapes))
        self.settings = PlanSettings(
            sources=sources(path, sets),
            buckets=self.parsed_buckets,
            windows=windows,
            max_windows=max_windows,
            trigger=trigger,
            with_audio=with_audio,
            validation_fraction=validation_fraction,
            class_word=class_word,
            regularisation=regularisation_paths(regularisation),
            regularisation_every_n_batches=regularisation_every_n_batches,
            pairing=PairingSettings(
                signals=tuple(signals) if signals is not None else None,
                mask_white=mask_white,
                reference_downscale_factor=reference_downscale_factor,
                reference_temporal_factor=reference_temporal_factor,
            ),
        )
        self.batch_size = batch_size
        self.fps = fps
        self.text_window = text_window
        self.text_encoder_precision: Precision = text_encoder_precision
        self.num_workers = num_workers
        self.base_model = Path(base_model)
        self.text_encoder = Path(text_encoder)
        self.prompts = tuple(prompts or ())
        self.seed = seed
        self.needs = Needs()
        self.sample_media: tuple[SampleWithMedia, ...] = ()
        self.recipe_name = "recipe"
        self.on_encoding: Callable[[], object] = tuple
        first = self.settings.sources[0].set.path
        folder = first if first.is_dir() else first.parent
        self.cache = LatentCache(Path(cache_dir).expanduser() if cache_dir is not None else folder / ".ltx-cache")
        self._plan: DataPlan | None = None
        self._clips: list[PlannedClip] = []
        self._report: DataReport | None = None

    @property
    def sets(self) -> tuple[ClipSet, ...]:
        """The sets of clips, of which a lone `data.path` is one."""
        return tuple(source.set for source in self.settings.sources)

    @property
    def report(self) -> DataReport:
        """What becomes of the dataset, as of the last look at it."""
        return self._report if self._report is not None else self.plan()

    @property
    def used_buckets(self) -> list[Bucket]:
        """Buckets that clips are trained in, as of the last look at them; those of the recipe before it."""
        seen = [] if self._report is None else self._report.used_buckets
        return seen or list(self.parsed_buckets)

    @property
    def trained_buckets(self) -> list[Bucket]:
        """The bucket of each window to train on, as of the last look at them; those of the recipe before it."""
        rows = () if self._report is None else self._report.rows
        seen = [row.bucket for row in rows if row.status == "train" and row.bucket is not None]
        return seen or list(self.parsed_buckets)

    @property
    def validation_is_training(self) -> bool:
        """True when no clip is held out, so that validation uses the training clips."""
        return not self.clips_of("validation")

    def plan(self) -> DataReport:
        """What would happen with the dataset and the cache, and what forbids it; encodes nothing.

        Raises:
            FileNotFoundError: If the dataset, the base model or the text encoder is missing.
            ValueError: If one of them is not what it should be.
        """
        index = MediaIndex(self.cache.root / "media.json")
        samples = self._inputs.plan(self.sample_media, self.needs, self.settings.pairing)
        plan = plan_dataset(self.settings, self._encoders, index, self._texts(), self.needs)
        self._plan = dataclasses.replace(plan, samples=samples, findings=(*plan.findings, *samples.findings))
        self._clips, self._report = survey(self._plan, self.cache)
        return self._report

    @override
    def prepare_data(self) -> None:
        """Plans on one rank, reports, and stops if nothing can be trained."""
        report = self.plan()
        for line in report.table().splitlines():
            logger.info(line)
        report.raise_if_unusable()

    @override
    def setup(self, stage: str = "fit") -> None:
        """Encodes this rank's share of what is missing, and waits for the others; all stages need the same.

        Raises:
            ValueError: If nothing can be trained.
        """
        plan = self._plan
        if plan is None:
            self.plan().raise_if_unusable()
            plan = self._plan
        assert plan is not None
        if self._place.is_first:
            plan.record_use(self.cache, self.recipe_name)
        if plan.missing(self.cache):
            self.on_encoding()
        encode_media(plan.media.values(), self.cache, self._checkpoint, self._place)
        self._encode_captions(plan.captions)
        self._clips, self._report = survey(plan, self.cache, after_encoding=True)
        self._report.raise_if_unusable()
        if self.validation_is_training and stage == "validate" and self._place.is_first:
            logger.info("no clip is held out: validation uses the training clips")

    def encode_prompts(self) -> None:
        """Encodes the prompts, the empty caption and the samples' media, without a look at the dataset; for sampling.

        Raises:
            FileNotFoundError: If a sample's file is missing.
            ValueError: If it is nothing for the sample.
        """
        self._inputs.plan(self.sample_media, self.needs, self.settings.pairing)
        self._inputs.encode_media(self._place)
        self.encode_texts(self._texts())

    def given(self, media: SampleMedia, bucket: Bucket) -> Given:
        """What is given of a sample, as a batch of one, from the cache.

        Raises:
            ValueError: If the sample is none of `sample_media`, or its media were not encoded.
        """
        return self._inputs.given(media, bucket)

    def encode_texts(self, texts: Iterable[str]) -> None:
        """Encodes texts as they are, for `context`; every rank must call, and each encodes its share."""
        self._encode_captions({self._encoders.text_key(text): text for text in texts})

    def clips_of(self, split: PlannedSplit) -> list[PlannedClip]:
        """The encoded clips of a split, once `setup` has run, each as it is and not mirrored too."""
        return [clip for clip in self._clips if clip.split == split and not clip.window.mirrored]

    def batch_of(self, bucket: Bucket) -> LatentBatch | None:
        """A training batch of a bucket, outside of the stream, with sound where a clip has it; None without clips."""
        clips = [clip.cached for clip in self._clips if clip.split != "validation" and clip.cached.bucket == bucket]
        if not clips:
            return None
        first = LatentDataset(self.cache, [max(clips, key=lambda clip: clip.has_audio)])[0]
        return collate([first] * self.batch_size)

    @override
    def train_dataloader(self) -> LatentDataLoader:
        """An endless stream of this rank's batches; its state is the position in the stream."""
        clips = [clip.cached for clip in self._clips if clip.split != "validation"]
        return self._loading.training(LatentDataset(self.cache, clips))

    @override
    def val_dataloader(self) -> ValidationDataLoader:
        """This rank's share of the held-out clips, or of the training clips where none is held out."""
        clips = self.clips_of("train" if self.validation_is_training else "validation")
        return self._loading.validation(LatentDataset(self.cache, [clip.cached for clip in clips]))

    @override
    def predict_dataloader(self) -> list[DataLoader[LatentItem]]:
        """Nothing: `preprocess` wants the set-up alone."""
        return []

    def context(self, prompt: str) -> tuple[Tensor, Tensor]:
        """Text contexts of a prompt, `(S, Dv)` for video and `(S, Da)` for audio, bf16, from the cache.

        Raises:
            ValueError: If the prompt was not encoded.
        """
        return self._inputs.context(prompt)

    @cached_property
    def empty_context(self) -> tuple[Tensor, Tensor]:
        """Text contexts of the empty caption."""
        return self.context(EMPTY_CAPTION)

    def decode(self, directory: Path) -> Path:
        """Decodes all cached clips back to mp4 and png files in `directory`, for a look at what is trained on."""
        from datamodules.encoding.render import render_clips

        clips = [clip.cached for clip in self._clips]
        render_clips(clips, self.cache, self._checkpoint, directory, device=self._place.device)
        return directory

    def prune(self) -> PruneReport:
        """Deletes the cache entries that no recorded recipe uses; see `LatentCache.record_use` for what is recorded."""
        if self._plan is None:
            self.plan()
        assert self._plan is not None
        self._plan.record_use(self.cache, self.recipe_name)
        return self.cache.prune()

    def _encode_captions(self, captions: Mapping[str, str]) -> None:
        """Encodes this rank's share of the captions, and waits until every rank is done with all its work."""
        self._inputs.encode_captions(captions, self._place)
        if self.trainer is not None:
            self.trainer.strategy.barrier("encoded")

    def _texts(self) -> list[str]:
        return [EMPTY_CAPTION, *self.prompts, *(final_caption(text, self.settings.trigger) for text in self.prompts)]

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(self.base_model)

    @cached_property
    def _encoders(self) -> Encoders:
        return Encoders.of(
            self._checkpoint,
            self.text_encoder,
            with_audio=self.settings.with_audio or self.needs.streams == "audio",
            text_window=self.text_window,
            fps=self.fps,
        )

    @cached_property
    def _inputs(self) -> SampleInputs:
        texts = TextSettings(
            text_encoder=self.text_encoder,
            gemma=self._encoders.gemma,
            text_window=self.text_window,
            precision=self.text_encoder_precision,
        )
        return SampleInputs(self.cache, self._checkpoint, self._encoders, texts)

    @property
    def _loading(self) -> Loading:
        every_n = None if self.settings.regularisation is None else self.settings.regularisation_every_n_batches
        return Loading(
            batch_size=self.batch_size,
            num_workers=self.num_workers,
            place=self._place,
            seed=self.seed,
            regularisation_every_n_batches=every_n,
            sets=self.sets,
        )

    @property
    def _place(self) -> Place:
        trainer = self.trainer
        if trainer is None:
            return Place(device=torch.device("cpu"))
        return Place(device=trainer.strategy.root_device, rank=trainer.global_rank, world_size=trainer.world_size)
