import copy
import math
from dataclasses import replace

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from ltx_module.diffusion.denoiser import Target
from ltx_module.diffusion.guidance import Guidance, JointGuidance
from ltx_module.diffusion.sampling import SamplingPlan, ancestral_step, sample_latents, start_noise
from ltx_module.diffusion.sigmas import DISTILLED_SIGMAS, inference_sigmas
from ltx_module.diffusion.tokens import audio_positions, unpack_audio, unpack_video, video_positions

GOLDEN_CASES = ["sampling", "sampling_first_frame", "sampling_distilled"]

FULL = JointGuidance(
    video=Guidance(cfg=3, stg=1, modality=3, rescale=0.7), audio=Guidance(cfg=7, stg=1, modality=3, rescale=0.7)
)
VIDEO_CFG = JointGuidance(video=Guidance(cfg=3, rescale=0.7))


@pytest.fixture(scope="module")
def targets(golden):
    def read(name):
        return golden[f"sampling.{name}"]

    video = Target(
        noise=read("noise_video"),
        shape=(4, 3, 2, 3),
        positions=video_positions((3, 2, 3), 24),
        context=read("context_video"),
        negative_context=read("negative_context_video"),
    )
    audio = Target(
        noise=read("noise_audio"),
        shape=(2, 7, 16),
        positions=audio_positions(7),
        context=read("context_audio"),
        negative_context=read("negative_context_audio"),
    )
    return video, audio


@pytest.fixture(scope="module")
def targets_with_first_frame(targets, golden):
    clean_latent = torch.zeros(1, 18, 4)
    clean_latent[:, :6] = golden["sampling_first_frame.clean_first_frame"]
    return replace(targets[0], clean_latent=clean_latent, clean=torch.arange(18)[None] < 6), targets[1]


def reference_plan(golden, **settings):
    return SamplingPlan(sigmas=tuple(golden["sampling.sigmas"].tolist()), **settings)


def assert_latents(latents, golden, case):
    for latent, name in zip(latents, ("video", "audio"), strict=True):
        torch.testing.assert_close(latent, golden[f"{case}.{name}_latent"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("batch_passes", [False, True])
def test_guided_sampling_matches_the_reference(batch_passes, transformer, targets, golden):
    plan = reference_plan(golden, guidance=FULL, batch_passes=batch_passes)
    assert_latents(sample_latents(transformer, *targets, plan), golden, "sampling")


@pytest.mark.parametrize("batch_passes", [False, True])
def test_sampling_from_a_first_frame_matches_the_reference(batch_passes, transformer, targets_with_first_frame, golden):
    plan = reference_plan(golden, guidance=VIDEO_CFG, batch_passes=batch_passes)
    assert_latents(sample_latents(transformer, *targets_with_first_frame, plan), golden, "sampling_first_frame")


def test_distilled_sampling_matches_the_reference(transformer, targets, golden):
    latents = sample_latents(transformer, *targets, SamplingPlan(sigmas=DISTILLED_SIGMAS))
    assert_latents(latents, golden, "sampling_distilled")


@pytest.mark.parametrize("sampler", ["euler", "euler_ancestral_cfg_pp"])
def test_passes_in_one_batch_give_the_same_for_several_samples(sampler, transformer, targets_with_first_frame):
    several = [
        replace(
            target,
            **{
                name: torch.cat([tensor, tensor.flip(1)])
                for name in ("noise", "context", "negative_context", "clean_latent", "clean")
                if (tensor := getattr(target, name)) is not None
            },
        )
        for target in targets_with_first_frame
    ]
    plan = SamplingPlan(sigmas=(1.0, 0.8, 0.4, 0.0), guidance=FULL, sampler=sampler)
    latents = [
        sample_latents(transformer, *several, one, generator=torch.Generator().manual_seed(0))
        for one in (plan, replace(plan, batch_passes=True))
    ]
    for one_by_one, batched in zip(*latents, strict=True):
        torch.testing.assert_close(one_by_one, batched, atol=1e-4, rtol=0)


@pytest.mark.parametrize("sampler", ["euler", "euler_ancestral_cfg_pp"])
def test_clean_tokens_come_out_unchanged(sampler, transformer, targets_with_first_frame):
    plan = SamplingPlan(sigmas=inference_sigmas(3), guidance=VIDEO_CFG, sampler=sampler)
    video, _ = sample_latents(transformer, *targets_with_first_frame, plan)
    assert torch.equal(video[:, :6], targets_with_first_frame[0].clean_latent[:, :6])


def test_guidance_without_a_negative_prompt_is_refused(transformer, targets):
    video = replace(targets[0], negative_context=None)
    with pytest.raises(ValueError, match="negative prompt"):
        sample_latents(transformer, video, None, SamplingPlan(sigmas=(1.0, 0.0), guidance=FULL))


class Recorder:
    """A transformer that predicts `x0(latent, timesteps, context)` exactly and remembers how it was called."""

    num_blocks = 5

    def __init__(self, x0):
        self.x0 = x0
        self.calls = []

    def __call__(
        self, video, audio, skip_self_attention_blocks=(), isolate_modalities=False, *, skip_for=True, twice=False
    ):
        self.calls.append((video, audio, tuple(skip_self_attention_blocks), isolate_modalities))
        velocities = [self._velocity(modality) for modality in (video, audio)]
        return [velocity if velocity is None or not twice else velocity.repeat(2, 1, 1) for velocity in velocities]

    def _velocity(self, modality):
        if modality is None:
            return None
        timesteps = modality.timesteps[..., None]
        return (modality.latent - self.x0(modality.latent, timesteps, modality.context)) / timesteps.clamp(min=1e-9)


def gaussian_x0(std: float):
    """E[x0 | x] for data of N(0, std^2): what a perfect model of it predicts."""

    def x0(x, sigma, _):
        return (1 - sigma) * std**2 / ((1 - sigma) ** 2 * std**2 + sigma**2) * x

    return x0


def audio_target(noise, **changes):
    context = torch.zeros(len(noise), 1, 1)
    fields = {
        "noise": noise,
        "shape": (1, noise.shape[1], noise.shape[2]),
        "positions": audio_positions(noise.shape[1]),
        "context": context,
        "negative_context": context - 1,
    }
    return Target(**{**fields, **changes})


@pytest.fixture
def noise():
    return torch.randn(1, 200, 100, generator=torch.Generator().manual_seed(0))


def test_euler_reaches_the_closed_form_of_gaussian_data(noise):
    # The flow's straight-line average keeps x / sqrt((1 - sigma)^2 std^2 + sigma^2) constant, so noise ends at std.
    plan = SamplingPlan(sigmas=tuple(1 - i / 400 for i in range(401)))
    _, latents = sample_latents(Recorder(gaussian_x0(0.5)), None, audio_target(noise), plan)
    torch.testing.assert_close(latents, 0.5 * noise, atol=2e-2, rtol=0)


def test_the_ancestral_sampler_draws_gaussian_data_afresh(noise):
    plan = SamplingPlan(sigmas=tuple(1 - i / 200 for i in range(201)), sampler="euler_ancestral_cfg_pp")
    generator = torch.Generator().manual_seed(1)
    _, latents = sample_latents(Recorder(gaussian_x0(0.5)), None, audio_target(noise), plan, generator=generator)
    assert latents.std().item() == pytest.approx(0.5, abs=0.015)  # 200 steps, 20,000 draws
    correlation = torch.corrcoef(torch.stack([latents.flatten(), noise.flatten()]))[0, 1]
    assert abs(correlation) < 0.03


@pytest.mark.parametrize(("sigma", "next_sigma"), [(1.0, 0.9), (0.9, 0.5), (0.42, 0.1)])
def test_an_ancestral_step_keeps_the_noise_level_and_renews_the_noise(sigma, next_sigma, noise):
    data, fresh = torch.tensor(3.0), torch.randn(noise.shape, generator=torch.Generator().manual_seed(2))
    x = (1 - sigma) * data + sigma * noise
    reached = (ancestral_step(x, data, data, fresh, (sigma, next_sigma)) - (1 - next_sigma) * data) / next_sigma
    kept = torch.corrcoef(torch.stack([reached.flatten(), noise.flatten()]))[0, 1].item()
    assert reached.std().item() == pytest.approx(1, abs=0.02)
    # Of the old noise, the ratio of both noise-to-signal levels is kept.
    assert kept == pytest.approx(next_sigma / (1 - next_sigma) * (1 - sigma) / sigma, abs=0.02)


def test_the_ancestral_direction_comes_from_the_negative_prompt_at_cfg_one(noise):
    # One step from 0.8 to 0.5 towards x0 = context: 1 for the prompt, 0 for the negative one.
    target = audio_target(noise, context=torch.ones(1, 1, 1), negative_context=torch.zeros(1, 1, 1))
    model = Recorder(lambda x, _, context: context.expand_as(x))
    plan = SamplingPlan(sigmas=(0.8, 0.5), sampler="euler_ancestral_cfg_pp")
    _, latents = sample_latents(model, None, target, plan, generator=torch.Generator().manual_seed(4))
    fresh = torch.randn(1, 200 * 100, generator=torch.Generator().manual_seed(4)).reshape(1, 200, 100)
    # s = 0.8 / 0.2 = 4, s' = 1: s_down = 1 / 4, s_up = sqrt(1 - 1 / 16); d = x / 0.8
    expected = 0.5 * (1 + 0.25 * noise / 0.8 + math.sqrt(15 / 16) * fresh)
    torch.testing.assert_close(latents, expected, atol=1e-5, rtol=0)
    assert len(model.calls) == 2


def test_the_ancestral_sampler_runs_the_negative_prompt_where_it_has_weight(noise):
    model = Recorder(lambda x, _, context: context.expand_as(x))
    target = audio_target(noise, context=torch.ones(1, 1, 1), negative_context=torch.zeros(1, 1, 1))
    plan = SamplingPlan(sigmas=(1.0, 0.8, 0.5, 0.0), sampler="euler_ancestral_cfg_pp")
    _, latents = sample_latents(model, None, target, plan, generator=torch.Generator().manual_seed(4))
    prompts = [audio.context.mean().item() for _, audio, *_ in model.calls]
    assert prompts == [1, 1, 0, 1]  # sigma 1: a = 0; 0.8: both; 0.5 to 0: the prompt's x0 itself
    torch.testing.assert_close(latents, torch.ones_like(noise))


def test_only_the_passes_that_act_are_run(targets):
    model = Recorder(gaussian_x0(1.0))
    sample_latents(model, *targets, SamplingPlan(sigmas=(1.0, 0.0), guidance=FULL))
    sample_latents(model, *targets, SamplingPlan(sigmas=(1.0, 0.0)))
    options = [call[2:] for call in model.calls]
    # Guided: prompt with and without a perturbed block (60 % of 5), negative prompt, isolated. Unguided: the prompt.
    assert options == [((3,), False), ((), False), ((), True), ((), False)]


def test_one_modality_alone_costs_no_isolated_pass(targets):
    model = Recorder(gaussian_x0(1.0))
    latents = sample_latents(model, targets[0], None, SamplingPlan(sigmas=(1.0, 0.0), guidance=FULL))
    assert latents[1] is None
    assert [call[2:] for call in model.calls] == [((3,), False), ((), False)]


def test_the_negative_prompt_is_shown_to_guided_modalities_alone(targets):
    model = Recorder(gaussian_x0(1.0))
    sample_latents(model, *targets, SamplingPlan(sigmas=(1.0, 0.0), guidance=VIDEO_CFG))
    video, audio, *_ = model.calls[1]
    assert torch.equal(video.context, targets[0].negative_context)
    assert torch.equal(audio.context, targets[1].context)


def test_a_partly_given_token_has_a_noise_level_between(noise):
    clean = torch.linspace(0, 1, 5).repeat(40)[None]
    model = Recorder(gaussian_x0(1.0))
    target = audio_target(noise, clean_latent=torch.zeros_like(noise), clean=clean)
    sample_latents(model, None, target, SamplingPlan(sigmas=(0.8, 0.0)))
    audio = model.calls[0][1]
    torch.testing.assert_close(audio.timesteps, 0.8 * (1 - clean))
    torch.testing.assert_close(audio.latent, noise * (1 - clean)[..., None])


def test_start_noise_is_drawn_for_the_video_first_in_unpacked_order():
    video, audio = start_noise((4, 3, 2, 5), (2, 7, 16), seed=10)
    torch.manual_seed(10)
    assert torch.equal(unpack_video(video, (3, 2, 5)), torch.randn(1, 4, 3, 2, 5))
    assert torch.equal(unpack_audio(audio, 16), torch.randn(1, 2, 7, 16))


def test_samples_depend_on_their_generator_alone(transformer, targets):
    plan = SamplingPlan(sigmas=DISTILLED_SIGMAS[4:], sampler="euler_ancestral_cfg_pp")
    latents = []
    for _ in range(2):
        torch.rand(3)
        latents.append(sample_latents(transformer, *targets, plan, generator=torch.Generator().manual_seed(7)))
    other = sample_latents(transformer, *targets, plan, generator=torch.Generator().manual_seed(8))
    assert torch.equal(latents[0][0], latents[1][0])
    assert torch.equal(latents[0][1], latents[1][1])
    assert not torch.equal(latents[0][0], other[0])


def test_compiled_blocks_are_asked_for_two_graphs_by_a_guided_sample(transformer, targets):
    counter = CompileCounter()
    compiled = copy.deepcopy(transformer)
    for block in compiled.blocks:
        block.compile(backend=counter, dynamic=False)
    plan = SamplingPlan(sigmas=(1.0, 0.5, 0.0), guidance=replace(FULL, stg_blocks=(1,)))
    latents = sample_latents(compiled, *targets, plan)
    assert counter.frame_count == 2  # with and without the other modality
    for found, expected in zip(latents, sample_latents(transformer, *targets, plan), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
