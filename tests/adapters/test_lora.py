import logging

import pytest
import torch

from ltx_module.adapters import (
    LoRAConfig,
    adapter_names,
    inject_lora,
    linear_shapes,
    load_lora,
    lora_pairs,
    lora_parameters,
    merge_lora,
    read_lora_file,
    save_lora,
    trainable_state,
    write_lora_file,
)

RANK_4 = LoRAConfig(rank=4, alpha=8.0)


def velocities(transformer, modalities):
    with torch.no_grad():
        return torch.cat([velocity.flatten() for velocity in transformer(*modalities)])


def test_fresh_adapter_changes_nothing(build, modalities):
    transformer = build()
    base = velocities(transformer, modalities)
    inject_lora(transformer, RANK_4, seed=1)
    assert torch.equal(velocities(transformer, modalities), base)


def test_only_adapters_get_gradients(build, modalities):
    transformer = build()
    inject_lora(transformer, RANK_4, seed=1)
    video, audio = transformer(*modalities)
    (video.square().mean() + audio.square().mean()).backward()
    with_gradient = {name for name, parameter in transformer.named_parameters() if parameter.grad is not None}
    assert with_gradient == {name for name, _ in transformer.named_parameters() if ".lora_" in name}


def test_every_b_gets_a_gradient_other_than_zero(build, modalities):
    transformer = build()
    inject_lora(transformer, LoRAConfig(rank=4, targets="all_attention_ff"), seed=1)
    video, audio = transformer(*modalities)
    (video.square().mean() + audio.square().mean()).backward()
    still = [name for name, pair in lora_pairs(transformer).items() if not pair.up.grad.any()]
    assert still == []


def test_adapters_are_fp32_beside_a_bf16_base(build):
    transformer = build().bfloat16()
    inject_lora(transformer, RANK_4, seed=1)
    assert {tensor.dtype for tensor in trainable_state(transformer).values()} == {torch.float32}


def test_bf16_base_keeps_its_dtype_with_adapters(build, modalities):
    transformer = build().bfloat16()
    inject_lora(transformer, RANK_4, seed=1)
    with torch.no_grad():
        video, _ = transformer(*modalities)
    assert video.dtype == torch.bfloat16


def test_same_seed_gives_the_same_a_whatever_torch_drew_before(build):
    first, second = build(), build()
    inject_lora(first, RANK_4, seed=1)
    torch.rand(3)
    inject_lora(second, RANK_4, seed=1)
    torch.testing.assert_close(trainable_state(first), trainable_state(second), rtol=0, atol=0)


def test_other_seed_gives_other_a(build):
    first, second = build(), build()
    inject_lora(first, RANK_4, seed=1)
    inject_lora(second, RANK_4, seed=2)
    name = "transformer_blocks.0.attn1.to_q"
    assert not torch.equal(lora_pairs(first)[name].down, lora_pairs(second)[name].down)


def test_modules_of_one_shape_get_different_a(build):
    transformer = build()
    inject_lora(transformer, RANK_4, seed=1)
    pairs = lora_pairs(transformer)
    assert not torch.equal(pairs["transformer_blocks.0.attn1.to_q"].down, pairs["transformer_blocks.1.attn1.to_q"].down)


def test_a_of_a_module_does_not_depend_on_the_other_targets(build):
    first, second = build(), build()
    inject_lora(first, RANK_4, seed=1)
    inject_lora(second, LoRAConfig(rank=4, targets=["attn2.to_v"]), seed=1)
    name = "transformer_blocks.1.attn2.to_v"
    assert torch.equal(lora_pairs(first)[name].down, lora_pairs(second)[name].down)


def test_injecting_leaves_the_global_random_state_alone(build):
    transformer = build()
    before = torch.get_rng_state()
    inject_lora(transformer, RANK_4, seed=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_is_spread_as_a_fresh_linear_layer(build):
    transformer = build()
    inject_lora(transformer, LoRAConfig(rank=64), seed=1)
    down = lora_pairs(transformer)["transformer_blocks.0.attn1.to_q"].down
    # uniform on +-1/8 for 64 inputs: standard deviation 1/8/sqrt(3) = 0.0722
    assert down.abs().max() <= 1 / 8
    assert down.std().item() == pytest.approx(0.0722, rel=0.03)


def test_counts_equal_the_parameters_that_train(build):
    transformer = build()
    counts = inject_lora(transformer, RANK_4, seed=1)
    assert sum(counts.values()) == sum(p.numel() for p in transformer.parameters() if p.requires_grad)
    assert counts == lora_parameters(linear_shapes(build()), RANK_4)


def test_dropout_acts_in_training_alone(build, modalities, train):
    transformer = build()
    inject_lora(transformer, LoRAConfig(rank=4, dropout=0.5), seed=1)
    train(transformer)
    evaluated = velocities(transformer.eval(), modalities)
    assert torch.equal(velocities(transformer, modalities), evaluated)
    assert not torch.equal(velocities(transformer.train(), modalities), evaluated)


@pytest.mark.parametrize("strength", [1.0, 0.7, -0.5])
def test_merged_equals_attached(build, modalities, comfyui_lora, strength):
    merged, attached = build(), build()
    merge_lora(merged, comfyui_lora, strength)
    load_lora(attached, comfyui_lora, strength)
    torch.testing.assert_close(
        velocities(merged, modalities), velocities(attached, modalities), rtol=0, atol=2e-5
    )  # fp32 sums in another order


def test_saved_file_does_what_the_adapter_did(build, modalities, train, tmp_path):
    trained, loaded = build(), build()
    inject_lora(trained, LoRAConfig(rank=4, alpha=10.0), seed=1)
    train(trained)
    save_lora(trained, tmp_path / "a.safetensors", dtype=torch.float32, metadata={})
    load_lora(loaded, tmp_path / "a.safetensors")
    difference = (velocities(trained, modalities) - velocities(loaded, modalities)).abs().max()
    assert difference < 1e-5  # alpha / rank = 2.5, lost: above 0.1


def test_merging_goes_below_an_adapter_in_training(build, modalities, comfyui_lora):
    adapted, plain = build(), build()
    inject_lora(adapted, RANK_4, seed=1)
    merge_lora(adapted, comfyui_lora)
    merge_lora(plain, comfyui_lora)
    assert torch.equal(velocities(adapted, modalities), velocities(plain, modalities))


def test_quantised_weight_is_not_merged_into(build, comfyui_lora):
    transformer = build()
    layer = transformer.transformer_blocks[1].attn1.to_k
    layer.weight = torch.nn.Parameter(layer.weight.to(torch.float8_e4m3fn), requires_grad=False)
    before = transformer.transformer_blocks[0].attn1.to_k.weight.clone()
    with pytest.raises(ValueError, match=r"transformer_blocks.1.attn1.to_k is torch.float8_e4m3fn.*Attach"):
        merge_lora(transformer, comfyui_lora)
    assert torch.equal(transformer.transformer_blocks[0].attn1.to_k.weight, before)


def test_video_build_names_what_an_audio_video_lora_cannot_do(build, comfyui_lora, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("ltx_module"), "propagate", True)  # the command line turns it off
    transformer = build("video")
    with caplog.at_level(logging.INFO):
        load_lora(transformer, comfyui_lora)
    # of 48 modules, 2 blocks x 4 projections x (attn1, attn2) are video's
    assert "16 modules, rank 4; 32 modules of streams not built have no effect" in caplog.text
    assert "audio_attn1, audio_attn2, audio_to_video_attn, video_to_audio_attn" in caplog.text


def test_video_build_loads_the_video_part(build, modalities, comfyui_lora, golden):
    attached, merged = build("video"), build("video")
    load_lora(attached, comfyui_lora)
    match = merge_lora(merged, comfyui_lora)
    assert len(match.not_built) == 32
    with torch.no_grad():
        difference = attached(modalities[0], None)[0] - merged(modalities[0], None)[0]
    assert difference.abs().max() < 2e-5


def test_lora_of_the_audio_stream_alone_is_refused_by_a_video_build(build, random_pair, tmp_path):
    shapes = linear_shapes(build())
    name = "transformer_blocks.0.audio_attn1.to_q"
    path = tmp_path / "audio.safetensors"
    write_lora_file(path, {name: random_pair(shapes[name])}, dtype=torch.float32, metadata={})
    with pytest.raises(ValueError, match=r"not built \(transformer_blocks.0.audio_attn1.to_q\).*streams: av"):
        load_lora(build("video"), path)


def test_lora_on_every_linear_layer_works(build, modalities, random_pair, tmp_path):
    shapes = linear_shapes(build())
    path = tmp_path / "all.safetensors"
    pairs = {name: random_pair(shape, seed=number) for number, (name, shape) in enumerate(shapes.items())}
    write_lora_file(path, pairs, dtype=torch.float32, metadata={})
    merged, attached = build(), build()
    merge_lora(merged, path, 0.01)
    load_lora(attached, path, 0.01)
    assert len(shapes) == 2 * 34 + 8 * 3 + 4  # blocks; AdaLNs outside them; tokens in and out of both streams
    torch.testing.assert_close(velocities(merged, modalities), velocities(attached, modalities), rtol=0, atol=1e-4)


def test_files_of_one_name_get_adapters_of_their_own(build, comfyui_lora):
    transformer = build()
    names = [load_lora(transformer, comfyui_lora) for _ in range(2)]
    assert names == ["tiny_lora_comfyui", "tiny_lora_comfyui_2"]
    assert adapter_names(transformer) == tuple(names)


def test_two_loras_of_different_rank_add_up(build, modalities, comfyui_lora, train, tmp_path):
    source = build()
    inject_lora(source, LoRAConfig(rank=2, targets="video"), seed=3)
    train(source)
    save_lora(source, tmp_path / "rank2.safetensors", metadata={})
    attached, merged = build(), build()
    for path, strength in ((comfyui_lora, 0.5), (tmp_path / "rank2.safetensors", -1.5)):
        load_lora(attached, path, strength)
        merge_lora(merged, path, strength)
    torch.testing.assert_close(velocities(attached, modalities), velocities(merged, modalities), rtol=0, atol=2e-5)


def test_warm_start_continues_where_the_file_left_off(build, modalities, train, tmp_path):
    trained, warm = build(), build()
    inject_lora(trained, RANK_4, seed=1)
    train(trained)
    save_lora(trained, tmp_path / "a.safetensors", dtype=torch.float32, metadata={})
    config = LoRAConfig(rank=4, alpha=2.0, init_from=tmp_path / "a.safetensors")
    inject_lora(warm, config, seed=9)
    torch.testing.assert_close(velocities(warm, modalities), velocities(trained, modalities), rtol=0, atol=1e-5)


def test_warm_start_at_a_higher_rank_has_the_same_update_and_room_to_learn(build, comfyui_lora):
    transformer = build()
    inject_lora(transformer, LoRAConfig(rank=6, alpha=3.0, init_from=comfyui_lora), seed=1)
    name = "transformer_blocks.1.attn2.to_v"
    pair, file_pair = lora_pairs(transformer)[name], read_lora_file(comfyui_lora).pairs[name]
    torch.testing.assert_close(pair.delta(), file_pair.delta(), rtol=1e-5, atol=1e-7)
    assert pair.down[4:].abs().min() > 0


def test_warm_start_trains_a_copy_of_the_file(build, comfyui_lora):
    transformer = build()
    inject_lora(transformer, LoRAConfig(rank=4, alpha=4.0, init_from=comfyui_lora), seed=1)
    before = comfyui_lora.read_bytes()
    with torch.no_grad():
        lora_pairs(transformer)["transformer_blocks.0.attn1.to_q"].down.zero_()
    assert comfyui_lora.read_bytes() == before


def test_warm_start_at_a_lower_rank_is_refused(build, comfyui_lora):
    with pytest.raises(ValueError, match=r"rank` is 2, .* has rank 4.*to 4 or more"):
        inject_lora(build(), LoRAConfig(rank=2, init_from=comfyui_lora), seed=1)


def test_warm_start_that_would_lose_modules_is_refused(build, comfyui_lora):
    with pytest.raises(ValueError, match=r"has 32 modules that `model\.lora\.targets` leaves out"):
        inject_lora(build(), LoRAConfig(rank=4, targets="video", init_from=comfyui_lora), seed=1)


def test_failed_injection_leaves_the_transformer_plain(build, comfyui_lora):
    transformer = build()
    with pytest.raises(ValueError, match="rank"):
        inject_lora(transformer, LoRAConfig(rank=2, init_from=comfyui_lora), seed=1)
    assert adapter_names(transformer) == ()
    assert all(parameter.requires_grad for parameter in transformer.parameters())


@pytest.mark.parametrize("apply", [merge_lora, load_lora])
def test_golden_lora_at_strength_0_7(build, modalities, comfyui_lora, golden, apply):
    transformer = build()
    apply(transformer, comfyui_lora, 0.7)
    with torch.no_grad():
        video, audio = transformer(*modalities)
    for name, velocity in (("video", video), ("audio", audio)):
        expected = golden[f"transformer.lora_strength_0.7.{name}_velocity"]
        assert (velocity - expected).abs().max() < 2e-5 * max(1, expected.abs().max() / 4)
