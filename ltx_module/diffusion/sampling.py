"""From noise to latents: the samplers of the exported workflows.

euler:
    x' = x0 + (sigma' / sigma) * (x - x0)
euler_ancestral_cfg_pp (ComfyUI's, for rectified flow, eta 1): noise is added back at each step, and the direction
comes from the prediction under the negative prompt, whatever the cfg (CFG++, arXiv 2406.08070). With a = 1 - sigma:
    s = sigma / a;  d = (x - a * x0_negative) / sigma;  s_up = s' * sqrt(1 - (s' / s)^2);  s_down = s'^2 / s
    x' = a' * (x0 + s_down * d + s_up * noise)
At sigma 1 and in a step to 0 x0_negative has no weight, so that it is not predicted for its own sake there.

Latents are float32 and packed. The state is what is generated; what is given is blended in before each prediction.

B batch, T tokens, D features.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import torch
from torch import Generator, Tensor

from ltx_module.diffusion.denoiser import Denoiser, Latents, Target, Targets, Velocity
from ltx_module.diffusion.guidance import JointGuidance
from ltx_module.diffusion.sigmas import check_sigmas
from ltx_module.diffusion.tokens import pack_audio, pack_video

Sampler = Literal["euler", "euler_ancestral_cfg_pp"]


@dataclass(frozen=True, kw_only=True)
class SamplingPlan:
    """How to sample: what an exported workflow fixes."""

    sigmas: tuple[float, ...]
    """Noise levels, falling, the last usually 0."""
    guidance: JointGuidance = field(default_factory=JointGuidance)
    sampler: Sampler = "euler"
    batch_passes: bool = False
    """Run the guidance passes of a step as one batch: more memory, the same results."""

    def __post_init__(self) -> None:
        """Check the noise levels."""
        check_sigmas(self.sigmas)


def start_noise(
    video_shape: Sequence[int] | None, audio_shape: Sequence[int] | None, seed: int
) -> tuple[Tensor | None, Tensor | None]:
    """Start noise of one sample, drawn on the CPU so that it is the same for every device.

    The numbers are those of ComfyUI's `RandomNoise` of this seed: video first, then audio, in unpacked order.

    Args:
        video_shape: `(C, F, H, W)`, or None.
        audio_shape: `(C, L, M)`, or None.
        seed: Seed of the sample.

    Returns:
        Packed noise of video and audio, float32, `(1, T, D)`, on the CPU.
    """
    generator = Generator().manual_seed(seed)
    shapes = (video_shape, audio_shape)
    video, audio = (None if shape is None else torch.randn(1, *shape, generator=generator) for shape in shapes)
    return None if video is None else pack_video(video), None if audio is None else pack_audio(audio)


@torch.no_grad()
def sample_latents(
    transformer: Velocity,
    video: Target | None,
    audio: Target | None,
    plan: SamplingPlan,
    *,
    generator: Generator | None = None,
) -> tuple[Tensor | None, Tensor | None]:
    """Generate the latents of one sample, or of several of one shape.

    Args:
        transformer: Predicts velocity.
        video: What to generate of the video, or None.
        audio: What to generate of the audio, or None.
        plan: Schedule, guidance and sampler.
        generator: Source of the noise that an ancestral sampler adds, on the CPU; None is torch's global one.
            ComfyUI on a CPU draws the same with this generator seeded with the sample's seed plus 1.

    Returns:
        Latents of video and audio at the last sigma, packed, float32, `(B, T, D)`.

    Raises:
        ValueError: Guidance by a negative prompt without one.
    """
    ancestral = plan.sampler == "euler_ancestral_cfg_pp"
    targets: Targets = (video, audio)
    denoiser = Denoiser(transformer, targets, plan.guidance, batch_passes=plan.batch_passes)
    states = [None if target is None else target.noise.float() for target in targets]
    steps = list(pairwise(plan.sigmas))
    # Drawn beforehand: copies from the host would wait for the device at each step.
    noises = [_draw_noise(targets, generator) if ancestral and after > 0 else (None, None) for _, after in steps]
    for (sigma, next_sigma), noise in zip(steps, noises, strict=True):
        weighs_negative = ancestral and next_sigma > 0 and sigma < 1
        x0, x0_negative = denoiser(_blended(targets, states), sigma, with_negative=weighs_negative)
        for i, state in enumerate(states):
            guided, negative, added = x0[i], x0_negative[i], noise[i]
            if state is None or guided is None:
                continue
            if added is None:
                states[i] = euler_step(state, guided, sigma, next_sigma)
            else:
                negative = guided if negative is None else negative
                states[i] = ancestral_step(state, guided, negative, added, (sigma, next_sigma))
    return _blended(targets, states)


def euler_step(x: Tensor, x0: Tensor, sigma: float, next_sigma: float) -> Tensor:
    """Follow the straight line through x and x0 to the next noise level.

    Args:
        x: Latents at `sigma`.
        x0: Predicted clean latents.
        sigma: Noise level, above 0.
        next_sigma: The one to reach; at 0 the result is x0.
    """
    return x0 + (x - x0) * (next_sigma / sigma)


def ancestral_step(x: Tensor, x0: Tensor, x0_negative: Tensor, noise: Tensor, sigmas: tuple[float, float]) -> Tensor:
    """One step of `euler_ancestral_cfg_pp`.

    Args:
        x: Latents at the first sigma.
        x0: Guided prediction.
        x0_negative: Prediction under the negative prompt, which gives the direction.
        noise: Standard normal noise.
        sigmas: The noise level and the next; the first may be 1, the second is below 1.
    """
    sigma, next_sigma = sigmas
    alpha, next_alpha = 1 - sigma, 1 - next_sigma
    next_s = next_sigma / next_alpha
    ratio = next_s * alpha / sigma  # s' / s, 0 where s is infinite
    direction = (x - alpha * x0_negative) / sigma
    s_down, s_up = next_s * ratio, next_s * math.sqrt(1 - ratio**2)
    return next_alpha * (x0 + s_down * direction + s_up * noise)


def _blended(targets: Targets, states: Sequence[Tensor | None]) -> Latents:
    video, audio = (
        None if target is None or state is None else target.blend(state)
        for target, state in zip(targets, states, strict=True)
    )
    return video, audio


def _draw_noise(targets: Targets, generator: Generator | None) -> Latents:
    """Noise of a step: one draw for both modalities in unpacked order, which is what ComfyUI does."""
    video, audio = targets
    batch, device = next((len(target.noise), target.noise.device) for target in targets if target is not None)
    video_size, audio_size = (0 if target is None else math.prod(target.shape) for target in targets)
    drawn = torch.randn(batch, video_size + audio_size, generator=generator)
    for_video, for_audio = drawn[:, :video_size], drawn[:, video_size:]
    return (
        None if video is None else pack_video(for_video.reshape(-1, *video.shape)).to(device),
        None if audio is None else pack_audio(for_audio.reshape(-1, *audio.shape)).to(device),
    )
