"""Tokens of training against the reference's numbers: references beside a target, and frozen modalities."""

from dataclasses import replace

import pytest
import torch

from ltx_module.diffusion.conditioning import Conditioned
from ltx_module.diffusion.flow_matching import FlowMatching
from ltx_module.diffusion.noisy_tokens import NoisyTokens


def golden_tokens(golden, case, modality, own=slice(None), beside=None):
    read = {name: golden[f"{case}.{modality}_{name}"] for name in ("latent", "sigma", "timesteps", "positions")}
    flow = FlowMatching(
        noisy=read["latent"][:, own],
        velocity=torch.zeros(()),
        sigma=read["sigma"],
        clean=(read["timesteps"] == 0)[:, own],
    )
    return NoisyTokens(flow=flow, positions=read["positions"], beside=beside), golden[f"{case}.{modality}_context"]


def test_a_reference_behind_the_target_gives_the_velocity_of_the_golden_with_it_in_front(golden, transformer):
    case = "transformer.ic_reference_half_resolution"
    latent, positions = golden[f"{case}.video_latent"], golden[f"{case}.video_positions"]
    tokens, context = golden_tokens(golden, case, "video", slice(12, None), latent[:, :12])
    tokens = replace(tokens, positions=torch.cat([positions[:1, :, 12:], positions[:1, :, :12]], dim=2))
    heard, heard_context = golden_tokens(golden, case, "audio")
    velocity, _ = transformer(tokens.modality(context), heard.modality(heard_context))
    expected = golden[f"{case}.video_velocity"][:, 12:]
    torch.testing.assert_close(tokens.own(velocity), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize(("frozen", "other"), [("video", "audio"), ("audio", "video")])
def test_a_frozen_modality_gives_the_velocity_of_the_golden(frozen, other, golden, transformer):
    case = f"transformer.{frozen}_frozen"
    whole = NoisyTokens.frozen(
        Conditioned(tokens=golden[f"{case}.{frozen}_latent"], positions=golden[f"{case}.{frozen}_positions"][:1])
    )
    noisy, context = golden_tokens(golden, case, other)
    modalities = {frozen: whole.modality(golden[f"{case}.{frozen}_context"]), other: noisy.modality(context)}
    velocities = dict(zip(("video", "audio"), transformer(modalities["video"], modalities["audio"]), strict=True))
    torch.testing.assert_close(velocities[other], golden[f"{case}.{other}_velocity"], atol=2e-5, rtol=0)
