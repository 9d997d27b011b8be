"""The largest step and the largest sample of a recipe, in numbers for the memory estimate."""

from typing import TYPE_CHECKING

import torch
from lightning.pytorch import Trainer

from datamodules.geometry import AudioLatentSpec, Bucket, LatentSpec
from datamodules.latents import LatentDataModule
from ltx_module.adapters import lora_parameters
from ltx_module.adapters.targets import linear_shapes
from ltx_module.checkpoint import Checkpoint
from ltx_module.condition_needs import tokens_beside
from ltx_module.diffusion.presets import find_preset
from ltx_module.model import LTXConfig, LTXTransformer
from ltx_module.precision.memory import MemoryEstimate
from ltx_module.precision.memory_constants import DECODER_SHARE
from ltx_module.precision.memory_job import FrozenSizes, MemoryJob, OptimizerBytes, SampleJob
from ltx_module.precision.optimizer_memory import optimizer_bytes
from ltx_module.strategies import ShardedStrategy

if TYPE_CHECKING:
    from ltx_module.module import LTXModule

_MOST_GEOMETRIES = 4  # the position tables that the transformer caches
_MOST_PASSES = 4  # of a guided sampling step


def largest_job(model: "LTXModule", data: LatentDataModule | None, trainer: Trainer) -> MemoryJob:
    """What the memory estimate takes of a recipe.

    Args:
        model: The recipe's model, not built.
        data: The recipe's data; None where nothing is trained.
        trainer: Says how many ranks there are, and what they share.
    """
    checkpoint = Checkpoint(model.base_model)
    config = LTXConfig.from_metadata(checkpoint.config["transformer"])
    transformer = on_meta(model, checkpoint)
    batch = 1 if data is None else data.batch_size
    bucket = model.sample_config.bucket if data is None else largest_bucket(data)
    video, audio = (count * batch for count in tokens_of(model, data, bucket))
    return MemoryJob(
        sizes=FrozenSizes.of(transformer),
        both_streams=model.streams == "av",
        video_width=config.video_dim,
        audio_width=config.audio_dim,
        video_tokens=video,
        audio_tokens=audio,
        prompt_tokens=batch * (1024 if data is None else data.text_window),
        trainable=sum(lora_parameters(linear_shapes(transformer), model.lora).values()),
        optimizer=OptimizerBytes(state=0) if data is None else optimizer_bytes(model.optimizer),
        graphs=2 if model.preservation is not None and model.preservation.probability else 1,
        keeps_gradients=trainer.accumulate_grad_batches > 1 or trainer.world_size > 1,
        shards=_shards(trainer),
        geometries=1 if data is None else min(_MOST_GEOMETRIES, len(data.used_buckets)),
        sample=_sample_job(model, checkpoint, config),
    )


def on_meta(model: "LTXModule", checkpoint: Checkpoint) -> LTXTransformer:
    """The streams that a recipe builds, without memory."""
    with torch.device("meta"):
        return LTXTransformer(LTXConfig.from_metadata(checkpoint.config["transformer"]), model.streams)


def largest_bucket(data: LatentDataModule) -> Bucket:
    """The one with the most tokens."""
    return max(data.used_buckets, key=lambda one: (LatentSpec().tokens(one), one.duration(data.fps)))


def tokens_of(model: "LTXModule", data: LatentDataModule | None, bucket: Bucket) -> tuple[int, int]:
    """Video and audio tokens of an item, with those of its references and keyframes."""
    fps, reference = (model.fps if data is None else data.fps), None
    if model.needs.video_reference and data is not None:
        reference = data.settings.pairing.reference_bucket(bucket, "data.buckets")
    video, audio = tokens_beside(model.objective.conditions, bucket, reference, fps)
    own_video, own_audio = _own_tokens(model, bucket, fps)
    return own_video + video if model.streams != "audio" else 0, own_audio + audio if own_audio else 0


def _own_tokens(model: "LTXModule", bucket: Bucket, fps: float) -> tuple[int, int]:
    """Tokens of what is generated."""
    with_audio = model.streams != "video" and not bucket.is_still
    return (
        LatentSpec().tokens(bucket) if model.streams != "audio" else 0,
        AudioLatentSpec().length(bucket.duration(fps)) if with_audio else 0,
    )


def _shards(trainer: Trainer) -> int:
    """Ranks that hold one model together."""
    strategy = trainer.strategy
    if not isinstance(strategy, ShardedStrategy):
        return 1
    ranks: int = trainer.world_size if strategy.shard_over == "all" else trainer.num_devices
    return ranks


def planned_peak(model: "LTXModule") -> int | None:
    """Bytes of the largest step beside which samples are made; None where nothing is trained, or on a CPU.

    Args:
        model: Placed.
    """
    trainer, data = model.trainer, getattr(model.trainer, "datamodule", None)
    if not trainer.training or model.device.type != "cuda" or model.execution is None:
        return None
    if not isinstance(data, LatentDataModule):
        return 0
    return MemoryEstimate.of(largest_job(model, data, trainer), model.execution).step


def _sample_job(model: "LTXModule", checkpoint: Checkpoint, config: LTXConfig) -> SampleJob | None:
    """The recipe's previews."""
    samples = model.sample_config
    if not samples.prompts:
        return None
    video, audio = tokens_of(model, None, samples.bucket)
    preset = find_preset(samples.preset)
    distilled = samples.distilled_lora
    is_used = preset.needs_distilled or samples.max_share is not None  # for previews
    is_loaded = is_used and distilled is not None and distilled.is_file()
    bucket = samples.bucket
    return SampleJob(
        widths=(video * config.video_dim + audio * config.audio_dim)
        * (_MOST_PASSES if samples.batch_guidance is True else 1),
        pixels=0 if model.streams == "audio" else bucket.width * bucket.height * bucket.frames,
        decoder=round(DECODER_SHARE * checkpoint.num_bytes("video_vae")) if model.streams != "audio" else 0,
        distilled=distilled.stat().st_size if is_loaded and distilled is not None else 0,
    )
