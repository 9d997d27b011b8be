"""What the sampler is to generate for a request, and what is given of it: noise, positions, contexts and conditions.

B batch, T tokens.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from datamodules.geometry import AudioLatentSpec, Bucket, LatentSpec
from datamodules.given import Given
from datamodules.sample_media import SampleMedia
from ltx_module.checkpoint import Checkpoint
from ltx_module.diffusion.conditioning import (
    Conditioned,
    Conditioning,
    FirstFrame,
    Keyframes,
    ModalityName,
    Source,
    apply_conditions,
    at_its_end,
)
from ltx_module.diffusion.denoiser import Target, Targets
from ltx_module.diffusion.sampling import start_noise
from ltx_module.model import Streams
from ltx_module.sample_config import SampleRequest
from ltx_module.training import Conditions

Contexts = Callable[[str], tuple[Tensor, Tensor]]
"""Cached video and audio context of a prompt, `(S, Dv)` and `(S, Da)`."""
GivenMedia = Callable[[SampleMedia, Bucket], Given]
"""Latents of a sample's media at a size, a batch of one."""


def nothing_given(media: SampleMedia, bucket: Bucket) -> Given:  # noqa: ARG001 - the size of nothing
    """For generators whose requests have no media.

    Raises:
        ValueError: If one has.
    """
    if media.files:
        raise ValueError(f"The sample has {', '.join(media.files)}, but nothing was encoded for it.")
    return Given()


@dataclass(frozen=True, kw_only=True)
class TargetBuilder:
    """Makes the targets of requests."""

    checkpoint: Checkpoint
    """Tells the sizes of latents."""
    streams: Streams
    """What was built."""
    contexts: Contexts
    given: GivenMedia = nothing_given
    conditions: Conditions = field(default_factory=Conditions)
    """The recipe's; those whose media a request has are applied."""

    def targets(self, request: SampleRequest, device: torch.device) -> Targets:
        """Video and audio of a request; None for one that is not built, or that the size has none of."""
        video_shape, audio_shape = self._shapes(request)
        noise = start_noise(video_shape, audio_shape, request.seed)
        given = self.given(request.media, request.bucket).to(device)
        contexts, negatives = self.contexts(request.prompt), self.contexts(request.negative_prompt)
        sources: list[Source | None] = [None, None]
        if video_shape is not None:
            sources[0] = Source(
                modality="video",
                shape=(1, *video_shape),
                fps=request.fps,
                device=device,
                latents=self._placed(given.video, "video", video_shape[1], request.fps),
                mask=given.video_mask,
                reference=given.video_reference,
                keyframes=given.keyframes,
            )
        if audio_shape is not None:
            sources[1] = Source(
                modality="audio",
                shape=(1, *audio_shape),
                fps=request.fps,
                device=device,
                latents=self._placed(given.audio, "audio", audio_shape[1], request.fps),
                mask=given.audio_mask,
                reference=given.audio_reference,
            )
        video, audio = (
            None
            if source is None or start is None
            else self._target(source, start, request, (context[None].to(device), negative[None].to(device)))
            for source, start, context, negative in zip(sources, noise, contexts, negatives, strict=True)
        )
        return video, audio

    def _placed(self, latents: Tensor | None, modality: ModalityName, length: int, fps: float) -> Tensor | None:
        """A request's clip at the length of the sample; a shorter one lies where the conditions take it from."""
        own = [one for one in self.conditions.conditions if one.modality == modality]
        return None if latents is None else at_its_end(latents, length, own, fps)

    def _shapes(self, request: SampleRequest) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
        """Latent shapes of an item of both modalities."""
        bucket, video, audio = request.bucket, None, None
        if self.streams != "audio":
            video = LatentSpec(channels=self.checkpoint.latent_channels).shape(bucket)
        if self.streams != "video":
            channels, mel_bins = self.checkpoint.audio_latent
            audio = AudioLatentSpec(channels=channels, mel_bins=mel_bins).shape(bucket.duration(request.fps))
        return video, audio

    def _target(self, source: Source, noise: Tensor, request: SampleRequest, contexts: tuple[Tensor, Tensor]) -> Target:
        """A modality with what is given of it."""
        own = [one for one in self.conditions.conditions if one.modality == source.modality]
        conditioned = _applied(source, own)
        target = Target(
            noise=noise.to(source.device),
            shape=source.shape[1:],
            positions=conditioned.positions,
            context=contexts[0],
            negative_context=contexts[1],
            clean_latent=conditioned.tokens,
            clean=_clean(source, own, conditioned, request.image_strength),
            beside=tuple(group.tokens for group in conditioned.appended),
            attention_strength=request.attention_strength,
        )
        if source.modality != self.conditions.frozen:
            return target
        if conditioned.tokens is None:
            raise ValueError(
                f"`model.frozen` is {source.modality}, but the sample {request.name} gives no {source.modality}."
            )
        return replace(target, clean=torch.ones(1, source.num_tokens, device=source.device), is_frozen=True)


def _applied(source: Source, conditions: Sequence[Conditioning]) -> Conditioned:
    """What those conditions give whose media there are."""
    return apply_conditions(source, [(one, True) for one in conditions if one.is_possible(source)])


def _clean(
    source: Source, conditions: Sequence[Conditioning], together: Conditioned, image_strength: float
) -> Tensor | None:
    """How far each token is given, `(1, T)`: pictures as far as the request says, everything else wholly."""
    if together.clean is None or image_strength == 1:
        return together.clean
    others = _applied(source, [one for one in conditions if not isinstance(one, FirstFrame | Keyframes)]).clean
    clean = image_strength * together.clean.float()
    return clean if others is None else torch.where(others, 1.0, clean)
