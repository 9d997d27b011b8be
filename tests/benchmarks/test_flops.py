"""The arithmetic of a step, counted in closed form, is what torch counts in a real one."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.flops import StepFlops, Tokens, step_flops
from benchmarks.full_size_config import full_size_config
from benchmarks.random_weights import config_of
from ltx_module.adapters import LoRAConfig, inject_lora
from ltx_module.model import LTXConfig, LTXTransformer, Modality

TOKENS = Tokens(video=12, audio=5, text=7)


def modality(tokens, channels, width, axes):
    return Modality(
        latent=torch.randn(1, tokens, channels),
        sigma=torch.tensor([0.5]),
        timesteps=torch.full((1, tokens), 0.5),
        positions=torch.rand(1, axes, tokens, 2),
        context=torch.randn(1, TOKENS.text, width),
    )


def test_count_is_that_of_a_real_step():
    config = LTXConfig.from_metadata(config_of(tiny=True, blocks=2)["transformer"])
    transformer = LTXTransformer(config).requires_grad_(False)
    inject_lora(transformer, LoRAConfig(rank=4), seed=0)
    video = modality(TOKENS.video, config.in_channels, config.video_dim, 3)
    audio = modality(TOKENS.audio, config.audio_in_channels, config.audio_dim, 1)
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):  # the others have no count on a processor
        velocities = transformer(video, audio)
        sum(velocity.sum() for velocity in velocities).backward()
    assert step_flops(config, TOKENS, rank=4).total == counter.get_total_flops()


def test_large_layers_of_the_published_model_take_nearly_all():
    config = LTXConfig.from_metadata(full_size_config()["transformer"])
    flops = step_flops(config, Tokens(video=3570, audio=51, text=1024), rank=32)
    blocks = 48 * 2 * 3570 * (3 * 2 * 4096 * 4096 + 2 * 4096 * 16384)  # q, v and out of two attentions; feed-forward
    assert flops.frozen > 2 * blocks
    assert flops.frozen / flops.total > 0.8


def test_floor_divides_each_part_by_its_own_rate():
    flops = StepFlops(frozen=4 * 10**12, attention=10**12, other=10**12)
    assert flops.floor_ms(frozen_tflops=4.0, bf16_tflops=2.0) == pytest.approx(1000 + 1000)
