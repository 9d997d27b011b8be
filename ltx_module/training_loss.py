"""What a training step minimises, and what the logs say of it.

    L = r * (w_video * L_video + w_audio * L_audio) + p * (w_video * P_video + w_audio * P_audio)

L is the flow-matching loss, P the preservation loss where it is drawn, p its weight; r is 1 for the concept's clips and
`regularisation_loss_weight` for ordinary ones. w_audio is fixed, or balances the two losses.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lightning.pytorch.strategies import Strategy
from torch import Generator, Tensor

from datamodules.batch import LatentBatch
from ltx_module.balance import LossBalance
from ltx_module.diffusion.conditioning import Drawn
from ltx_module.model import LTXTransformer
from ltx_module.preservation import preservation_loss
from ltx_module.training import StepLoss, TrainingObjective, flow_losses


@dataclass(frozen=True, kw_only=True)
class TrainingStep:
    """The losses of a micro-batch."""

    losses: StepLoss
    """Flow matching, per item."""
    total: Tensor
    """The scalar to minimise."""
    metrics: dict[str, Tensor] = field(default_factory=dict)
    """What the logs show, by name without the split."""


@dataclass(frozen=True, kw_only=True)
class TrainingLoss:
    """Joins flow matching, preservation, regularisation and balance."""

    objective: TrainingObjective
    preservation_weight: float = 1.0
    """Factor on the preservation loss, on top of those of the modalities."""
    regularisation_weight: float = 1.0
    """Factor on the loss of ordinary clips."""
    balance: LossBalance | None = None
    """Gives the audio weight in place of the objective's."""

    def step(
        self,
        transformer: LTXTransformer,
        batch: LatentBatch,
        generator: Generator,
        *,
        prompted: LatentBatch | None,
        strategy: Strategy,
        drawn: Sequence[Drawn] = (),
    ) -> TrainingStep:
        """Losses of one micro-batch.

        Args:
            transformer: With its adapters.
            batch: Clean latents and text contexts.
            generator: Source of noise levels and noise, on the batch's device.
            prompted: The batch under a prompt without the trigger, if the base is to be preserved.
            strategy: Joins the balance of all ranks.
            drawn: Conditions, and whether they apply.

        Raises:
            ValueError: If no adapter learns from the batch.
        """
        noised = self.objective.noised(transformer, batch, generator, drawn)
        losses = StepLoss.of(noised, flow_losses(transformer, batch, noised))
        audio_weight = self._audio_weight(batch, losses, strategy)
        total = self.objective.total(losses, audio_weight)
        if not total.requires_grad:
            raise ValueError(
                f"No layer of `model.lora.targets` learns from {', '.join(batch.names)}, which is without sound: leave"
                " stills and silent clips out, or use targets with video layers, such as all_attention."
            )
        name = "loss_regularisation" if batch.is_regularisation else "loss"
        metrics = {f"{name}_{modality}": loss.mean() for modality, loss in losses.by_modality.items()}
        if audio_weight is not None:
            metrics["audio_loss_weight"] = audio_weight
        if batch.is_regularisation:
            metrics[name] = total
            total = self.regularisation_weight * total
        if prompted is not None:
            preserved = preservation_loss(transformer, prompted, noised)
            weighted = self.objective.total(preserved, audio_weight)
            metrics["loss_preservation"] = weighted
            metrics |= {f"loss_preservation_{key}": loss.mean() for key, loss in preserved.by_modality.items()}
            total = total + self.preservation_weight * weighted
        return TrainingStep(losses=losses, total=total, metrics={"loss": total, **metrics})

    def _audio_weight(self, batch: LatentBatch, losses: StepLoss, strategy: Strategy) -> Tensor | None:
        """The balanced weight, these losses included."""
        if self.balance is None:
            return None
        self.balance.update(None if batch.is_regularisation else losses, strategy)
        return self.balance.audio_weight
