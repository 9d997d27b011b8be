"""x0 of a sampling step: the passes that guidance needs, one after another or as one batch.

B batch, T tokens, D features, K distinct noise levels.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ltx_module.diffusion.flow_matching import x0_from_velocity
from ltx_module.diffusion.guidance import Guidance, JointGuidance, Predictions, default_stg_blocks, guide
from ltx_module.model import Modality, NoiseLevels


@dataclass(frozen=True, kw_only=True)
class Target:
    """What to generate of one modality, and what is given of it."""

    noise: Tensor
    """Latents at the first sigma, packed, float32, `(B, T, D)`; noise where sampling starts from 1."""
    shape: tuple[int, ...]
    """Unpacked shape of an item, `(C, F, H, W)` or `(C, L, M)`: the order in which samplers draw noise."""
    positions: Tensor
    """Start and end of each token, those beside last, `(1 or B, axes, T + R, 2)`."""
    context: Tensor
    """Text context of the prompt, `(B, S, Dc)`."""
    negative_context: Tensor | None = None
    """Text context of the negative prompt."""
    clean_latent: Tensor | None = None
    """Given latents, packed, `(B, T, D)`; used where `clean` is above 0."""
    clean: Tensor | None = None
    """How far each token is given: 0 or False is generated, 1 or True given, between them partly, `(B, T)`."""
    is_frozen: bool = False
    """Whether all of it is given: noise level 0 for prompt and cross-modal modulation too, and no guidance."""
    beside: tuple[Tensor, ...] = ()
    """Clean tokens beside the others, one tensor for each reference or keyframe, `(1 or B, R, D)`."""
    attention_strength: float = 1.0
    """Weight of attention between what is generated and what lies beside it; below 1 the groups beside do not see each
    other."""

    def blend(self, latents: Tensor) -> Tensor:
        """Put what is given back into generated latents, `(B, T, D)`."""
        if self.clean is None or self.clean_latent is None:
            return latents
        return torch.lerp(latents, self.clean_latent.to(latents), self.clean[..., None].to(latents))


Targets = tuple[Target | None, Target | None]
"""Of the video and of the audio."""
Latents = tuple[Tensor | None, Tensor | None]
"""Of the video and of the audio."""


class Velocity(Protocol):
    """What the sampler asks of a transformer."""

    @property
    def num_blocks(self) -> int:
        """Number of blocks."""

    def __call__(
        self,
        video: Modality | None,
        audio: Modality | None,
        skip_self_attention_blocks: Collection[int] = ...,
        isolate_modalities: bool | Tensor = ...,
        *,
        skip_for: bool | Tensor = ...,
    ) -> Any:
        """Velocity of the video and of the audio tokens."""


class _Pass(NamedTuple):
    name: str
    negative: tuple[bool, bool] = (False, False)
    """Whether the video and the audio see the negative prompt."""
    perturbed: bool = False
    isolated: bool = False


class _Inputs(NamedTuple):
    """What a group's passes take of one modality, the same at every step."""

    context: Tensor
    positions: Tensor
    noise_levels: NoiseLevels
    """For sigma 1."""
    is_frozen: bool
    beside: Tensor | None
    attention_mask: Tensor | None


class _Group(NamedTuple):
    """Passes that run as one batch."""

    passes: tuple[_Pass, ...]
    inputs: tuple[_Inputs | None, _Inputs | None]
    perturbed: bool | Tensor
    isolated: bool | Tensor


class Denoiser:
    """Predicts the guided x0 of both modalities.

    Args:
        transformer: Predicts velocity.
        targets: Video and audio; one may be None.
        guidance: Scales; a pass runs only where one of them is not neutral.
        always_negative: Run the negative pass with the negative prompt for every modality at any cfg.
        batch_passes: Run all passes as one batch, which needs more memory; the results are the same.
    """

    def __init__(
        self,
        transformer: Velocity,
        targets: Targets,
        guidance: JointGuidance,
        *,
        always_negative: bool = False,
        batch_passes: bool = False,
    ) -> None:
        self._transformer = transformer
        self._scales = _scales(targets, guidance)
        blocks = guidance.stg_blocks
        self._stg_blocks = default_stg_blocks(transformer.num_blocks) if blocks is None else blocks
        passes = _needed_passes(targets, self._scales, always_negative)
        groups = [passes] if batch_passes else [(one,) for one in passes]
        self._groups = [_group(group, targets) for group in groups]

    def __call__(self, latents: Latents, sigma: float) -> tuple[Latents, Latents]:
        """Predict at one noise level.

        Args:
            latents: Noisy latents of video and audio, what is given blended in.
            sigma: Noise level.

        Returns:
            Guided x0 of both, and x0 of both under the negative prompt (None without that pass).
        """
        by_pass: dict[str, Latents] = {}
        for group in self._groups:
            by_pass.update(self._run(group, latents, sigma))
        guided: list[Tensor | None] = []
        negative: list[Tensor | None] = []
        for i, scales in enumerate(self._scales):
            predictions = {name: x0[i] for name, x0 in by_pass.items()}
            cond = predictions.pop("cond")
            guided.append(None if cond is None else guide(Predictions(cond, **predictions), scales))
            negative.append(predictions.get("negative"))
        return (guided[0], guided[1]), (negative[0], negative[1])

    def _run(self, group: _Group, latents: Latents, sigma: float) -> dict[str, Latents]:
        """x0 of each pass of a group."""
        num_passes = len(group.passes)
        video, audio = (
            _modality(inputs, latent, sigma, num_passes) for inputs, latent in zip(group.inputs, latents, strict=True)
        )
        perturbs = group.perturbed is not False
        velocities = self._transformer(
            video,
            audio,
            skip_self_attention_blocks=self._stg_blocks if perturbs else (),
            isolate_modalities=group.isolated,
            skip_for=group.perturbed if perturbs else True,
        )
        x0: list[Sequence[Tensor | None]] = []
        for modality, velocity, latent in zip((video, audio), velocities, latents, strict=True):
            if modality is None or latent is None:
                x0.append([None] * num_passes)
            else:
                own = slice(latent.shape[1])  # without the tokens beside
                whole = x0_from_velocity(modality.latent[:, own], velocity[:, own], modality.timesteps[:, own])
                x0.append(whole.chunk(num_passes))
        return {one.name: (x0[0][i], x0[1][i]) for i, one in enumerate(group.passes)}


def _scales(targets: Targets, guidance: JointGuidance) -> tuple[Guidance, Guidance]:
    """The scales that act: none for an absent or given modality, and without it none by it."""
    video, audio = (
        Guidance() if target is not None and target.is_frozen else own
        for target, own in zip(targets, (guidance.video, guidance.audio), strict=True)
    )
    if targets[0] is None:
        return Guidance(), replace(audio, modality=1.0)
    if targets[1] is None:
        return replace(video, modality=1.0), Guidance()
    return video, audio


def _needed_passes(targets: Targets, scales: tuple[Guidance, Guidance], always_negative: bool) -> tuple[_Pass, ...]:
    passes = [_Pass("cond")]
    video, audio = (
        target is not None and (always_negative or scale.cfg != 1)
        for target, scale in zip(targets, scales, strict=True)
    )
    if video or audio:
        passes.append(_Pass("negative", negative=(video, audio)))
    if any(scale.stg != 0 for scale in scales):
        passes.append(_Pass("perturbed", perturbed=True))
    if any(scale.modality != 1 for scale in scales):
        passes.append(_Pass("isolated", isolated=True))
    return tuple(passes)


def _group(passes: tuple[_Pass, ...], targets: Targets) -> _Group:
    video, audio = (
        None if target is None else _inputs(target, [one.negative[i] for one in passes])
        for i, target in enumerate(targets)
    )
    noise = next(target.noise for target in targets if target is not None)
    perturbed, isolated = [one.perturbed for one in passes], [one.isolated for one in passes]
    return _Group(passes, (video, audio), _flags(perturbed, noise), _flags(isolated, noise))


def _inputs(target: Target, negative: Sequence[bool]) -> _Inputs:
    batch, device = len(negative) * len(target.noise), target.noise.device
    beside = torch.cat(target.beside, dim=1) if target.beside else None
    if target.is_frozen:
        noise_levels = NoiseLevels.one(torch.zeros(batch, device=device))
    elif target.clean is None and beside is None:
        noise_levels = NoiseLevels.one(torch.ones(batch, device=device))
    else:
        generated = torch.ones(target.noise.shape[:2], device=device)
        if target.clean is not None:
            generated = (1 - target.clean.float()).expand_as(generated)
        if beside is not None:
            generated = torch.cat([generated, generated.new_zeros(len(generated), beside.shape[1])], dim=1)
        noise_levels = NoiseLevels.distinct(_repeat(generated, batch))
    return _Inputs(
        context=torch.cat([_context(target, shown) for shown in negative]),
        positions=_repeat(target.positions, batch),
        noise_levels=noise_levels,
        is_frozen=target.is_frozen,
        beside=None if beside is None else _repeat(beside, batch),
        attention_mask=_attention_mask(target, batch),
    )


def _attention_mask(target: Target, batch: int) -> Tensor | None:
    """Weights between the generated tokens and the groups beside them, `(B, T + R, T + R)`; None where all are 1."""
    if not target.beside or target.attention_strength == 1:
        return None
    sizes = [target.noise.shape[1], *(group.shape[1] for group in target.beside)]
    group_T = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)).to(target.noise.device)
    mask_TT = (group_T[:, None] == group_T).float()
    mask_TT[group_T == 0] = torch.where(group_T == 0, 1.0, target.attention_strength)
    mask_TT[:, group_T == 0] = mask_TT[group_T == 0].T
    return mask_TT.expand(batch, -1, -1)


def _context(target: Target, negative: bool) -> Tensor:
    if not negative:
        return target.context
    if target.negative_context is None:
        raise ValueError("guidance needs the context of a negative prompt, but the target has none: give it one.")
    return target.negative_context


def _flags(by_pass: Sequence[bool], noise: Tensor) -> bool | Tensor:
    """One flag for all items where the passes agree, which is the fast path of the transformer."""
    if len(set(by_pass)) == 1:
        return by_pass[0]
    return torch.tensor(by_pass, device=noise.device).repeat_interleave(len(noise))


def _repeat(tensor: Tensor, batch: int) -> Tensor:
    """Repeat along the batch; one item is expanded, so that its RoPE table is shared."""
    if len(tensor) == 1:
        return tensor.expand(batch, *tensor.shape[1:])
    return tensor.repeat(batch // len(tensor), *[1] * (tensor.ndim - 1))


def _modality(inputs: _Inputs | None, latents: Tensor | None, sigma: float, num_passes: int) -> Modality | None:
    if inputs is None or latents is None:
        return None
    latents = latents.repeat(num_passes, 1, 1)
    if inputs.beside is not None:
        latents = torch.cat([latents, inputs.beside.to(latents)], dim=1)
    noise_levels = inputs.noise_levels.scaled(sigma)
    own_sigma = 0.0 if inputs.is_frozen else sigma
    return Modality(
        latent=latents,
        sigma=torch.full((len(latents),), own_sigma, device=latents.device),
        timesteps=noise_levels.timesteps(latents.shape[1]),
        positions=inputs.positions,
        context=inputs.context,
        attention_mask=inputs.attention_mask,
        noise_levels=noise_levels,
    )
