import pytest
import torch
from safetensors.torch import load_file, save_file

from ltx_module.adapters import (
    LoRAConfig,
    active_adapters,
    inject_lora,
    load_lora,
    lora_pairs,
    merge_lora,
    save_lora,
    set_strength,
    verify_export,
)


@pytest.fixture
def trained(build, train):
    transformer = build()
    inject_lora(transformer, LoRAConfig(rank=4, alpha=10.0, dropout=0.5), seed=1)
    train(transformer)
    return transformer


def exported(transformer, tmp_path, dtype=torch.float32):
    path = tmp_path / "export.safetensors"
    save_lora(transformer, path, dtype=dtype, metadata={})
    return path


def changed(path, change):
    tensors = load_file(path)
    save_file(change(tensors), path)
    return path


def test_fp32_export_does_what_was_trained(trained, modalities, tmp_path):
    check = verify_export(trained, exported(trained, tmp_path), modalities)
    assert (check.keys_loaded, check.keys_not_loaded) == (96, ())
    assert check.max_difference < 1e-5 < 1e-2 < check.effect


def test_bf16_export_is_off_by_rounding_alone(trained, modalities, tmp_path):
    check = verify_export(trained, exported(trained, tmp_path, torch.bfloat16), modalities)
    assert 1e-4 < check.update_error < 0.004  # half a unit of 8 bits, in A and in B: 2^-9 each
    assert check.max_difference < 0.02 * check.effect


def test_merged_as_comfyui_does_means_merged_into_the_weights(build, trained, modalities, tmp_path):
    path = exported(trained, tmp_path)
    bf16 = build().bfloat16()
    inject_lora(bf16, LoRAConfig(rank=4, alpha=10.0), seed=1)
    for name, pair in lora_pairs(bf16).items():
        pair.up.data.copy_(lora_pairs(trained)[name].up)
    check = verify_export(bf16, path, modalities)
    merged = build().bfloat16()
    merge_lora(merged, path)
    with torch.no_grad():
        pairs = zip(bf16(*modalities), merged(*modalities), strict=True)
        expected = max((ours.float() - theirs.float()).abs().max().item() for ours, theirs in pairs)
    assert check.max_difference == expected


def test_nothing_is_changed_by_the_check(trained, modalities, tmp_path):
    before = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    path = exported(trained, tmp_path)
    trained.train()
    verify_export(trained, path, modalities)
    assert trained.training
    assert active_adapters(trained) == ("default",)
    torch.testing.assert_close(dict(trained.state_dict()), before, rtol=0, atol=0)
    assert not any(module._forward_hooks for module in trained.modules())


def test_video_alone_can_be_checked(build, train, modalities, tmp_path):
    transformer = build("video")
    inject_lora(transformer, LoRAConfig(rank=4), seed=1)
    train(transformer)
    check = verify_export(transformer, exported(transformer, tmp_path), (modalities[0], None))
    assert check.max_difference < 1e-5
    assert check.keys_loaded == 2 * 16


def test_other_adapters_stay_out_of_the_check(trained, modalities, comfyui_lora, tmp_path):
    path = exported(trained, tmp_path)
    alone = verify_export(trained, path, modalities)
    load_lora(trained, comfyui_lora)
    assert verify_export(trained, path, modalities) == alone


def test_file_is_compared_at_the_adapters_strength(trained, modalities, tmp_path):
    path = exported(trained, tmp_path)
    set_strength(trained, 0.4)
    assert verify_export(trained, path, modalities).max_difference < 1e-5


def test_fresh_adapter_passes(build, modalities, tmp_path):
    transformer = build()
    inject_lora(transformer, LoRAConfig(rank=4), seed=1)
    check = verify_export(transformer, exported(transformer, tmp_path), modalities)
    assert (check.effect, check.update_error) == (0.0, 0.0)


def test_key_that_comfyui_does_not_know_fails(trained, modalities, tmp_path):
    path = changed(
        exported(trained, tmp_path),
        lambda tensors: {key.replace("diffusion_model.", "transformer."): tensor for key, tensor in tensors.items()},
    )
    with pytest.raises(ValueError, match=r"would not load 96 keys \(transformer\.transformer_blocks"):
        verify_export(trained, path, modalities)


def test_missing_module_fails(trained, modalities, tmp_path):
    path = changed(
        exported(trained, tmp_path),
        lambda tensors: {key: tensor for key, tensor in tensors.items() if "1.attn2.to_v" not in key},
    )
    with pytest.raises(ValueError, match=r"1 trained modules are not in it \(transformer_blocks.1.attn2.to_v\)"):
        verify_export(trained, path, modalities)


def test_lost_alpha_fails(trained, modalities, tmp_path):
    path = changed(
        exported(trained, tmp_path),
        lambda tensors: {key: t / 2.5 if "lora_B" in key else t for key, t in tensors.items()},
    )
    with pytest.raises(ValueError, match=r"is off by 60\.0%"):
        verify_export(trained, path, modalities)


def test_alpha_left_in_the_file_is_applied_a_second_time_and_fails(trained, modalities, tmp_path):
    path = changed(
        exported(trained, tmp_path),
        lambda tensors: {
            **tensors,
            **{key.replace("lora_A.weight", "alpha"): torch.tensor(10.0) for key in tensors if "lora_A" in key},
        },
    )
    with pytest.raises(ValueError, match=r"is off by 150\.0%"):
        verify_export(trained, path, modalities)
