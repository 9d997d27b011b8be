"""What a pass of the transformer takes of one modality: the same at every step, but for the noisy latents.

B batch, T tokens, R tokens beside them, D features, S prompt tokens.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from ltx_module.model import Modality, NoiseLevels

if TYPE_CHECKING:
    from ltx_module.diffusion.denoiser import Target


class PassInputs(NamedTuple):
    """What the passes of a batch take of one modality, the same at every step."""

    context: Tensor
    positions: Tensor
    noise_levels: NoiseLevels
    """For sigma 1."""
    is_frozen: bool
    beside: Tensor | None
    attention_mask: Tensor | None


def pass_inputs(target: "Target", negative: Sequence[bool]) -> PassInputs:
    """Place what does not change.

    Args:
        target: What to generate.
        negative: Whether a pass sees the negative prompt, for each that runs in the batch.

    Raises:
        ValueError: If one does and there is none.
    """
    batch, device = len(negative) * len(target.noise), target.noise.device
    beside = torch.cat(target.beside, dim=1) if target.beside else None
    if target.is_frozen:
        noise_levels = NoiseLevels.one(torch.zeros(batch, device=device))
    elif target.clean is None and beside is None:
        noise_levels = NoiseLevels.one(torch.ones(batch, device=device))
    else:
        noise_levels = _levels(target, beside, batch)
    return PassInputs(
        context=torch.cat([_context(target, shown) for shown in negative]),
        positions=_repeat(target.positions, batch),
        noise_levels=noise_levels,
        is_frozen=target.is_frozen,
        beside=None if beside is None else _repeat(beside, batch),
        attention_mask=_attention_mask(target, batch),
    )


def noisy_modality(inputs: PassInputs | None, latents: Tensor | None, sigma: float, num_passes: int) -> Modality | None:
    """A step's input; None where the modality is absent.

    Args:
        inputs: Of the passes.
        latents: At this noise level, what is given blended in, `(B, T, D)`.
        sigma: The noise level.
        num_passes: How often the latents are repeated.
    """
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


def _levels(target: "Target", beside: Tensor | None, batch: int) -> NoiseLevels:
    """Noise levels for sigma 1, where something is given; only partly given tokens need a look at the device."""
    noise = target.noise
    clean = torch.zeros(noise.shape[:2], dtype=torch.bool, device=noise.device)
    if target.clean is not None:
        clean = target.clean.expand_as(clean)
    if beside is not None:
        clean = torch.cat([clean, clean.new_ones(len(clean), beside.shape[1])], dim=1)
    if clean.dtype == torch.bool:
        return NoiseLevels.two(torch.ones(batch, device=noise.device), _repeat(clean, batch))
    return NoiseLevels.distinct(_repeat(1 - clean.float(), batch))


def _attention_mask(target: "Target", batch: int) -> Tensor | None:
    """Weights between the generated tokens and the groups beside them, `(B, T + R, T + R)`; None where all are 1."""
    if not target.beside or target.attention_strength == 1:
        return None
    sizes = [target.noise.shape[1], *(group.shape[1] for group in target.beside)]
    group_T = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)).to(target.noise.device)
    mask_TT = (group_T[:, None] == group_T).float()
    mask_TT[group_T == 0] = torch.where(group_T == 0, 1.0, target.attention_strength)
    mask_TT[:, group_T == 0] = mask_TT[group_T == 0].T
    return mask_TT.expand(batch, -1, -1)


def _context(target: "Target", negative: bool) -> Tensor:
    if not negative:
        return target.context
    if target.negative_context is None:
        raise ValueError("guidance needs the context of a negative prompt, but the target has none: give it one.")
    return target.negative_context


def _repeat(tensor: Tensor, batch: int) -> Tensor:
    """Repeat along the batch; one item is expanded, so that its RoPE table is shared."""
    if len(tensor) == 1:
        return tensor.expand(batch, *tensor.shape[1:])
    return tensor.repeat(batch // len(tensor), *[1] * (tensor.ndim - 1))
