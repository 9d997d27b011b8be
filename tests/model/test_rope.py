import copy
import math

import pytest
import torch

from ltx_module.model.rope import RopeCache, RopeSpec, rope_table, rotate

TIME = RopeSpec(num_heads=2, head_dim=4, max_pos=(20,), theta=10000.0)
SPACE_TIME = RopeSpec(num_heads=2, head_dim=8, max_pos=(20, 2048, 2048), theta=10000.0)


@pytest.fixture
def positions():
    return torch.rand(1, 3, 5, 2, generator=torch.Generator().manual_seed(0)) * 20


def test_angles_of_a_time_axis_are_those_of_the_formula():
    table = rope_table(torch.tensor([[[[4.0, 6.0]]]]), TIME, torch.float32)
    # midpoint 5 s of 20: fraction 1/4, so 2f - 1 = -1/2; four frequencies 1, 10000^(1/3), 10000^(2/3), 10000
    angles = [-0.5 * math.pi / 2 * 10000 ** (k / 3) for k in range(4)]
    assert table.cos.flatten().tolist() == pytest.approx([math.cos(a) for a in angles], abs=1e-3)
    assert table.sin.flatten().tolist() == pytest.approx([math.sin(a) for a in angles], abs=1e-3)


def test_axes_of_one_frequency_are_neighbours_and_padding_comes_first():
    at = torch.tensor([[[[10.0, 10.0]], [[2048.0, 2048.0]], [[0.0, 0.0]]]])  # middle, end and start of their ranges
    sin = rope_table(at, SPACE_TIME, torch.float32).sin.flatten()
    # 8 angles: 16 // 6 = 2 frequencies x 3 axes, 2 padded; at the lowest frequency sin(0), sin(pi/2), sin(-pi/2)
    assert sin[:5].tolist() == pytest.approx([0, 0, 0, 1, -1], abs=1e-6)


def test_scores_depend_on_the_distance_of_positions_alone():
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 1, 1, 2, 4, generator=generator, dtype=torch.float64)

    def score(at_q: float, at_k: float) -> torch.Tensor:
        tables = [rope_table(torch.tensor([[[[at, at]]]]), TIME, torch.float64) for at in (at_q, at_k)]
        return (rotate(q, tables[0]) * rotate(k, tables[1])).sum()

    # Positions in float32: 1e-6 of a range of 10^4 radians.
    assert score(1.0, 3.0).item() == pytest.approx(score(11.0, 13.0).item(), abs=2e-2)
    assert score(1.0, 3.0).item() != pytest.approx(score(1.0, 4.0).item(), abs=2e-2)


def test_equal_geometry_is_computed_once(positions):
    cache = RopeCache()
    first = cache.table(positions, SPACE_TIME, torch.float32)
    assert cache.table(positions, SPACE_TIME, torch.float32) is first
    assert cache.table(positions.expand(4, -1, -1, -1), SPACE_TIME, torch.float32) is first


def test_a_write_to_the_positions_is_noticed(positions):
    cache = RopeCache()
    before = cache.table(positions, SPACE_TIME, torch.float32)
    positions += 1
    assert not torch.equal(cache.table(positions, SPACE_TIME, torch.float32).cos, before.cos)


def test_freed_positions_are_never_mistaken_for_new_ones():
    cache = RopeCache(capacity=100)
    for start in range(50):
        at = torch.full((1, 1, 3, 2), float(start))
        assert torch.equal(cache.table(at, TIME, torch.float32).sin, rope_table(at, TIME, torch.float32).sin)
        del at  # its memory would serve the next one


def test_the_least_recently_used_table_goes_first(positions):
    cache = RopeCache(capacity=2)
    kept = cache.table(positions, SPACE_TIME, torch.float32)
    dropped = cache.table(positions, SPACE_TIME, torch.float64)
    cache.table(positions, SPACE_TIME, torch.float32)
    cache.table(positions, SPACE_TIME, torch.bfloat16)
    assert cache.table(positions, SPACE_TIME, torch.float32) is kept
    assert cache.table(positions, SPACE_TIME, torch.float64) is not dropped


def test_tables_filled_by_a_preview_serve_training(positions):
    cache = RopeCache()
    with torch.inference_mode():
        table = cache.table(positions, SPACE_TIME, torch.float32)
    x = torch.randn(1, 5, 2, 8, requires_grad=True)
    rotate(x, cache.table(positions, SPACE_TIME, torch.float32)).sum().backward()
    assert cache.table(positions, SPACE_TIME, torch.float32) is table


def test_inference_positions_are_not_cached(positions):
    cache = RopeCache()
    with torch.inference_mode():
        at = positions.clone()
        table = cache.table(at, SPACE_TIME, torch.float32)
        assert cache.table(at, SPACE_TIME, torch.float32) is not table


def test_a_copy_starts_empty(positions):
    cache = RopeCache()
    table = cache.table(positions, SPACE_TIME, torch.float32)
    assert copy.deepcopy(cache).table(positions, SPACE_TIME, torch.float32) is not table
