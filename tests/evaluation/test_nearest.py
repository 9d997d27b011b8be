import pytest
import torch

from ltx_module.evaluation.nearest import coarse_latents, diversity, nearest_ratio
from ltx_module.evaluation.observation import Observation


def points(*values):
    return [torch.full((4,), float(value)) for value in values]


def test_copies_lie_at_no_distance_and_new_samples_at_that_of_held_out_clips():
    training, held_out = points(0, 10), points(2, 12)
    assert nearest_ratio(points(0, 10), training, held_out) == 0
    assert nearest_ratio(points(8, 12), training, held_out) == pytest.approx(1)


def test_one_sample_far_off_does_not_hide_two_copies():
    assert nearest_ratio(points(0, 10, 1000), points(0, 10), points(2)) == 0


def test_without_held_out_clips_there_is_nothing_to_compare_with():
    assert nearest_ratio(points(0), points(0), []) is None


def test_samples_that_do_not_mind_their_prompt_have_no_diversity():
    assert diversity(points(3, 3, 3)) == 0
    assert diversity(points(0, 1, 2)) == pytest.approx(4 / 3)  # distances 1, 2 and 1
    assert diversity(points(1)) is None


def test_latents_of_other_sizes_come_to_one_grid():
    for shape in ((8, 2, 2, 3), (8, 7, 17, 30), (8, 1, 4, 4)):
        seen = Observation(latents=torch.ones(shape), frames=torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
        assert torch.equal(coarse_latents(seen), torch.ones(8, 4, 4, 4))
