import pytest
import torch

from ltx_module.diffusion.guidance import Guidance, Predictions, default_stg_blocks, guide


@pytest.fixture
def predictions():
    return Predictions(*torch.randn(4, 2, 5, 3, generator=torch.Generator().manual_seed(0)))


def constant(value: float) -> torch.Tensor:
    return torch.full((1, 2, 3), value)


def test_each_pass_pushes_by_its_own_scale():
    passes = Predictions(constant(10), negative=constant(9), perturbed=constant(8), isolated=constant(6))
    guided = guide(passes, Guidance(cfg=3, stg=0.5, modality=2))
    assert guided.unique().tolist() == [10 + 2 * 1 + 0.5 * 2 + 1 * 4]


def test_neutral_scales_return_the_prediction_itself(predictions):
    assert torch.equal(guide(predictions, Guidance(rescale=0.7)), predictions.cond)


def test_a_pass_whose_scale_is_neutral_is_not_used(predictions):
    spoiled = predictions._replace(perturbed=torch.full((2, 5, 3), torch.nan))
    assert guide(spoiled, Guidance(cfg=3, modality=2)).isfinite().all()


def test_full_rescale_restores_the_standard_deviation_of_each_sample(predictions):
    guided = guide(predictions, Guidance(cfg=7, rescale=1.0))
    torch.testing.assert_close(guided.std(dim=(1, 2)), predictions.cond.std(dim=(1, 2)))


def test_partial_rescale_lies_between_none_and_full(predictions):
    none, half, full = (guide(predictions, Guidance(cfg=7, rescale=r)) for r in (0.0, 0.5, 1.0))
    torch.testing.assert_close(half, (none + full) / 2)


def test_the_stg_block_is_the_published_one_or_at_sixty_percent():
    assert [default_stg_blocks(n) for n in (48, 2, 4, 10, 1)] == [(28,), (1,), (2,), (6,), (0,)]
