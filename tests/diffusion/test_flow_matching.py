import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ltx_module.diffusion.flow_matching import FlowMatching, x0_from_velocity
from ltx_module.model import Modality

GOLDEN_CASES = ["training_step"]

shapes = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 4))
sigmas = st.floats(0, 1)


def draw(shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)


@pytest.fixture(scope="module")
def training_step(transformer, golden):
    """Loss of each item and modality, and the gradients, computed once."""
    flows, modalities = [], []
    for name in ("video", "audio"):
        clean, noise, sigma, context, positions = (
            golden[f"training_step.{name}_{key}"] for key in ("clean", "noise", "sigma", "context", "positions")
        )
        mask = golden["training_step.video_loss_mask"] == 0 if name == "video" else None
        flow = FlowMatching.interpolate(clean, noise, sigma, mask)
        modality = Modality(
            latent=flow.noisy,
            sigma=flow.sigma,
            timesteps=flow.timesteps,
            positions=positions,
            context=context,
            noise_levels=flow.noise_levels,
        )
        flows.append(flow)
        modalities.append(modality)
    transformer.zero_grad()
    losses = [flow.loss(out) for flow, out in zip(flows, transformer(*modalities), strict=True)]
    loss = sum(losses).mean()
    loss.backward()
    grads = {name: parameter.grad.clone() for name, parameter in transformer.named_parameters()}
    transformer.zero_grad()
    return [item.detach() for item in losses], loss.detach(), grads


def test_losses_match_the_reference(training_step, golden):
    (video, audio), loss, _ = training_step
    torch.testing.assert_close(video, golden["training_step.video_loss"], atol=2e-5, rtol=0)
    torch.testing.assert_close(audio, golden["training_step.audio_loss"], atol=2e-5, rtol=0)
    torch.testing.assert_close(loss, golden["training_step.loss"][0], atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    "name",
    [
        "transformer_blocks.0.attn1.to_q.weight",
        "transformer_blocks.0.video_to_audio_attn.to_out.0.weight",
        "transformer_blocks.1.audio_to_video_attn.to_k.weight",
        "transformer_blocks.1.ff.net.2.weight",
    ],
)
def test_gradients_match_the_reference(name, training_step, golden):
    expected = golden[f"training_step.grad.{name}"]
    tolerance = 2e-5 * expected.abs().max().item()
    torch.testing.assert_close(training_step[2][name], expected, atol=tolerance, rtol=0)


@given(shapes, sigmas)
def test_velocity_leads_back_from_any_noise_level_to_x0(shape, sigma):
    x0, noise = draw(shape)
    flow = FlowMatching.interpolate(x0, noise, torch.full(shape[:1], sigma))
    torch.testing.assert_close(x0_from_velocity(flow.noisy, flow.velocity, flow.timesteps), x0, atol=1e-5, rtol=0)


def test_sigma_zero_is_the_clip_and_one_is_noise():
    x0, noise = draw((2, 3, 4))
    noisy = FlowMatching.interpolate(x0, noise, torch.tensor([0.0, 1.0])).noisy
    assert torch.equal(noisy[0], x0[0])
    assert torch.equal(noisy[1], noise[1])


@given(shapes, sigmas, st.integers(0, 31))
def test_clean_tokens_are_unchanged_at_timestep_zero_and_others_noisy_at_sigma(shape, sigma, bits):
    x0, noise = draw(shape)
    clean = torch.tensor([[bool(bits >> token & 1) for token in range(shape[1])]] * shape[0])
    flow = FlowMatching.interpolate(x0, noise, torch.full(shape[:1], sigma), clean)
    assert torch.equal(flow.noisy[clean], x0[clean])
    assert flow.timesteps[clean].count_nonzero() == 0
    assert (flow.timesteps[~clean] == torch.tensor(sigma)).all()
    assert torch.equal(flow.noise_levels.timesteps(shape[1]), flow.timesteps)


def test_clean_tokens_get_no_gradient_and_do_not_enter_the_loss():
    x0, noise = draw((1, 4, 2))
    clean = torch.tensor([[True, False, False, True]])
    flow = FlowMatching.interpolate(x0, noise, torch.tensor([0.5]), clean)
    # Off by 1 where generated, by 100 where clean: the mean over generated tokens alone is 1.
    prediction = (flow.velocity + torch.where(clean, 100.0, 1.0)[..., None]).requires_grad_()
    loss = flow.loss(prediction)
    loss.sum().backward()
    assert loss.tolist() == pytest.approx([1.0])
    assert prediction.grad[clean].count_nonzero() == 0
    assert prediction.grad[~clean].count_nonzero() == 4


def test_an_item_without_generated_tokens_has_loss_zero_and_no_nan():
    x0, noise = draw((2, 3, 2))
    clean = torch.tensor([[True] * 3, [False] * 3])
    flow = FlowMatching.interpolate(x0, noise, torch.tensor([0.5, 0.5]), clean)
    prediction = torch.zeros_like(x0).requires_grad_()
    loss = flow.loss(prediction)
    loss.sum().backward()
    assert loss[0] == 0
    assert loss[1] > 0
    assert prediction.grad.isfinite().all()


def test_bfloat16_latents_are_mixed_in_float32():
    x0, noise = draw((1, 8, 4))
    flow = FlowMatching.interpolate(x0.bfloat16(), noise, torch.tensor([0.3]))
    assert torch.equal(flow.noisy, FlowMatching.interpolate(x0.bfloat16().float(), noise, torch.tensor([0.3])).noisy)
