"""The training objective: from a batch of latents to a loss per item and modality.

B batch, T tokens, D features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from datamodules.batch import LatentBatch
from ltx_module.diffusion.conditioning import (
    Conditioned,
    Conditioning,
    Drawn,
    ModalityName,
    Source,
    apply_conditions,
    draw_conditions,
)
from ltx_module.diffusion.noisy_tokens import NoisyTokens
from ltx_module.diffusion.sigmas import SigmaSampler
from ltx_module.model import LTXTransformer

Noised = Mapping[str, NoisyTokens]
"""Each modality of a batch at its noise level."""


@dataclass(frozen=True, kw_only=True)
class StepLoss:
    """Losses of a micro-batch, per item, with the noise levels they were taken at."""

    video_loss: Tensor | None
    """`(B,)`; carries the gradient. None in recipes of sound alone, and where the video is given."""
    video_sigma: Tensor | None
    """`(B,)`."""
    audio_loss: Tensor | None
    """`(B,)`; None for stills, silent clips and video recipes, and where the sound is given."""
    audio_sigma: Tensor | None
    """`(B,)`."""

    @classmethod
    def of(cls, noised: Noised, losses: Mapping[str, Tensor]) -> "StepLoss":
        """Losses by modality with the noise levels of the tokens they belong to."""
        return cls(
            video_loss=losses.get("video"),
            video_sigma=noised["video"].sigma if "video" in losses else None,
            audio_loss=losses.get("audio"),
            audio_sigma=noised["audio"].sigma if "audio" in losses else None,
        )

    @property
    def by_modality(self) -> dict[str, Tensor]:
        """The losses there are, `(B,)`."""
        losses = {"video": self.video_loss, "audio": self.audio_loss}
        return {name: loss for name, loss in losses.items() if loss is not None}


@dataclass(frozen=True)
class Conditions:
    """What a recipe gives of each clip, and of which modality it gives all."""

    conditions: tuple[Conditioning, ...] = ()
    frozen: ModalityName | None = None
    """The modality that is given whole; the other is generated from it."""

    @property
    def is_any(self) -> bool:
        """Whether anything is given."""
        return bool(self.conditions) or self.frozen is not None

    @property
    def certain(self) -> "Conditions":
        """Those that always apply."""
        return Conditions(tuple(one for one in self.conditions if one.probability == 1), self.frozen)

    @property
    def told(self) -> tuple[str, ...]:
        """A line for each, for people."""
        whole = () if self.frozen is None else (f"all of the {self.frozen}",)
        return whole + tuple(
            f"{one.described}, {'always' if one.probability == 1 else f'in {one.probability:.0%} of the items'}"
            for one in self.conditions
        )

    @property
    def described(self) -> str:
        """Classes and arguments, equal for conditions that do the same."""
        return f"{self.frozen} {[one.described for one in self.conditions]}"

    def draw(self, batch: LatentBatch, generator: Generator) -> list[Drawn]:
        """Which conditions apply to a batch, drawn from a generator on the CPU."""
        return draw_conditions(self.conditions, batch.size, generator)

    def fixed(self) -> list[Drawn]:
        """The conditions that apply in at least half of the cases, to every item: for losses that are compared."""
        return [(condition, condition.probability >= 0.5) for condition in self.conditions]

    def applied(
        self, transformer: LTXTransformer, batch: LatentBatch, drawn: Sequence[Drawn]
    ) -> dict[str, Conditioned]:
        """Each modality that both the batch and the transformer have, with what is given of it.

        Ordinary clips have neither references nor masks, so those do not apply to them.
        """
        found = dict[str, Conditioned]()
        for name, source in sources(transformer, batch).items():
            possible = [(one, applies) for one, applies in drawn if one.modality == name]
            if batch.is_regularisation:
                possible = [(one, applies) for one, applies in possible if one.is_possible(source)]
            found[name] = apply_conditions(source, possible)
        return found


@dataclass(frozen=True, kw_only=True)
class TrainingObjective:
    """Flow matching of both modalities: `loss = video_weight * L_video + audio_weight * L_audio`."""

    sigma_sampler: SigmaSampler
    share_sigma: bool = False
    """One noise level for both modalities instead of one each."""
    video_weight: float = 1.0
    audio_weight: float = 1.0
    conditions: Conditions = Conditions()
    """What is given and not generated."""

    def loss(
        self, transformer: LTXTransformer, batch: LatentBatch, generator: Generator, drawn: Sequence[Drawn] = ()
    ) -> StepLoss:
        """Losses of one micro-batch.

        Args:
            transformer: With its adapters.
            batch: Clean latents and text contexts.
            generator: Source of noise levels and noise, on the batch's device; video draws come first.
            drawn: Conditions, and whether they apply.
        """
        noised = self.noised(transformer, batch, generator, drawn)
        return StepLoss.of(noised, flow_losses(transformer, batch, noised))

    def noised(
        self, transformer: LTXTransformer, batch: LatentBatch, generator: Generator, drawn: Sequence[Drawn] = ()
    ) -> dict[str, NoisyTokens]:
        """Each modality brought to a drawn noise level; takes what `loss` takes."""
        noised: dict[str, NoisyTokens] = {}
        shared: Tensor | None = None
        for name, conditioned in self.conditions.applied(transformer, batch, drawn).items():
            if name == self.conditions.frozen:
                noised[name] = NoisyTokens.frozen(conditioned)
                continue
            noised[name] = self._noised(conditioned, generator, shared)
            shared = noised[name].sigma if self.share_sigma else None
        return noised

    def total(self, losses: StepLoss, audio_weight: Tensor | None = None) -> Tensor:
        """The scalar to minimise: weighted sum of the modalities, mean over the batch.

        Args:
            losses: Per item.
            audio_weight: In place of the objective's.
        """
        weights = {"video": self.video_weight, "audio": self.audio_weight if audio_weight is None else audio_weight}
        terms = [weights[name] * loss for name, loss in losses.by_modality.items()]
        return torch.stack(terms).sum(0).mean()

    def _noised(self, conditioned: Conditioned, generator: Generator, shared_B: Tensor | None) -> NoisyTokens:
        """Draw a noise level and noise for one modality."""
        assert conditioned.tokens is not None
        batch, tokens, _ = conditioned.tokens.shape
        sigma_B = self.sigma_sampler.draw(batch, tokens, generator) if shared_B is None else shared_B
        noise_BTD = torch.randn(conditioned.tokens.shape, generator=generator, device=sigma_B.device)
        return NoisyTokens.of(conditioned, noise_BTD, sigma_B)


def sources(transformer: LTXTransformer, batch: LatentBatch) -> dict[str, Source]:
    """Each modality that both the batch and the transformer have, with what conditions may take of it."""
    given, found = batch.given, dict[str, Source]()
    if batch.video is not None and transformer.streams != "audio":
        found["video"] = Source(
            modality="video",
            shape=tuple(batch.video.shape),
            fps=batch.fps,
            device=batch.video.device,
            latents=batch.video,
            mask=given.video_mask,
            reference=given.video_reference,
            keyframes=given.keyframes,
        )
    if batch.audio is not None and transformer.streams != "video":
        found["audio"] = Source(
            modality="audio",
            shape=tuple(batch.audio.shape),
            fps=batch.fps,
            device=batch.audio.device,
            latents=batch.audio,
            mask=given.audio_mask,
            reference=given.audio_reference,
        )
    return found


def flow_losses(transformer: LTXTransformer, batch: LatentBatch, noised: Noised) -> dict[str, Tensor]:
    """Loss of each modality that is generated, `(B,)`, from one pass through the transformer.

    Args:
        transformer: With its adapters.
        batch: Text contexts.
        noised: Noisy tokens by modality.
    """
    predicted = velocities(transformer, batch, noised)
    return {name: tokens.loss(predicted[name]) for name, tokens in noised.items() if tokens.is_generated}


def velocities(transformer: LTXTransformer, batch: LatentBatch, noised: Noised) -> dict[str, Tensor]:
    """What the transformer predicts for each modality, `(B, T, D)`; takes what `flow_losses` takes."""
    contexts = {"video": batch.video_context, "audio": batch.audio_context}
    modalities = {name: tokens.modality(_present(contexts[name])) for name, tokens in noised.items()}
    predicted = transformer(modalities.get("video"), modalities.get("audio"))
    by_name = dict(zip(("video", "audio"), predicted, strict=True))
    return {name: tokens.own(by_name[name]) for name, tokens in noised.items()}


def _present(context_BSD: Tensor | None) -> Tensor:
    assert context_BSD is not None, "the batch was read without this modality's text contexts"
    return context_BSD
