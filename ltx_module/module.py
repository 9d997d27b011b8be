"""The LightningModule: LTX-2.3 with adapters, trained by flow matching.

    batch -> sigma -> x_sigma = (1 - sigma) * x0 + sigma * noise -> transformer -> velocity -> masked loss

Formulas live in `ltx_module.diffusion`; this file wires them to Lightning.

B batch, C channels, T tokens, D features.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Literal

import torch
from jsonargparse.typing import NonNegativeFloat, NonNegativeInt
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor
from torch.optim import AdamW
from typing_extensions import override

from datamodules.batch import LatentBatch
from datamodules.given import Given
from datamodules.needs import Needs
from ltx_module.adapter_files import AdapterFile
from ltx_module.adapters import (
    AdapterAverage,
    LoRAConfig,
    load_lora,
    load_trainable_state,
    save_lora,
    trainable_state,
)
from ltx_module.balance import START, LossBalance
from ltx_module.checkpoint import Checkpoint
from ltx_module.condition_needs import dataset_needs
from ltx_module.decoders import Decoders
from ltx_module.diffusion.conditioning import Conditioning, check_conditions
from ltx_module.diffusion.sigmas import ShiftedLogitNormal, SigmaSampler
from ltx_module.distilled import DistilledLoRA
from ltx_module.generator import Generator
from ltx_module.held_out_loss import HeldOutSums
from ltx_module.model import LTXTransformer, Streams, evaluating
from ltx_module.model_files import require_files
from ltx_module.optimizers import prepared
from ltx_module.placement import placed
from ltx_module.precision.execution import Execution, WeightFormat
from ltx_module.preservation import Preservation
from ltx_module.sample_config import SampleConfig, SampleRequest, VideoSample
from ltx_module.sample_targets import Contexts, GivenMedia, nothing_given
from ltx_module.schedules import WarmupDecay, group_options, restore_options
from ltx_module.seeding import batch_seed
from ltx_module.strategies import is_row, leave_frozen_alone, mean_over_ranks, prepare_gradients
from ltx_module.training import Conditions, StepLoss, TrainingObjective
from ltx_module.training_loss import TrainingLoss, TrainingStep
from ltx_module.verbs import Work

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


class LTXModule(LightningModule):
    """LTX-2.3 with LoRA adapters; everything but the adapters is frozen.

    Args:
        base_model: The published single file, such as `ltx-2.3-22b-dev.safetensors`.
        text_encoder: Directory of Gemma 3 12B with its tokenizer.
        streams: What to build: `av` is sight and sound, `video` leaves out a third of the weights, `audio` two thirds.
        frozen: A modality that is given whole and from which the other is generated; needs `streams: av`.
        conditions: What else is given of each clip, or shown beside it.
        lora: Size and place of the adapters.
        sigma_sampler: How noise levels are drawn; null is the reference's shifted logit-normal.
        share_sigma: Draw one noise level for both modalities instead of one each.
        video_loss_weight: Factor on the video loss.
        audio_loss_weight: Factor on the audio loss, about ten times the video loss; `auto` brings it to the same size.
        regularisation_loss_weight: Factor on the loss of the clips of `data.regularisation`.
        preservation: Keeps the base as it is where the trigger is absent; null saves its cost.
        optimizer: Optimizer of the adapters.
        lr_scheduler: Learning-rate schedule; null keeps the rate constant.
        dtype: Number format of the frozen linear layers: `fp8` and `int8` compute in eight bits, `nf4` only stores in
            four; all else stays bf16. `auto` takes the fastest that fits the card.
        gradient_checkpointing: Recompute every block in backward, none, or so many of them; a recomputed block costs a
            third more time and keeps a twentieth of the memory. `auto` recomputes as few as the card has room for.
        swap_blocks: Blocks whose frozen weights stay in host memory and are copied in when needed; `auto` as few as
            the card has room for.
        compile: Compile the block, once for each size of its inputs, and replay training steps as CUDA graphs.
        allow_distilled: Accept the distilled model as a training base.
        seed: Seed of noise, noise levels, dropout and adapters; the recipe's `seed_everything`.
    """

    def __init__(
        self,
        base_model: Path,
        text_encoder: Path,
        *,
        streams: Literal["av", "video", "audio"] = "av",
        frozen: Literal["video", "audio"] | None = None,
        conditions: list[Conditioning] | None = None,
        lora: LoRAConfig = LoRAConfig(),  # noqa: B008 - frozen
        sigma_sampler: SigmaSampler | None = None,
        share_sigma: bool = False,
        video_loss_weight: NonNegativeFloat = 1.0,
        audio_loss_weight: NonNegativeFloat | Literal["auto"] = 1.0,
        regularisation_loss_weight: NonNegativeFloat = 1.0,
        preservation: Preservation | None = None,
        optimizer: OptimizerCallable = AdamW,
        lr_scheduler: LRSchedulerCallable | None = None,
        dtype: WeightFormat | Literal["auto"] = "bf16",
        gradient_checkpointing: bool | NonNegativeInt | Literal["auto"] = True,
        swap_blocks: NonNegativeInt | Literal["auto"] = 0,
        compile: bool = False,  # noqa: A002 - torch's word for it
        allow_distilled: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.base_model, self.text_encoder = base_model, text_encoder
        self.streams: Streams = streams
        self.lora, self.seed, self.allow_distilled = lora, seed, allow_distilled
        self.dtype_name, self.compile_blocks = dtype, compile
        self.gradient_checkpointing, self.swap_blocks = gradient_checkpointing, swap_blocks
        self.optimizer, self.lr_scheduler = optimizer, lr_scheduler
        check_conditions(conditions or (), streams, frozen)
        self.balance = LossBalance() if audio_loss_weight == "auto" and streams == "av" and not frozen else None
        if audio_loss_weight == "auto":
            audio_loss_weight = 1.0 if self.balance is None else START
        self.conditions, self.frozen = tuple(conditions or ()), frozen
        self.objective = TrainingObjective(
            sigma_sampler=sigma_sampler or ShiftedLogitNormal(),
            share_sigma=share_sigma,
            video_weight=video_loss_weight,
            audio_weight=audio_loss_weight,
            conditions=Conditions(self.conditions, frozen),
        )
        self.preservation = preservation
        self.training_loss = TrainingLoss(
            objective=self.objective,
            preservation_weight=0.0 if preservation is None else preservation.weight,
            regularisation_weight=regularisation_loss_weight,
            balance=self.balance,
        )
        self.strict_loading = False  # a resume state holds the adapters alone
        self.transformer: LTXTransformer | None = None
        self.execution: Execution | None = None
        """How the transformer is held and run; decided when it is placed."""
        self.step_loss: StepLoss | None = None
        """Losses of the latest micro-batch, per item; None if its clips are of a regularisation set."""
        self.average: AdapterAverage | None = None
        """Running average of the adapter, where the recipe keeps one."""
        self._logged: set[str] = set()
        self.adapters: Sequence[AdapterFile] = ()
        """LoRA files that validate, sample and export use in place of a fresh adapter."""
        self.attached: list[str] = []
        """Names of those files' adapters in the transformer."""
        self.contexts: Contexts | None = None
        """Cached text contexts by prompt."""
        self.given: GivenMedia = nothing_given
        """Cached latents of samples' media."""
        self.decoders: Decoders | None = None
        """Decoders that samples share; the first one makes them."""
        self.distilled: DistilledLoRA | None = None
        """The distilled LoRA that samples share; the first one makes it."""
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

    @property
    def needs(self) -> Needs:
        """What the recipe takes of its dataset beside clips and captions."""
        return dataset_needs(self.objective.conditions, self.streams, self.fps)

    @override
    def setup(self, stage: str) -> None:
        """Fit without validation where no clip is held out; only the verb `validate` falls back to training clips."""
        if stage == "fit":
            prepare_gradients(self)
            if self.trainer.datamodule.validation_is_training:
                self.trainer.limit_val_batches = 0

    @override
    def configure_model(self) -> None:
        """Load the transformer onto this rank's device and attach the adapters; a second call does nothing."""
        if self.transformer is not None:
            return
        self.transformer = placed(self)
        self.attached = [load_lora(self.transformer, file.path, file.strength) for file in self.adapters]
        leave_frozen_alone(self)

    @override
    def configure_optimizers(self) -> Any:
        optimizer = prepared(self.optimizer([parameter for parameter in self.parameters() if parameter.requires_grad]))
        self._recipe_options = group_options(optimizer)
        if self.lr_scheduler is None:
            return optimizer
        schedule = self.lr_scheduler(optimizer)
        if isinstance(schedule, WarmupDecay):
            schedule.stretch(self.trainer.max_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @override
    def on_train_start(self) -> None:
        """Let the recipe's optimizer settings win over those a resume has brought back."""
        if self.trainer.global_step > 0:
            restore_options(self.trainer.optimizers[0], self.lr_schedulers(), self._recipe_options)

    def recompute(self, blocks: int) -> None:
        """Recompute this many blocks in backward from now on."""
        assert self.execution is not None
        self.execution = dataclasses.replace(self.execution, checkpointed_blocks=blocks)
        self._built().blocks.release_steps()
        self._built().blocks.num_recomputed = blocks

    def losses(self, batch: LatentBatch) -> TrainingStep:
        """Losses of a micro-batch as training takes them; nothing is logged."""
        torch.manual_seed(self._seed_of("dropout", batch))
        generator = torch.Generator(self.device).manual_seed(self._seed_of("noise", batch))
        kept, data = self.preservation, self.trainer.datamodule
        prompted = None if kept is None else kept.prompted(batch, self.seed, data)
        strategy = self.trainer.strategy
        on_host = torch.Generator().manual_seed(self._seed_of("conditions", batch))
        drawn = self.objective.conditions.draw(batch, on_host)
        return self.training_loss.step(
            self._built(), batch, generator, prompted=prompted, strategy=strategy, drawn=drawn
        )

    @override
    def training_step(self, batch: LatentBatch, batch_idx: int) -> dict[str, Tensor]:
        step = self.losses(batch)
        self.step_loss = None if batch.is_regularisation else step.losses
        absent = dict.fromkeys(self._logged, math.nan)  # else the last ones would be repeated
        self._logged |= step.metrics.keys()
        values = {**absent, **step.metrics, "learning_rate": self.trainer.optimizers[0].param_groups[0]["lr"]}
        if is_row(self.trainer, batch_idx):
            values = mean_over_ranks(values, self.trainer)
        self.log_dict({f"train/{name}": value for name, value in values.items()}, batch_size=batch.size)
        return {"loss": step.total}

    @override
    def on_validation_epoch_start(self) -> None:
        self._held_out = HeldOutSums(self.objective.conditions)

    @override
    def validation_step(self, batch: LatentBatch, batch_idx: int) -> None:
        """Loss at fixed noise levels with fixed noise, so that two LoRAs are compared on the same numbers."""
        with self.delivered():
            self._held_out.add(self._built(), batch)

    @override
    def on_validation_epoch_end(self) -> None:
        self.log_dict(self._held_out.result(self.objective, self.trainer.strategy).metrics(), sync_dist=True)

    def sample_requests(self) -> list[SampleRequest]:
        """The recipe's prompts as requests; the trigger is put in front of those that lack it."""
        return self.sample_config.requests(self.trigger, self.fps)

    def sample(self, request: SampleRequest, given: Given | None = None) -> VideoSample:
        """Generate one video with the adapters as they are; training mode and random state stay as they were.

        Args:
            request: What to generate.
            given: What the conditions that always apply take, in place of the request's media.
        """
        transformer = self._built()
        with evaluating(transformer), self.delivered(), self.trainer.precision_plugin.forward_context():
            return Generator.of(self, given).sample(request)

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
        with self.delivered():
            save_lora(self._built(), path, metadata=metadata)

    def delivered(self) -> AbstractContextManager[None]:
        """The adapter as it is saved, sampled and validated, inside a `with`: its average where one is kept."""
        return nullcontext() if self.average is None else self.average.in_place()

    def write_metrics(self, values: Mapping[str, float]) -> None:
        """Write numbers of the step that has just ended, once: Lightning repeats what `log` is given at every step."""
        for run_logger in self.trainer.loggers:
            run_logger.log_metrics(dict(values), step=self.trainer.global_step - 1)  # loggers count from 0

    @override
    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.balance is not None:
            checkpoint["loss_balance"] = self.balance.state_dict()

    @override
    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.balance is not None and "loss_balance" in checkpoint:
            self.balance.load_state_dict(checkpoint["loss_balance"])

    @override
    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """The adapters alone: the base model never enters a resume state."""
        return {} if self.transformer is None else dict(trainable_state(self.transformer))

    @override
    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        load_trainable_state(self._built(), state_dict)

    def _seed_of(self, purpose: str, batch: LatentBatch) -> int:
        place = self.trainer.global_rank, self.trainer.world_size
        return batch_seed(self.seed, purpose, batch.index, *place)

    def _built(self) -> LTXTransformer:
        """The transformer, which `configure_model` has loaded."""
        assert self.transformer is not None
        return self.transformer
