"""The data module: a folder of clips in, batches of latents out.

`prepare_data` looks at the dataset and says what will happen; `setup` encodes what the cache lacks, each rank its share
on its own device, and afterwards every rank knows what all of them achieved. Training then reads the cache alone.
"""

import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from jsonargparse.typing import ClosedUnitInterval, NonNegativeInt, PositiveFloat, PositiveInt
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader
from typing_extensions import override

from datamodules.batch import LatentItem
from datamodules.cache import LatentCache, PruneReport
from datamodules.clip import final_caption
from datamodules.data_report import DataReport
from datamodules.encode_share import Place, encode_captions, encode_media
from datamodules.encode_text import TextSettings
from datamodules.encoders import Encoders
from datamodules.geometry import Bucket
from datamodules.latent_dataset import LatentDataset
from datamodules.media_index import MediaIndex
from datamodules.plan import DataPlan, PlannedClip, PlanSettings, plan_dataset, survey
from datamodules.sampler import BucketBatchSampler, LatentDataLoader, ValidationBatchSampler, ValidationDataLoader
from datamodules.windows import WindowRule
from ltx_module.checkpoint import Checkpoint
from ltx_module.checkpoint.gemma_precision import Precision

logger = logging.getLogger(__name__)

EMPTY_CAPTION = ""
"""What caption dropout trains on; always in the cache."""


class LatentDataModule(LightningDataModule):
    """Clips of a dataset as batches of cached latents.

    Args:
        path: Folder of videos and stills with .txt captions beside them, or a .csv, .json or .jsonl manifest.
        buckets: Training shapes WIDTHxHEIGHTxFRAMES, such as 960x544x49, or 960x544x1 for stills.
        trigger: Word put in front of each caption that lacks it.
        batch_size: Clips in a batch, all of one bucket.
        fps: Frames per second that clips are resampled to.
        windows: Which part of a clip longer than its bucket is used: its head, windows spread over it, or all of it.
        max_windows: Windows of one clip at most, for `uniform`.
        validation_fraction: Share of the files held out, unless the manifest marks some with `split: validation`.
        cache_dir: Directory of the latent cache; null means `.ltx-cache` in the dataset's folder.
        text_window: Tokens of a caption, a multiple of 128: 1024 for the published model.
        text_encoder_precision: How Gemma is loaded; auto chooses by free memory.
        num_workers: Processes that read the cache.
        base_model: The published .safetensors file; linked from the model.
        text_encoder: Directory of Gemma; linked from the model.
        with_audio: Whether sound is trained; linked from the model's streams.
        prompts: Texts that sampling needs, each encoded as written and with the trigger; linked from `sample`.
        seed: Decides the order of batches; linked from `seed_everything`.

    Attributes:
        parsed_buckets: The training shapes.
        recipe_name: Name under which the cache remembers what is in use.
        cache: The latent cache.
        on_encoding: Called when encoding begins, if anything is to be encoded.

    Raises:
        ValueError: If a bucket is not a legal shape.
    """

    def __init__(
        self,
        path: Path,
        buckets: list[str],
        *,
        trigger: str = "",
        batch_size: PositiveInt = 1,
        fps: PositiveFloat = 24.0,
        windows: WindowRule = "head",
        max_windows: PositiveInt = 4,
        validation_fraction: ClosedUnitInterval = 0.0,
        cache_dir: Path | None = None,
        text_window: PositiveInt = 1024,
        text_encoder_precision: Precision = "auto",
        num_workers: NonNegativeInt = 2,
        base_model: Path,
        text_encoder: Path,
        with_audio: bool = False,
        prompts: list[str] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not buckets:
            raise ValueError("`data.buckets` is empty, but clips need a shape: give at least one, such as 960x544x49.")
        shapes = (Bucket.parse(text, f"data.buckets[{number}]") for number, text in enumerate(buckets))
        self.parsed_buckets = tuple(dict.fromkeys(shapes))
        self.settings = PlanSettings(
            path=Path(path).expanduser(),
            buckets=self.parsed_buckets,
            windows=windows,
            max_windows=max_windows,
            trigger=trigger,
            with_audio=with_audio,
            validation_fraction=validation_fraction,
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
        self.recipe_name = "recipe"
        self.on_encoding: Callable[[], object] = tuple
        folder = self.settings.path if self.settings.path.is_dir() else self.settings.path.parent
        self.cache = LatentCache(Path(cache_dir).expanduser() if cache_dir is not None else folder / ".ltx-cache")
        self._plan: DataPlan | None = None
        self._clips: list[PlannedClip] = []
        self._report: DataReport | None = None

    @property
    def report(self) -> DataReport:
        """What becomes of the dataset, as of the last look at it."""
        return self._report if self._report is not None else self.plan()

    @property
    def validation_is_training(self) -> bool:
        """True when no clip is held out, so that validation uses the training clips."""
        return not self._of("validation")

    def plan(self) -> DataReport:
        """Looks at the dataset and the cache, and encodes nothing.

        Returns:
            What would happen, including what forbids it.

        Raises:
            FileNotFoundError: If the dataset, the base model or the text encoder is missing.
            ValueError: If one of them is not what it should be.
        """
        index = MediaIndex(self.cache.root / "media.json")
        self._plan = plan_dataset(self.settings, self._encoders, index, self._texts())
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
        """Encodes this rank's share of what is missing, and waits for the others.

        Args:
            stage: Lightning's name of what follows; all of them need the same.

        Raises:
            ValueError: If nothing can be trained.
        """
        plan = self._plan
        if plan is None:
            self.plan().raise_if_unusable()
            plan = self._plan
        assert plan is not None
        if self._place.is_first:
            self._record_use(plan)
        if plan.missing(self.cache):
            self.on_encoding()
        encode_media(plan, self.cache, self._checkpoint, self._place)
        self._encode_captions(plan.captions)
        self._clips, self._report = survey(plan, self.cache, after_encoding=True)
        self._report.raise_if_unusable()
        if self.validation_is_training and stage == "validate" and self._place.is_first:
            logger.info("no clip is held out: validation uses the training clips")

    def encode_prompts(self) -> None:
        """Encodes the prompts and the empty caption alone, without a look at the dataset; for sampling."""
        self._encode_captions({self._encoders.text_key(text): text for text in self._texts()})

    @override
    def train_dataloader(self) -> LatentDataLoader:
        """An endless stream of this rank's batches; its state is the position in the stream."""
        dataset = self._dataset("train")
        place = self._place
        sampler = BucketBatchSampler(
            dataset.groups(), self.batch_size, seed=self.seed, rank=place.rank, world_size=place.world_size
        )
        return LatentDataLoader(dataset, sampler, num_workers=self.num_workers, pin_memory=_pins(place))

    @override
    def val_dataloader(self) -> ValidationDataLoader:
        """This rank's share of the held-out clips, or of the training clips where none is held out."""
        dataset = self._dataset("train" if self.validation_is_training else "validation")
        place = self._place
        sampler = ValidationBatchSampler(
            dataset.groups(), self.batch_size, rank=place.rank, world_size=place.world_size
        )
        return ValidationDataLoader(dataset, sampler, num_workers=self.num_workers, pin_memory=_pins(place))

    @override
    def predict_dataloader(self) -> list[DataLoader[LatentItem]]:
        """Nothing: `preprocess` wants the set-up alone."""
        return []

    def context(self, prompt: str) -> tuple[Tensor, Tensor]:
        """Text contexts of a prompt, `(S, Dv)` for video and `(S, Da)` for audio, bf16, from the cache.

        Raises:
            ValueError: If the prompt was not encoded.
        """
        key = self._encoders.text_key(prompt)
        if not self.cache.has(key):
            raise ValueError(
                f"The prompt {prompt!r} is not in the latent cache {self.cache.root}: put it into `sample.prompts` and "
                "run `preprocess`, or any verb that does so."
            )
        contexts = self.cache.read(key)
        return contexts["video_context"], contexts["audio_context"]

    @cached_property
    def empty_context(self) -> tuple[Tensor, Tensor]:
        """Text contexts of the empty caption."""
        return self.context(EMPTY_CAPTION)

    def decode(self, directory: Path) -> Path:
        """Decodes all cached clips back to mp4 and png files, for a look at what is trained on.

        Args:
            directory: Where the files go.

        Returns:
            The same directory.
        """
        from datamodules.render import render_clips

        clips = [clip.cached for clip in self._clips]
        render_clips(clips, self.cache, self._checkpoint, directory, device=self._place.device)
        return directory

    def prune(self) -> PruneReport:
        """Deletes the cache entries that no recorded recipe uses; see `LatentCache.record_use` for what is recorded."""
        if self._plan is None:
            self.plan()
        assert self._plan is not None
        self._record_use(self._plan)
        return self.cache.prune()

    def _record_use(self, plan: DataPlan) -> None:
        """One record for each recipe, model, text encoder and dataset; the audio VAE comes with the model."""
        encoders = plan.encoders
        dataset, folder = plan.settings.path.resolve(), self.cache.root.resolve().parent
        if dataset.is_relative_to(folder):
            dataset = dataset.relative_to(folder)  # a dataset that is moved with its cache stays the same
        configuration = (encoders.video_vae, encoders.connectors, encoders.gemma, str(dataset))
        self.cache.record_use(self.recipe_name, plan.keys(), configuration)

    def _encode_captions(self, captions: Mapping[str, str]) -> None:
        """Encodes this rank's share of the captions, and waits until every rank is done with all its work."""
        settings = TextSettings(
            text_encoder=self.text_encoder,
            gemma=self._encoders.gemma,
            text_window=self.text_window,
            precision=self.text_encoder_precision,
        )
        encode_captions(captions, self.cache, self._checkpoint, settings, self._place)
        if self.trainer is not None:
            self.trainer.strategy.barrier("encoded")

    def _texts(self) -> list[str]:
        triggered = [final_caption(prompt, self.settings.trigger) for prompt in self.prompts]
        return [EMPTY_CAPTION, *self.prompts, *triggered]

    def _dataset(self, split: Literal["train", "validation"]) -> LatentDataset:
        return LatentDataset(self.cache, [clip.cached for clip in self._of(split)])

    def _of(self, split: Literal["train", "validation"]) -> list[PlannedClip]:
        return [clip for clip in self._clips if clip.split == split]

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(self.base_model)

    @cached_property
    def _encoders(self) -> Encoders:
        return Encoders.of(
            self._checkpoint,
            self.text_encoder,
            with_audio=self.settings.with_audio,
            text_window=self.text_window,
            fps=self.fps,
        )

    @property
    def _place(self) -> Place:
        trainer = self.trainer
        if trainer is None:
            return Place(device=torch.device("cpu"))
        return Place(device=trainer.strategy.root_device, rank=trainer.global_rank, world_size=trainer.world_size)


def _pins(place: Place) -> bool:
    return place.device.type == "cuda"
