"""When a pass is recorded and when it is computed as it is; the numbers are checked on a card (test_step_graphs)."""

from contextlib import nullcontext

import pytest
import torch

from ltx_module.model.step_graphs import StepGraphs


class Net:
    """Counts the passes that are computed; a recording computes its own once."""

    def __init__(self):
        self.weight = torch.nn.Parameter(torch.ones(4))
        self.computed = []

    def __call__(self, pair, scale):
        x, y = pair
        self.computed.append(tuple(x.shape))
        return x * self.weight * scale, None if y is None else y * self.weight


@pytest.fixture
def net():
    return Net()


@pytest.fixture
def graphs(net, monkeypatch):
    """Recording without a card: nothing is replayed, and gradients are of the numbers that were recorded."""

    class Graph:
        def replay(self):
            pass

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, **options: nullcontext())
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 0))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: None)
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: None)
    return StepGraphs(net, [net.weight])


def run(graphs, rows, *, second=True):
    x, y = torch.ones(rows, 4).requires_grad_(), torch.ones(rows, 4)
    out, other = graphs((x, y if second else None), torch.ones(rows, 1))
    return out.sum() + (0 if other is None else other.sum())


def step(graphs, rows, **options):
    run(graphs, rows, **options).backward()


def test_a_geometry_is_recorded_when_it_comes_again(net, graphs):
    for _ in range(4):
        step(graphs, 2)
    assert net.computed == [(2, 4)] * 2  # once as it is, once for the recording
    assert len(graphs._recordings) == 1


def test_what_is_absent_is_another_geometry(net, graphs):
    for second in (True, True, False, False):
        step(graphs, 2, second=second)
    assert len(net.computed) == 4


def test_nothing_is_recorded_before_its_backward_has_run(net, graphs):
    """A preserved step makes two passes before its first backward, which may not be compiled yet."""
    first, other = run(graphs, 2), run(graphs, 2)
    assert not graphs._recordings
    (first + other).backward()
    step(graphs, 2)
    assert graphs._recordings


def test_a_pass_beside_an_open_one_is_computed_as_it_is(net, graphs):
    for _ in range(2):
        step(graphs, 2)
    computed = len(net.computed)
    first = run(graphs, 2)
    assert len(net.computed) == computed
    other = run(graphs, 2)
    assert len(net.computed) == computed + 1
    (first + other).backward()
    del first, other
    step(graphs, 2)
    assert len(net.computed) == computed + 1


def test_a_pass_that_is_given_up_leaves_the_recording_free(net, graphs):
    for _ in range(2):
        step(graphs, 2)
    computed = len(net.computed)
    run(graphs, 2)
    step(graphs, 2)
    assert len(net.computed) == computed


def test_a_new_geometry_does_not_stand_beside_the_recorded_ones(net, graphs):
    for _ in range(2):
        step(graphs, 2)
    assert graphs._recordings
    loss = run(graphs, 3)
    assert not graphs._recordings
    loss.backward()
    for rows in (2, 3):
        step(graphs, rows)
    assert len(graphs._recordings) == 2


def test_a_recording_that_fails_leaves_nothing_and_its_error_comes_through(net, graphs, monkeypatch):
    step(graphs, 2)

    class Full:
        def __enter__(self):
            raise torch.OutOfMemoryError("out of memory")

        def __exit__(self, *error):
            pass

    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "graph", lambda graph, **options: Full())
        with pytest.raises(torch.OutOfMemoryError):
            step(graphs, 2)
    assert not graphs._recordings
    for _ in range(2):
        step(graphs, 2)
    assert graphs._recordings
