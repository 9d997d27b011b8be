"""The training objective: from a batch of latents to a loss per item and modality.

B batch, T tokens, D features.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from datamodules.batch import LatentBatch
from ltx_module.diffusion.flow_matching import FlowMatching
from ltx_module.diffusion.sigmas import SigmaSampler
from ltx_module.diffusion.tokens import audio_positions, pack_audio, pack_video, video_positions
from ltx_module.model import LTXTransformer, Modality


@dataclass(frozen=True, kw_only=True)
class StepLoss:
    """Losses of a micro-batch, per item, with the noise levels they were taken at."""

    video_loss: Tensor | None
    """`(B,)`; carries the gradient."""
    video_sigma: Tensor | None
    """`(B,)`."""
    audio_loss: Tensor | None
    """`(B,)`; None for stills, silent clips and video recipes."""
    audio_sigma: Tensor | None
    """`(B,)`."""

    @classmethod
    def of(cls, flows: Mapping[str, FlowMatching], losses: Mapping[str, Tensor]) -> "StepLoss":
        """Losses by modality with the noise levels of the flows they belong to."""
        return cls(
            video_loss=losses.get("video"),
            video_sigma=flows["video"].sigma if "video" in flows else None,
            audio_loss=losses.get("audio"),
            audio_sigma=flows["audio"].sigma if "audio" in flows else None,
        )

    @property
    def by_modality(self) -> dict[str, Tensor]:
        """The losses there are, `(B,)`."""
        losses = {"video": self.video_loss, "audio": self.audio_loss}
        return {name: loss for name, loss in losses.items() if loss is not None}


@dataclass(frozen=True, kw_only=True)
class TrainingObjective:
    """Flow matching of both modalities: `loss = video_weight * L_video + audio_weight * L_audio`."""

    sigma_sampler: SigmaSampler
    share_sigma: bool = False
    """One noise level for both modalities instead of one each."""
    video_weight: float = 1.0
    audio_weight: float = 1.0

    def loss(self, transformer: LTXTransformer, batch: LatentBatch, generator: Generator) -> StepLoss:
        """Losses of one micro-batch.

        Args:
            transformer: With its adapters.
            batch: Clean latents and text contexts.
            generator: Source of noise levels and noise, on the batch's device; video draws come first.
        """
        flows = self.noised(transformer, batch, generator)
        return StepLoss.of(flows, flow_losses(transformer, batch, flows))

    def noised(self, transformer: LTXTransformer, batch: LatentBatch, generator: Generator) -> dict[str, FlowMatching]:
        """Each modality brought to a drawn noise level; takes what `loss` takes."""
        flows: dict[str, FlowMatching] = {}
        for name, x0_BTD in clean_tokens(transformer, batch).items():
            shared = next(iter(flows.values())).sigma if self.share_sigma and flows else None
            flows[name] = self._flow(x0_BTD, generator, shared)
        return flows

    def total(self, losses: StepLoss, audio_weight: Tensor | None = None) -> Tensor:
        """The scalar to minimise: weighted sum of the modalities, mean over the batch.

        Args:
            losses: Per item.
            audio_weight: In place of the objective's.
        """
        weights = {"video": self.video_weight, "audio": self.audio_weight if audio_weight is None else audio_weight}
        terms = [weights[name] * loss for name, loss in losses.by_modality.items()]
        return torch.stack(terms).sum(0).mean()

    def _flow(self, x0_BTD: Tensor, generator: Generator, shared_B: Tensor | None) -> FlowMatching:
        """Draw a noise level and noise for one modality."""
        batch, tokens, _ = x0_BTD.shape
        sigma_B = self.sigma_sampler.draw(batch, tokens, generator) if shared_B is None else shared_B
        noise_BTD = torch.randn(x0_BTD.shape, generator=generator, device=x0_BTD.device)
        return FlowMatching.interpolate(x0_BTD, noise_BTD, sigma_B)


def clean_tokens(transformer: LTXTransformer, batch: LatentBatch) -> dict[str, Tensor]:
    """x0 of each modality that both the batch and the transformer have, `(B, T, D)`."""
    tokens = {"video": pack_video(batch.video)} if transformer.streams != "audio" else {}
    if batch.audio is not None and transformer.streams != "video":
        tokens["audio"] = pack_audio(batch.audio)
    return tokens


def flow_losses(
    transformer: LTXTransformer, batch: LatentBatch, flows: Mapping[str, FlowMatching]
) -> dict[str, Tensor]:
    """Loss of each modality that was brought to a noise level, `(B,)`, from one pass through the transformer.

    Args:
        transformer: With its adapters.
        batch: Text contexts and geometry.
        flows: Noisy latents by modality.
    """
    predicted = velocities(transformer, batch, flows)
    return {name: flow.loss(predicted[name]) for name, flow in flows.items()}


def velocities(transformer: LTXTransformer, batch: LatentBatch, flows: Mapping[str, FlowMatching]) -> dict[str, Tensor]:
    """What the transformer predicts for each modality, `(B, T, D)`; takes what `flow_losses` takes."""
    video = _modality(flows.get("video"), _video_positions(batch), batch.video_context)
    audio = _modality(flows.get("audio"), _audio_positions(batch), batch.audio_context)
    predicted = dict(zip(("video", "audio"), transformer(video, audio), strict=True))
    return {name: predicted[name] for name in flows}


def _video_positions(batch: LatentBatch) -> Tensor:
    return video_positions(batch.video.shape, batch.fps, batch.video.device)


def _audio_positions(batch: LatentBatch) -> Tensor | None:
    return None if batch.audio is None else audio_positions(batch.audio.shape[2], batch.audio.device)


def _modality(flow: FlowMatching | None, positions: Tensor | None, context_BSD: Tensor | None) -> Modality | None:
    """What the transformer takes; None for an absent modality."""
    if flow is None or positions is None or context_BSD is None:
        return None
    return Modality(
        latent=flow.noisy,
        sigma=flow.sigma,
        timesteps=flow.timesteps,
        positions=positions.expand(len(flow.noisy), -1, -1, -1),
        context=context_BSD,
        noise_levels=flow.noise_levels,
    )
