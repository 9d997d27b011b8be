from dataclasses import replace

import pytest
import torch
from torch import nn

from ltx_module.model import LTXConfig, LTXTransformer, NoiseLevels


def largest_difference(outputs, expected) -> float:
    return max((a - b).abs().max().item() for a, b in zip(outputs, expected, strict=True))


def test_parameter_names_and_shapes_are_the_published_ones(config, weights):
    with torch.device("meta"):
        transformer = LTXTransformer(config)
    assert {k: v.shape for k, v in transformer.state_dict().items()} == {k: v.shape for k, v in weights.items()}
    assert all(tensor.is_meta for tensor in transformer.state_dict().values())
    assert not list(transformer.buffers())


def test_full_size_has_the_published_number_of_parameters():
    with torch.device("meta"):
        transformer = LTXTransformer(LTXConfig())
        video = LTXTransformer(LTXConfig(), "video")
    assert sum(p.numel() for p in transformer.parameters()) == 18_988_838_144
    assert len(transformer.state_dict()) == 4186
    assert sum(p.numel() for p in transformer.blocks[0].parameters()) == 386_695_360
    assert round(sum(p.numel() for p in video.parameters()) / 1e9, 1) == 13.1


@pytest.mark.parametrize("stream", ["video", "audio"])
def test_a_stream_alone_builds_nothing_of_the_other(stream, build_transformer):
    names = list(build_transformer(stream).state_dict())
    of_both = ("av_ca_", "a2v", "audio_to_video", "video_to_audio")
    is_audio = ["audio_" in name for name in names]
    assert not any(part in name for name in names for part in of_both)
    assert all(is_audio) if stream == "audio" else not any(is_audio)


def test_the_stream_alone_equals_the_full_model_without_the_other_modality(build_transformer, transformer, inputs):
    with torch.no_grad():
        alone, _ = build_transformer("video")(inputs[0], None)
        assert torch.equal(alone, transformer(inputs[0], None)[0])


def test_two_noise_levels_without_a_search_equal_the_general_form(transformer, inputs):
    given = [
        replace(m, noise_levels=NoiseLevels.two(m.sigma, m.timesteps == 0), timesteps=torch.full_like(m.timesteps, 9))
        for m in inputs
    ]
    assert largest_difference(transformer(*given), transformer(*inputs)) == 0


def test_many_noise_levels_equal_modulation_of_every_token(transformer, inputs):
    generator = torch.Generator().manual_seed(0)
    steps = [torch.randint(0, 5, m.timesteps.shape, generator=generator) / 5 for m in inputs]
    per_token = [
        replace(m, timesteps=t, noise_levels=NoiseLevels(levels=t, index=torch.arange(t.shape[1]).expand_as(t)))
        for m, t in zip(inputs, steps, strict=True)
    ]
    found = [replace(m, timesteps=t) for m, t in zip(inputs, steps, strict=True)]
    # Other shapes of the modulation's matmuls round differently.
    assert largest_difference(transformer(*found), transformer(*per_token)) < 5e-6


def test_gradient_checkpointing_keeps_outputs_and_gradients(build_transformer, inputs):
    transformer = build_transformer()
    results = []
    for recompute in (False, True):
        transformer.zero_grad()
        transformer.blocks.num_recomputed = recompute * transformer.num_blocks
        outputs = transformer(*inputs)
        sum(output.square().mean() for output in outputs).backward()
        results.append((outputs, {name: p.grad.clone() for name, p in transformer.named_parameters()}))
    assert largest_difference(results[0][0], results[1][0]) == 0
    assert all(torch.equal(results[1][1][name], grad) for name, grad in results[0][1].items())


def test_gradient_checkpointing_runs_each_block_again_in_backward(build_transformer, inputs):
    transformer = build_transformer()
    transformer.blocks.num_recomputed = transformer.num_blocks
    runs = []
    transformer.blocks[0].register_forward_pre_hook(lambda *_: runs.append(1))
    transformer(*inputs)[0].sum().backward()
    assert len(runs) == 2


def test_items_that_skip_self_attention_are_chosen_one_by_one(transformer, inputs):
    plain, skipping = transformer(*inputs), transformer(*inputs, skip_self_attention_blocks=(0,))
    mixed = transformer(*inputs, skip_self_attention_blocks=(0,), skip_for=torch.tensor([False, True]))
    expected = [torch.stack([a[0], b[1]]) for a, b in zip(plain, skipping, strict=True)]
    assert largest_difference(mixed, expected) < 5e-6
    assert largest_difference(plain, skipping) > 1e-2


def test_what_is_predicted_twice_shares_the_blocks_before_the_first_skipped_one(transformer, inputs):
    plain, skipping = transformer(*inputs), transformer(*inputs, skip_self_attention_blocks=(1,))
    runs = []
    hooks = [block.register_forward_hook(lambda block, *_: runs.append(block)) for block in transformer.blocks]
    twice = transformer(*inputs, skip_self_attention_blocks=(1,), twice=True)
    for hook in hooks:
        hook.remove()
    assert all(torch.equal(both, torch.cat(pair)) for both, *pair in zip(twice, plain, skipping, strict=True))
    assert [runs.count(block) for block in transformer.blocks] == [1] + [2] * (transformer.num_blocks - 1)


def test_isolated_items_are_chosen_one_by_one(transformer, inputs):
    plain, isolated = transformer(*inputs), transformer(*inputs, isolate_modalities=True)
    mixed = transformer(*inputs, isolate_modalities=torch.tensor([True, False]))
    expected = [torch.stack([b[0], a[1]]) for a, b in zip(plain, isolated, strict=True)]
    assert largest_difference(mixed, expected) < 5e-6
    assert largest_difference(plain, isolated) > 1e-2


def test_isolated_modalities_do_not_see_each_other(transformer, inputs):
    video, audio = inputs
    louder = replace(audio, latent=audio.latent * 2, sigma=audio.sigma / 2)
    assert torch.equal(
        transformer(video, audio, isolate_modalities=True)[0], transformer(video, louder, isolate_modalities=True)[0]
    )
    assert not torch.equal(transformer(video, audio)[0], transformer(video, louder)[0])


def test_blocks_compile_as_one_graph(build_transformer, inputs):
    transformer = build_transformer()
    expected = transformer(*inputs)
    for number, block in enumerate(transformer.blocks):
        transformer.blocks[number] = torch.compile(block, fullgraph=True, backend="eager")
    assert largest_difference(transformer(*inputs), expected) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_residual_stream_keeps_the_dtype_of_the_projection_under_autocast(dtype, build_transformer, inputs):
    transformer = build_transformer().to(dtype)
    for adapted in (transformer.blocks[0].attn1, transformer.blocks[0].audio_to_video_attn):
        adapted.to_q = WithFloatAdapter(adapted.to_q)
    seen = []
    transformer.blocks[1].register_forward_pre_hook(lambda _, args: seen.extend([args[0].dtype, args[1].dtype]))
    with torch.autocast("cpu", torch.bfloat16):
        video, audio = transformer(*inputs)
        (video.float().square().mean() + audio.float().square().mean()).backward()
    assert seen == [torch.bfloat16] * 2
    assert transformer.blocks[0].attn1.to_q.adapter.weight.grad.dtype == torch.float32


def test_bfloat16_weights_take_float32_latents_without_autocast(build_transformer, transformer, inputs):
    with torch.no_grad():
        outputs = build_transformer().to(torch.bfloat16)(*inputs)
        expected = transformer(*inputs)
    assert outputs[0].dtype == torch.bfloat16
    # Eight bits of mantissa through two blocks, on outputs of about 4.
    assert largest_difference([output.float() for output in outputs], expected) < 0.3


class WithFloatAdapter(nn.Module):
    """A base layer with a float32 addition, as LoRA has."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.adapter = nn.Linear(base.in_features, base.out_features)

    def forward(self, x):
        return self.base(x) + self.adapter(x.float())


def test_no_modality_is_refused(transformer):
    with pytest.raises(ValueError, match="at least one"):
        transformer(None, None)


def test_tokens_of_a_stream_that_was_not_built_are_refused(build_transformer, inputs):
    with pytest.raises(ValueError, match=r"audio tokens.*streams='video'"):
        build_transformer("video")(*inputs)


def test_a_block_that_does_not_exist_is_refused(transformer, inputs):
    with pytest.raises(ValueError, match=r"block 28 .*0 to 1"):
        transformer(*inputs, skip_self_attention_blocks=(28,))
