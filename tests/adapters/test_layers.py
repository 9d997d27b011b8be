import pytest
import torch

from ltx_module.adapters import (
    LoRAConfig,
    active_adapters,
    adapter_names,
    adapter_strength,
    attach_lora,
    detach_lora,
    inject_lora,
    load_lora,
    load_trainable_state,
    lora_disabled,
    only_adapters,
    set_strength,
    trainable_state,
)

RANK_4 = LoRAConfig(rank=4, alpha=8.0)


def velocities(transformer, modalities):
    with torch.no_grad():
        return torch.cat([velocity.flatten() for velocity in transformer(*modalities)])


def trainable(transformer):
    return {name for name, parameter in transformer.named_parameters() if parameter.requires_grad}


@pytest.fixture
def trained(build, train):
    """A transformer with a trained adapter."""
    transformer = build()
    inject_lora(transformer, RANK_4, seed=1)
    train(transformer)
    return transformer


def test_disabled_adapter_is_the_base_bit_for_bit(build, trained, modalities):
    with lora_disabled(trained):
        inside = velocities(trained, modalities)
    assert torch.equal(inside, velocities(build(), modalities))


def test_adapter_is_back_after_the_disabled_block(trained, modalities):
    before, flags = velocities(trained, modalities), trainable(trained)
    with lora_disabled(trained):
        pass
    assert torch.equal(velocities(trained, modalities), before)
    assert trainable(trained) == flags


def test_adapter_is_back_after_an_error_in_the_disabled_block(trained):
    with pytest.raises(RuntimeError, match="inside"), lora_disabled(trained):
        raise RuntimeError("inside")
    assert active_adapters(trained) == ("default",)


def test_strength_zero_is_the_base(build, trained, modalities):
    set_strength(trained, 0.0)
    assert torch.equal(velocities(trained, modalities), velocities(build(), modalities))


def test_strength_one_is_as_trained(trained, modalities):
    before = velocities(trained, modalities)
    set_strength(trained, 0.3)
    set_strength(trained, 1.0)
    assert torch.equal(velocities(trained, modalities), before)


def test_strength_scales_the_update_of_a_layer(trained):
    layer, x = trained.transformer_blocks[0].attn1.to_q, torch.randn(3, 64)
    base, full = layer.base_layer(x), layer(x)
    set_strength(trained, 0.25)
    torch.testing.assert_close(layer(x) - base, (full - base) / 4)


def test_strength_is_reported_without_alpha_and_rank(trained):
    set_strength(trained, 0.7)
    assert adapter_strength(trained) == pytest.approx(0.7)


def test_frozen_adapter_beside_the_trained_one_gets_no_gradients(trained, comfyui_lora):
    before = trainable(trained)
    load_lora(trained, comfyui_lora)
    assert trainable(trained) == before
    assert active_adapters(trained) == ("default", "tiny_lora_comfyui")


def test_only_adapters_leaves_out_the_others(build, trained, modalities, comfyui_lora):
    load_lora(trained, comfyui_lora, 0.5, adapter="file")
    alone = build()
    load_lora(alone, comfyui_lora, 0.5)
    with only_adapters(trained, "file"):
        assert torch.equal(velocities(trained, modalities), velocities(alone, modalities))


def test_only_adapters_refuses_an_unknown_name(trained):
    with pytest.raises(ValueError, match=r"no adapter 'other'.*it has default"), only_adapters(trained, "other"):
        pass


def test_detached_adapter_leaves_the_trained_one_as_it_was(trained, modalities, comfyui_lora):
    before, flags = velocities(trained, modalities), trainable(trained)
    name = load_lora(trained, comfyui_lora)
    detach_lora(trained, name)
    assert torch.equal(velocities(trained, modalities), before)
    assert trainable(trained) == flags


def test_transformer_is_plain_after_its_last_adapter_went(build, comfyui_lora):
    transformer = build()
    name = load_lora(transformer, comfyui_lora)
    detach_lora(transformer, name)
    assert transformer.state_dict().keys() == build().state_dict().keys()
    assert adapter_names(transformer) == ()


def test_adapter_can_be_injected_again_after_detaching(build, comfyui_lora, modalities):
    transformer, fresh = build(), build()
    detach_lora(transformer, load_lora(transformer, comfyui_lora))
    inject_lora(transformer, RANK_4, seed=1)
    inject_lora(fresh, RANK_4, seed=1)
    torch.testing.assert_close(trainable_state(transformer), trainable_state(fresh), rtol=0, atol=0)


def test_adapter_attached_while_another_is_off_does_not_switch_it_on(trained, comfyui_lora):
    with lora_disabled(trained):
        load_lora(trained, comfyui_lora, adapter="file")
        assert active_adapters(trained) == ("file",)


def test_taken_name_is_refused(trained, random_pair):
    pairs = {"transformer_blocks.0.attn1.to_q": random_pair((64, 64))}
    with pytest.raises(ValueError, match="'default' is taken"):
        attach_lora(trained, pairs, adapter="default")


def test_state_goes_into_another_transformer_unchanged(build, trained, modalities):
    other = build()
    inject_lora(other, RANK_4, seed=2)
    load_trainable_state(other, trainable_state(trained))
    assert torch.equal(velocities(other, modalities), velocities(trained, modalities))


def test_state_holds_the_trained_adapter_alone(trained, comfyui_lora):
    load_lora(trained, comfyui_lora)
    assert len(trainable_state(trained)) == 2 * 48


@pytest.mark.parametrize("config", [LoRAConfig(rank=2), LoRAConfig(rank=4, targets="video")])
def test_state_of_other_size_or_targets_is_refused(build, trained, config):
    other = build()
    inject_lora(other, config, seed=1)
    with pytest.raises(ValueError, match=r"does not fit `model.lora`: \d+ tensors differ"):
        load_trainable_state(other, trainable_state(trained))
