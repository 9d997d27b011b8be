"""The training objective: from a batch of latents to a loss per item and modality.

B batch, T tokens, D features.
"""

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


@dataclass(frozen=True, kw_only=True)
class TrainingObjective:
    """Flow matching of both modalities: `loss = video_weight * L_video + audio_weight * L_audio`."""

    sigma_sampler: SigmaSampler
    share_sigma: bool = False
    """One noise level for both modalities instead of one each."""
    video_weight: float = 1.0
    audio_weight: float = 1.0

    def loss(
        self, transformer: LTXTransformer, batch: LatentBatch, generator: Generator, sigma: float | None = None
    ) -> StepLoss:
        """Losses of one micro-batch.

        Args:
            transformer: With its adapters.
            batch: Clean latents and text contexts.
            generator: Source of noise levels and noise, on the batch's device; video draws come first.
            sigma: Noise level for every item, in place of drawn ones.
        """
        latents = {"video": pack_video(batch.video)} if transformer.streams != "audio" else {}
        if batch.audio is not None and transformer.streams != "video":
            latents["audio"] = pack_audio(batch.audio)
        flows: dict[str, FlowMatching] = {}
        for name, x0_BTD in latents.items():
            shared = next(iter(flows.values())).sigma if self.share_sigma and flows else None
            flows[name] = self._flow(x0_BTD, generator, sigma, shared)
        video = _modality(flows.get("video"), self._video_positions(batch), batch.video_context)
        audio = _modality(flows.get("audio"), _audio_positions(batch), batch.audio_context)
        velocities = dict(zip(("video", "audio"), transformer(video, audio), strict=True))
        losses = {name: flow.loss(velocities[name]) for name, flow in flows.items()}
        return StepLoss(
            video_loss=losses.get("video"),
            video_sigma=flows["video"].sigma if "video" in flows else None,
            audio_loss=losses.get("audio"),
            audio_sigma=flows["audio"].sigma if "audio" in flows else None,
        )

    def total(self, losses: StepLoss) -> Tensor:
        """The scalar to minimise: weighted sum of the modalities, mean over the batch."""
        terms = [
            weight * loss
            for weight, loss in ((self.video_weight, losses.video_loss), (self.audio_weight, losses.audio_loss))
            if loss is not None
        ]
        return torch.stack(terms).sum(0).mean()

    def _flow(self, x0_BTD: Tensor, generator: Generator, sigma: float | None, shared_B: Tensor | None) -> FlowMatching:
        """Draw a noise level and noise for one modality."""
        batch, tokens, _ = x0_BTD.shape
        if shared_B is not None:
            sigma_B = shared_B
        elif sigma is not None:
            sigma_B = torch.full((batch,), sigma, device=x0_BTD.device)
        else:
            sigma_B = self.sigma_sampler.draw(batch, tokens, generator)
        noise_BTD = torch.randn(x0_BTD.shape, generator=generator, device=x0_BTD.device)
        return FlowMatching.interpolate(x0_BTD, noise_BTD, sigma_B)

    @staticmethod
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
