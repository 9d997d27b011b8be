import pytest
import torch

from ltx_module.adapters import LoRAConfig, adapter_groups, frozen_norms, inject_lora, lora_pairs
from ltx_module.adapters.norms import GROUP_NAMES, update_norms, update_sizes
from ltx_module.adapters.targets import group_of, linears


@pytest.fixture
def transformer(build, train):
    model = build()
    inject_lora(model, LoRAConfig(rank=3, alpha=6.0, targets="all_attention_ff"), seed=0)
    train(model)
    return model


def test_a_pair_knows_the_norm_of_its_update_without_making_it(random_pair):
    pair = random_pair((40, 24), rank=5, alpha=2.0)
    assert pair.squared_norm().item() == pytest.approx(pair.delta().square().sum().item(), rel=1e-5)


def test_a_pair_that_has_learnt_nothing_has_no_norm(random_pair):
    pair = random_pair((40, 24))
    pair.up.zero_()
    assert pair.squared_norm() == 0


def test_norms_of_a_group_are_those_of_all_its_updates_and_weights(transformer):
    updates = {name: pair.delta() for name, pair in lora_pairs(transformer).items()}
    mine = [name for name in updates if group_of(name) == "audio_attn2"]
    assert len(mine) == 2 * 4  # four projections in each of two blocks
    whole = torch.cat([updates[name].flatten() for name in mine])
    weights = torch.cat([linears(transformer)[name].weight.flatten() for name in mine])
    assert update_norms(transformer)["audio_attn2"].item() == pytest.approx(whole.norm().item(), rel=1e-5)
    assert frozen_norms(transformer)["audio_attn2"].item() == pytest.approx(weights.norm().item(), rel=1e-5)
    assert update_sizes(transformer)["audio_attn2"] == whole.numel()


def test_every_part_of_a_block_has_a_group_and_a_name_in_words(transformer):
    groups = adapter_groups(transformer)
    assert groups.keys() == GROUP_NAMES.keys()
    trainable = [parameter for parameter in transformer.parameters() if parameter.requires_grad]
    assert {id(parameter) for group in groups.values() for parameter in group} == {id(item) for item in trainable}
