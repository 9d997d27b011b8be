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
from ltx_module.diffusion.pass_inputs import PassInputs, noisy_modality, pass_inputs
from ltx_module.model import Modality


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
        twice: bool = ...,
    ) -> Any:
        """Velocity of the video and of the audio tokens."""


class _Pass(NamedTuple):
    name: str
    negative: tuple[bool, bool] = (False, False)
    """Whether the video and the audio see the negative prompt."""
    perturbed: bool = False
    isolated: bool = False


class _Group(NamedTuple):
    """Passes that run together."""

    passes: tuple[_Pass, ...]
    inputs: tuple[PassInputs | None, PassInputs | None]
    perturbed: bool | Tensor
    isolated: bool | Tensor
    twice: bool = False
    """Whether it is two passes of the same inputs, of which the second is perturbed."""


class Denoiser:
    """Predicts the guided x0 of both modalities.

    Inputs are placed once, and nothing is read back from the device. One by one, the perturbed pass shares the blocks
    before the first perturbed one with the prompt's: of the published model's four passes it costs 0.4.

    Args:
        transformer: Predicts velocity.
        targets: Video and audio; one may be None.
        guidance: Scales; a pass runs only where one of them is not neutral.
        batch_passes: Run all passes as one batch, which needs more memory; the results are the same.
    """

    def __init__(
        self,
        transformer: Velocity,
        targets: Targets,
        guidance: JointGuidance,
        *,
        batch_passes: bool = False,
    ) -> None:
        self._transformer, self._targets, self._batch_passes = transformer, targets, batch_passes
        self._scales = _scales(targets, guidance)
        blocks = guidance.stg_blocks
        self._stg_blocks = default_stg_blocks(transformer.num_blocks) if blocks is None else blocks
        self._groups: dict[bool, list[_Group]] = {}

    def __call__(self, latents: Latents, sigma: float, *, with_negative: bool = False) -> tuple[Latents, Latents]:
        """Predict at one noise level.

        Args:
            latents: Noisy latents of video and audio, what is given blended in.
            sigma: Noise level.
            with_negative: Run the negative pass with the negative prompt for every modality at any cfg.

        Returns:
            Guided x0 of both, and x0 of both under the negative prompt (None without that pass).
        """
        if with_negative not in self._groups:
            passes = _needed_passes(self._targets, self._scales, with_negative)
            groups = [passes] if self._batch_passes else _one_by_one(passes)
            self._groups[with_negative] = [_group(group, self._targets) for group in groups]
        by_pass: dict[str, Latents] = {}
        for group in self._groups[with_negative]:
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
        repeats = 1 if group.twice else num_passes
        video, audio = (
            noisy_modality(inputs, latent, sigma, repeats) for inputs, latent in zip(group.inputs, latents, strict=True)
        )
        perturbs = group.perturbed is not False
        velocities = self._transformer(
            video,
            audio,
            skip_self_attention_blocks=self._stg_blocks if perturbs else (),
            isolate_modalities=group.isolated,
            skip_for=group.perturbed if perturbs else True,
            twice=group.twice,
        )
        x0: list[Sequence[Tensor | None]] = []
        for modality, velocity, latent in zip((video, audio), velocities, latents, strict=True):
            if modality is None or latent is None:
                x0.append([None] * num_passes)
            else:
                own = slice(latent.shape[1])  # without the tokens beside
                noisy, levels = modality.latent[:, own], modality.timesteps[:, own]
                parts = velocity[:, own].chunk(num_passes // repeats)
                x0.append([x0 for part in parts for x0 in x0_from_velocity(noisy, part, levels).chunk(repeats)])
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


def _needed_passes(targets: Targets, scales: tuple[Guidance, Guidance], with_negative: bool) -> tuple[_Pass, ...]:
    passes = [_Pass("cond")]
    video, audio = (
        target is not None and (with_negative or scale.cfg != 1) for target, scale in zip(targets, scales, strict=True)
    )
    if video or audio:
        passes.append(_Pass("negative", negative=(video, audio)))
    if any(scale.stg != 0 for scale in scales):
        passes.append(_Pass("perturbed", perturbed=True))
    if any(scale.modality != 1 for scale in scales):
        passes.append(_Pass("isolated", isolated=True))
    return tuple(passes)


def _one_by_one(passes: tuple[_Pass, ...]) -> list[tuple[_Pass, ...]]:
    """Each pass by itself, but the perturbed one together with the prompt's."""
    perturbed = tuple(one for one in passes if one.perturbed)
    cond, *others = (one for one in passes if not one.perturbed)
    return [(cond, *perturbed), *((one,) for one in others)]


def _group(passes: tuple[_Pass, ...], targets: Targets) -> _Group:
    if [one.perturbed for one in passes] == [False, True]:  # of the same inputs
        return _group(passes[:1], targets)._replace(passes=passes, perturbed=True, twice=True)
    video, audio = (
        None if target is None else pass_inputs(target, [one.negative[i] for one in passes])
        for i, target in enumerate(targets)
    )
    noise = next(target.noise for target in targets if target is not None)
    perturbed, isolated = [one.perturbed for one in passes], [one.isolated for one in passes]
    return _Group(passes, (video, audio), _flags(perturbed, noise), _flags(isolated, noise))


def _flags(by_pass: Sequence[bool], noise: Tensor) -> bool | Tensor:
    """One flag for all items where the passes agree, which is the fast path of the transformer."""
    if len(set(by_pass)) == 1:
        return by_pass[0]
    return torch.tensor(by_pass, device=noise.device).repeat_interleave(len(noise))
