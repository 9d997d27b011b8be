"""Recorded passes against the same passes computed as they are."""

import pytest
import torch
from torch import nn

from ltx_module.model.step_graphs import StepGraphs

pytestmark = pytest.mark.gpu


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Linear(16, 32), nn.Linear(32, 16)

    def forward(self, pair, scale):
        x, y = pair
        x = x + self.two(torch.tanh(self.one(x))) * scale
        return x, None if y is None else self.one(y)


@pytest.fixture
def net():
    return Net().cuda()


def inputs(rows, seed, *, second=True):
    generator = torch.Generator("cuda").manual_seed(seed)
    x, y, scale = (torch.randn(rows, n, device="cuda", generator=generator) for n in (16, 16, 1))
    return (x.requires_grad_(), y if second else None), scale


def gradients(net, run, rows, seed, *, second=True, keep=False):
    if not keep:
        net.zero_grad(set_to_none=True)
    x, y = run(*inputs(rows, seed, second=second))
    (x.square().sum() + (0 if y is None else y.square().sum())).backward()
    return [x.detach().clone(), *(parameter.grad.clone() for parameter in net.parameters())]


def same(found, wanted):
    return all(torch.allclose(one, other, rtol=1e-5, atol=1e-6) for one, other in zip(found, wanted, strict=True))


def test_replayed_outputs_and_gradients_are_the_same_in_every_geometry(net):
    graphs = StepGraphs(net, list(net.parameters()))
    for seed in range(4):
        for rows, second in ((5, True), (9, True), (5, False)):
            wanted = gradients(net, net, rows, seed, second=second)
            assert same(gradients(net, graphs, rows, seed, second=second), wanted)
    assert len(graphs._recordings) == 3


def test_gradients_of_micro_batches_add_up(net):
    graphs = StepGraphs(net, list(net.parameters()))
    gradients(net, graphs, 5, 0)
    for run in (net, graphs):
        first = gradients(net, run, 5, 1)
        both = gradients(net, run, 5, 2, keep=True)
        if run is net:
            wanted = first, both
    assert same(first, wanted[0])
    assert same(both[1:], wanted[1][1:])


def test_a_second_pass_before_the_backward_of_the_first_does_not_disturb_it(net):
    graphs = StepGraphs(net, list(net.parameters()))

    def twice(run):
        net.zero_grad(set_to_none=True)
        one, other = run(*inputs(5, 3)), run(*inputs(5, 4))
        (one[0].square().sum() + other[0].abs().sum()).backward()
        return [parameter.grad.clone() for parameter in net.parameters()]

    wanted = twice(net)
    for _ in range(3):
        assert same(twice(graphs), wanted)
    assert graphs._recordings
    run = graphs(*inputs(5, 3))
    del run  # a pass without a backward leaves the graphs free
    assert same(gradients(net, graphs, 5, 7), gradients(net, net, 5, 7))


def test_a_changed_weight_is_seen_and_released_memory_comes_back(net):
    graphs = StepGraphs(net, list(net.parameters()))
    for seed in range(3):
        gradients(net, graphs, 4096, seed)
    with torch.no_grad():
        net.one.weight.mul_(0.5)
    assert same(gradients(net, graphs, 4096, 1), gradients(net, net, 4096, 1))
    net.zero_grad(set_to_none=True)
    held = torch.cuda.memory_reserved()
    graphs.release()
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() < held
    assert same(gradients(net, graphs, 4096, 1), gradients(net, net, 4096, 1))
