import torch
from hypothesis import given
from hypothesis import strategies as st

from ltx_module.model import NoiseLevels

levels = st.sampled_from([0.0, 0.25, 0.5, 0.7, 1.0])
batches = st.integers(1, 7).flatmap(
    lambda tokens: st.lists(st.lists(levels, min_size=tokens, max_size=tokens), min_size=1, max_size=3)
)


@given(batches)
def test_each_token_gets_its_own_noise_level_back(rows):
    timesteps = torch.tensor(rows)
    found = NoiseLevels.distinct(timesteps)
    assert torch.equal(found.timesteps(timesteps.shape[1]), timesteps)


@given(batches)
def test_there_are_as_many_levels_as_the_richest_item_has(rows):
    assert NoiseLevels.distinct(torch.tensor(rows)).levels.shape[1] == max(len(set(row)) for row in rows)


@given(st.lists(st.booleans(), min_size=1, max_size=6), st.sampled_from([0.25, 0.5, 1.0]))
def test_two_levels_are_sigma_and_zero(clean, sigma):
    timesteps = NoiseLevels.two(torch.tensor([sigma]), torch.tensor([clean])).timesteps(len(clean))
    assert timesteps[0].tolist() == [0.0 if kept else sigma for kept in clean]


def test_scaling_multiplies_the_level_of_each_token():
    found = NoiseLevels.distinct(torch.tensor([[0.5, 1.0, 0.0]]))
    assert found.scaled(0.5).timesteps(3).tolist() == [[0.25, 0.5, 0.0]]
