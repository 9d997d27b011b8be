"""Connectors: what they refuse, and that padding does not matter."""

import pytest
import torch

from ltx_module.checkpoint import Checkpoint


@pytest.fixture(scope="module")
def connectors(pico_file):
    return Checkpoint(pico_file).load_text_connectors(dtype=torch.float32)


def states(window, layers=5, width=128):
    return torch.randn(1, layers, window, width, generator=torch.Generator().manual_seed(0))


def test_what_stands_in_the_padding_is_ignored(connectors):
    hidden = states(128)
    mask = torch.zeros(1, 128, dtype=torch.int64)
    mask[:, 100:] = 1
    other = hidden.clone()
    other[:, :, :100] = 7.0
    for one, two in zip(connectors(hidden, mask), connectors(other, mask), strict=True):
        assert torch.equal(one, two)


def test_a_window_that_is_no_multiple_of_128_is_refused(connectors):
    with pytest.raises(ValueError, match=r"`data.text_window` is 200.*use 256"):
        connectors(states(200), torch.ones(1, 200))


@pytest.mark.parametrize("sizes", [{"layers": 4}, {"width": 96}])
def test_states_of_another_gemma_are_refused(connectors, sizes):
    with pytest.raises(ValueError, match="points to another Gemma"):
        connectors(states(128, **sizes), torch.ones(1, 128))


def test_a_context_is_filled_up_to_the_window(connectors):
    hidden = states(256)
    mask = torch.zeros(1, 256, dtype=torch.int64)
    mask[:, 250:] = 1
    for one, two in zip(connectors(hidden, mask), connectors(hidden[:, :, 224:], mask[:, 224:], 256), strict=True):
        assert torch.allclose(one, two, atol=1e-5)
