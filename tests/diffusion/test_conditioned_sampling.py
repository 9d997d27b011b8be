"""Sampling with parts given: a frozen modality, references beside, and how far both attend to each other."""

from dataclasses import replace

import pytest
import torch

from ltx_module.diffusion.conditioning import Reference, Source, apply_conditions
from ltx_module.diffusion.denoiser import Target
from ltx_module.diffusion.guidance import Guidance, JointGuidance
from ltx_module.diffusion.sampling import SamplingPlan, sample_latents
from ltx_module.diffusion.sigmas import DISTILLED_SIGMAS, inference_sigmas
from ltx_module.diffusion.tokens import audio_positions, video_positions

FULL = JointGuidance(video=Guidance(cfg=3, stg=1, modality=3), audio=Guidance(cfg=7, stg=1, modality=3))
PLANS = {
    "euler": SamplingPlan(sigmas=inference_sigmas(3), guidance=FULL),
    "batched": SamplingPlan(sigmas=inference_sigmas(3), guidance=FULL, batch_passes=True),
    "distilled": SamplingPlan(sigmas=DISTILLED_SIGMAS, sampler="euler_ancestral_cfg_pp"),
}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Recorder:
    """The tiny transformer, which remembers what it is shown."""

    def __init__(self, transformer):
        self.transformer, self.num_blocks, self.calls = transformer, transformer.num_blocks, []

    def __call__(self, video, audio, **options):
        self.calls.append((video, audio))
        return self.transformer(video, audio, **options)


@pytest.fixture
def targets():
    video = Target(
        noise=draw(1, 24, 4),
        shape=(4, 3, 2, 4),
        positions=video_positions((3, 2, 4), 24),
        context=draw(1, 16, 64, seed=1),
        negative_context=draw(1, 16, 64, seed=2),
    )
    audio = Target(
        noise=draw(1, 17, 32, seed=3),
        shape=(2, 17, 16),
        positions=audio_positions(17),
        context=draw(1, 16, 32, seed=4),
        negative_context=draw(1, 16, 32, seed=5),
    )
    return video, audio


def with_reference(video, seed=6, **options):
    source = Source(
        modality="video",
        shape=(1, 4, 3, 2, 4),
        fps=24.0,
        device=torch.device("cpu"),
        reference=draw(1, 4, 3, 1, 2, seed=seed),
    )
    applied = apply_conditions(source, [(Reference(), True)])
    groups = tuple(group.tokens for group in applied.appended)
    return replace(video, beside=groups, positions=applied.positions, **options)


def sample(transformer, targets, plan):
    return sample_latents(transformer, *targets, plan, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_frozen_modality_comes_out_as_given_and_is_at_noise_level_zero_throughout(plan, transformer, targets):
    given = draw(1, 17, 32, seed=9)
    frozen = replace(targets[1], clean_latent=given, clean=torch.ones(1, 17), is_frozen=True)
    recorder = Recorder(transformer)
    video, audio = sample(recorder, (targets[0], frozen), plan)
    assert torch.equal(audio, given)
    assert video.isfinite().all()
    for seen, heard in recorder.calls:
        assert not heard.sigma.any()
        assert not heard.timesteps.any()
        assert torch.equal(heard.latent, given.expand_as(heard.latent))
        assert (seen.sigma > 0).all()
    other = replace(frozen, clean_latent=draw(1, 17, 32, seed=10))
    assert not torch.equal(sample(transformer, (targets[0], other), plan)[0], video)


def test_a_frozen_modality_is_not_guided(transformer, targets):
    frozen = replace(targets[1], clean_latent=draw(1, 17, 32), clean=torch.ones(1, 17), is_frozen=True)
    unguided = JointGuidance(video=FULL.video)
    expected = sample(transformer, (targets[0], frozen), replace(PLANS["euler"], guidance=unguided))
    got = sample(transformer, (targets[0], frozen), PLANS["euler"])
    assert torch.equal(got[0], expected[0])


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_reference_stays_clean_beside_what_is_generated_and_leads_it(plan, transformer, targets):
    video = with_reference(targets[0])
    recorder = Recorder(transformer)
    generated, _ = sample(recorder, (video, targets[1]), plan)
    assert generated.shape == (1, 24, 4)
    for seen, _ in recorder.calls:
        assert torch.equal(seen.latent[:, 24:], video.beside[0].expand(len(seen.latent), -1, -1))
        assert not seen.timesteps[:, 24:].any()
        assert (seen.timesteps[:, :24] == seen.sigma[:, None]).all()
        assert seen.attention_mask is None
    other, _ = sample(transformer, (with_reference(targets[0], seed=7), targets[1]), plan)
    assert not torch.allclose(generated, other, atol=1e-3)


def test_batched_passes_give_the_same_with_a_reference(transformer, targets):
    pair = with_reference(targets[0]), targets[1]
    for one, other in zip(
        sample(transformer, pair, PLANS["euler"]), sample(transformer, pair, PLANS["batched"]), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_attention_strength_fades_from_the_reference_to_none(transformer, targets):
    plan = replace(PLANS["euler"], guidance=JointGuidance())
    alone = sample(transformer, targets, plan)[0]
    whole = sample(transformer, (with_reference(targets[0]), targets[1]), plan)[0]
    distances = []
    for strength in (0.0, 0.3, 1.0):
        video = with_reference(targets[0], attention_strength=strength)
        distances.append(float((sample(transformer, (video, targets[1]), plan)[0] - alone).abs().mean()))
    assert distances[2] == float((whole - alone).abs().mean())
    assert distances[0] < distances[1] < distances[2]


def test_attention_strength_weighs_target_and_groups_both_ways(transformer, targets):
    video = replace(
        targets[0],
        beside=(draw(1, 3, 4), draw(1, 2, 4)),
        positions=torch.cat([targets[0].positions, targets[0].positions[:, :, :5]], dim=2),
        attention_strength=0.4,
    )
    recorder = Recorder(transformer)
    sample(recorder, (video, None), SamplingPlan(sigmas=(1.0, 0.0)))
    mask = recorder.calls[0][0].attention_mask[0]
    group = [0] * 24 + [1] * 3 + [2] * 2
    for row, of_row in enumerate(group):
        for column, of_column in enumerate(group):
            expected = 1.0 if of_row == of_column else 0.4 if 0 in (of_row, of_column) else 0.0
            assert mask[row, column] == pytest.approx(expected)
