import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ltx_module.precision.swap_as_loaded import SwapAsLoaded, spread

WIDTH = 8


@given(st.integers(1, 60), st.integers(1, 60))
def test_swapped_blocks_are_spread_evenly(count, total):
    chosen = spread(count, total)
    gaps = [b - a for a, b in itertools.pairwise(chosen)]
    assert len(chosen) == min(count, total)
    assert 0 <= chosen[0] <= chosen[-1] < total
    assert all(gap in (total // len(chosen), -(-total // len(chosen))) for gap in gaps)


def test_a_swapped_block_leaves_as_soon_as_its_last_tensor_is_there():
    transformer = nn.Module()
    transformer.norm = nn.LayerNorm(WIDTH)
    transformer.transformer_blocks = nn.ModuleList(
        nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(3))) for _ in range(4)
    )
    transformer.requires_grad_(False)
    loading = SwapAsLoaded(transformer, 2, torch.device("cpu"))
    assert loading.swap.indices == (1, 3)
    sizes = []
    for name in reversed(transformer.state_dict()):
        loading.placed(name)
        sizes.append(loading.swap.host_bytes)
    of_a_block = 3 * WIDTH * WIDTH * 4
    # Blocks of six tensors come from the last to the first, then the two of the norm.
    assert sizes == [0] * 5 + [of_a_block] * 12 + [2 * of_a_block] * 9
