"""The LightningModule: LTX-2.3 with adapters, trained by flow matching.

    batch -> sigma -> x_sigma = (1 - sigma) * x0 + sigma * noise -> transformer -> velocity -> masked loss

Formulas live in `ltx_module.diffusion`; this file wires them to Lightning.

B batch, C channels, T tokens, D features.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from jsonargparse.typing import NonNegativeFloat
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor
from torch.optim import AdamW
from typing_extensions import override

from datamodules.batch import LatentBatch
from ltx_module.adapter_files import AdapterFile
from ltx_module.adapters import (
    LoRAConfig,
    group_of,
    inject_lora,
    load_lora,
    load_trainable_state,
    lora_pairs,
    save_lora,
    trainable_state,
)
from ltx_module.checkpoint import Checkpoint
from ltx_module.diffusion.sigmas import ShiftedLogitNormal, SigmaSampler
from ltx_module.generator import Contexts, Generator
from ltx_module.model import LTXTransformer, Streams
from ltx_module.model_files import require_files, require_preset, require_trainable
from ltx_module.sample_config import SampleConfig, SampleRequest, VideoSample
from ltx_module.schedules import WarmupDecay
from ltx_module.seeding import derive_seed
from ltx_module.training import StepLoss, TrainingObjective
from ltx_module.verbs import Work

logger = logging.getLogger(__name__)

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
VALIDATION_SIGMAS = (0.2, 0.4, 0.6, 0.8, 0.95)


class LTXModule(LightningModule):
    """LTX-2.3 with LoRA adapters; everything but the adapters is frozen.

    Args:
        base_model: The published single file, such as `ltx-2.3-22b-dev.safetensors`.
        text_encoder: Directory of Gemma 3 12B with its tokenizer.
        streams: What to build and train: `av` is sight and sound, `video` leaves out a third of the weights.
        lora: Size and place of the adapters.
        sigma_sampler: How noise levels are drawn; null is the reference's shifted logit-normal.
        share_sigma: Draw one noise level for both modalities instead of one each.
        video_loss_weight: Factor on the video loss.
        audio_loss_weight: Factor on the audio loss, which is about ten times the video loss.
        optimizer: Optimizer of the adapters.
        lr_scheduler: Learning-rate schedule; null keeps the rate constant.
        dtype: Number format of the frozen weights.
        gradient_checkpointing: Recompute each block in backward: a third slower, much less memory.
        allow_distilled: Accept the distilled model as a training base.
        seed: Seed of noise, noise levels, dropout and adapters; the recipe's `seed_everything`.
    """

    def __init__(
        self,
        base_model: Path,
        text_encoder: Path,
        *,
        streams: Literal["av", "video"] = "av",
        lora: LoRAConfig = LoRAConfig(),  # noqa: B008 - frozen
        sigma_sampler: SigmaSampler | None = None,
        share_sigma: bool = False,
        video_loss_weight: NonNegativeFloat = 1.0,
        audio_loss_weight: NonNegativeFloat = 1.0,
        optimizer: OptimizerCallable = AdamW,
        lr_scheduler: LRSchedulerCallable | None = None,
        dtype: Literal["bf16", "fp32"] = "bf16",
        gradient_checkpointing: bool = True,
        allow_distilled: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.base_model, self.text_encoder = base_model, text_encoder
        self.streams: Streams = streams
        self.lora, self.dtype_name, self.seed = lora, dtype, seed
        self.gradient_checkpointing, self.allow_distilled = gradient_checkpointing, allow_distilled
        self.optimizer, self.lr_scheduler = optimizer, lr_scheduler
        self.objective = TrainingObjective(
            sigma_sampler=sigma_sampler or ShiftedLogitNormal(),
            share_sigma=share_sigma,
            video_weight=video_loss_weight,
            audio_weight=audio_loss_weight,
        )
        self.strict_loading = False  # a resume state holds the adapters alone
        self.transformer: LTXTransformer | None = None
        self.step_loss: StepLoss | None = None
        """Losses of the latest micro-batch, per item."""
        self.adapters: Sequence[AdapterFile] = ()
        """LoRA files that validate, sample and export use in place of a fresh adapter."""
        self.attached: list[str] = []
        """Names of those files' adapters in the transformer."""
        self.contexts: Contexts | None = None
        """Cached text contexts by prompt."""
        self.sample_config = SampleConfig()
        self.trigger, self.fps = "", 24.0
        self.lora_metadata: Mapping[str, str] = {}
        """What is written into the metadata of LoRA files, besides rank and step."""

    def require_files(self) -> None:
        """Check base model and text encoder before anything long begins.

        Raises:
            CheckpointError: Naming the missing or unfit file, and how to get the right one.
        """
        require_files(self.base_model, self.text_encoder)

    def require_trainable(self) -> None:
        """Check that the recipe can be trained and sampled, without reading weights.

        Raises:
            CheckpointError: If the base model is not one to train on.
            FileNotFoundError: If a LoRA that the recipe names is missing.
            ValueError: If the adapters fit no layer, or the previews' preset does not suit the base model.
        """
        checkpoint = Checkpoint(self.base_model)
        require_trainable(checkpoint, self.lora, self.streams, allow_distilled=self.allow_distilled)
        self.require_preset()

    def require_preset(self) -> None:
        """Check that the recipe's preset suits the base model; raises as `require_trainable` does."""
        require_preset(Checkpoint(self.base_model), self.sample_config)

    @override
    def setup(self, stage: str) -> None:
        """Fit without validation where no clip is held out; only the verb `validate` falls back to training clips."""
        if stage == "fit" and self.trainer.datamodule.validation_is_training:
            self.trainer.limit_val_batches = 0

    @override
    def configure_model(self) -> None:
        """Load the transformer onto this rank's device and attach the adapters; a second call does nothing."""
        if self.transformer is not None:
            return
        checkpoint = Checkpoint(self.base_model)
        device = self.trainer.strategy.root_device
        self.transformer = checkpoint.load_transformer(
            streams=self.streams, dtype=DTYPES[self.dtype_name], device=device
        )
        if self.trainer.training:
            self.transformer.gradient_checkpointing = self.gradient_checkpointing
            inject_lora(self.transformer, self.lora, self.seed)
            self.transformer.train()  # it comes in evaluation mode, in which adapters drop nothing
        self.attached = [load_lora(self.transformer, file.path, file.strength) for file in self.adapters]

    @override
    def configure_optimizers(self) -> Any:
        optimizer = self.optimizer([parameter for parameter in self.parameters() if parameter.requires_grad])
        self._recipe_options = [_options(group) for group in optimizer.param_groups]
        if self.lr_scheduler is None:
            return optimizer
        schedule = self.lr_scheduler(optimizer)
        if isinstance(schedule, WarmupDecay):
            schedule.stretch(self.trainer.max_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @override
    def on_train_start(self) -> None:
        """Let the recipe's optimizer settings win over those a resume has brought back."""
        if self.trainer.global_step == 0:
            return
        optimizer, schedule = self.trainer.optimizers[0], self.lr_schedulers()
        for group, wanted in zip(optimizer.param_groups, self._recipe_options, strict=True):
            factor = wanted["lr"] / group.get("initial_lr", group["lr"])
            scaled = 1.0 if isinstance(schedule, WarmupDecay) else factor  # that one follows the recipe by itself
            group.update({**wanted, "lr": group["lr"] * scaled})
        if isinstance(schedule, WarmupDecay) and schedule.decay != "constant":
            logger.info("the learning rate falls until step %d", schedule.total_steps)

    @override
    def training_step(self, batch: LatentBatch, batch_idx: int) -> dict[str, Tensor]:
        rank = self.trainer.global_rank
        torch.manual_seed(derive_seed(self.seed, "dropout", batch.index, rank))
        generator = self._generator("noise", batch.index, rank)
        self.step_loss = self.objective.loss(self._built(), batch, generator)
        loss = self.objective.total(self.step_loss)
        if not loss.requires_grad:
            raise ValueError(
                f"No layer of `model.lora.targets` learns from {', '.join(batch.names)}, which is without sound: leave"
                " stills and silent clips out, or use targets with video layers, such as all_attention."
            )
        self._log_losses("train", self.step_loss, loss, batch.size)
        self.log("train/learning_rate", self.trainer.optimizers[0].param_groups[0]["lr"], batch_size=batch.size)
        if self.streams == "av" and self.step_loss.audio_loss is None:
            self.log("train/loss_audio", math.nan, batch_size=batch.size)  # else the last one would be repeated
        return {"loss": loss}

    @override
    def validation_step(self, batch: LatentBatch, batch_idx: int) -> None:
        """Loss at fixed noise levels with fixed noise, so that two LoRAs are compared on the same numbers."""
        if batch.is_padding:
            return
        for level in VALIDATION_SIGMAS:
            generator = self._generator("validation", batch.index, f"{level}")
            losses = self.objective.loss(self._built(), batch, generator, sigma=level)
            self._log_losses("val", losses, self.objective.total(losses), batch.size)

    def sample_requests(self) -> list[SampleRequest]:
        """The recipe's prompts as requests; the trigger is put in front of those that lack it."""
        return self.sample_config.requests(self.trigger, self.fps)

    def sample(self, request: SampleRequest) -> VideoSample:
        """Generate one video with the adapters as they are; training mode and random state stay as they were."""
        transformer = self._built()
        assert self.contexts is not None
        generator = Generator(
            transformer=transformer,
            checkpoint=Checkpoint(self.base_model),
            contexts=self.contexts,
            distilled_lora=self.sample_config.distilled_lora,
            batch_guidance=self.sample_config.batch_guidance,
        )
        training = transformer.training
        transformer.eval()
        try:
            with torch.no_grad(), self.trainer.precision_plugin.forward_context():
                return generator.sample(request)
        finally:
            transformer.train(training)

    @override
    def predict_step(self, work: Work, batch_idx: int) -> None:
        """Do one piece of work with the loaded model."""
        work(self)

    def save_lora(self, path: Path) -> None:
        """Write the trained adapter as a ComfyUI file with its alpha folded in.

        Raises:
            ValueError: If a weight is not finite; nothing is written then.
        """
        metadata = {
            **self.lora_metadata,
            "base_model_version": Checkpoint(self.base_model).version,
            "rank": str(self.lora.rank),
            "step": str(self.global_step),
        }
        save_lora(self._built(), path, metadata=metadata)

    @torch.no_grad()
    def adapter_norms(self) -> dict[str, Tensor]:
        """Root mean square of lora_B for each kind of module, such as `attn1`."""
        groups: dict[str, list[Tensor]] = {}
        for name, pair in lora_pairs(self._built()).items():
            groups.setdefault(group_of(name), []).append(pair.up.square().mean())
        return {group: torch.stack(squares).mean().sqrt() for group, squares in groups.items()}

    def write_metrics(self, values: Mapping[str, float]) -> None:
        """Write numbers of the step that has just ended, once: Lightning repeats what `log` is given at every step."""
        for run_logger in self.trainer.loggers:
            run_logger.log_metrics(dict(values), step=self.trainer.global_step - 1)  # loggers count from 0

    @override
    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """The adapters alone: the base model never enters a resume state."""
        return {} if self.transformer is None else dict(trainable_state(self.transformer))

    @override
    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        load_trainable_state(self._built(), state_dict)

    def _built(self) -> LTXTransformer:
        """The transformer, which `configure_model` has loaded."""
        assert self.transformer is not None
        return self.transformer

    def _generator(self, *purpose: int | str) -> torch.Generator:
        """Random numbers for one purpose, on this rank's device."""
        return torch.Generator(self.device).manual_seed(derive_seed(self.seed, *purpose))

    def _log_losses(self, split: str, losses: StepLoss, total: Tensor, batch_size: int) -> None:
        """Log the total and each modality's mean."""
        options: dict[str, Any] = {"batch_size": batch_size, "sync_dist": split == "val"}
        self.log(f"{split}/loss", total, **options)
        for modality, loss in (("video", losses.video_loss), ("audio", losses.audio_loss)):
            if loss is not None:
                self.log(f"{split}/loss_{modality}", loss.mean(), **options)


def _options(group: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of an optimizer's group, without its parameters."""
    return {key: value for key, value in group.items() if key not in ("params", "initial_lr")}
