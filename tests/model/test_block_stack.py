"""The ways of running the blocks give the same numbers."""

import pytest
import torch

from ltx_module.model.block_stack import BlockStack


def outputs_and_gradients(transformer, inputs):
    transformer.zero_grad()
    outputs = [output for output in transformer(*inputs) if output is not None]
    sum(output.square().mean() for output in outputs).backward()
    return [*outputs, *(p.grad.clone() for p in transformer.parameters() if p.grad is not None)]


def same(found, wanted, tolerance=0.0):
    return len(found) == len(wanted) and all(
        torch.allclose(one, other, rtol=0, atol=tolerance * max(1.0, float(other.detach().abs().max())))
        for one, other in zip(found, wanted, strict=True)
    )


def split(transformer):
    """Let training compute the streams side by side, as recorded passes do, without recording."""
    transformer.blocks.split(torch.device("cpu"))
    transformer.blocks._graphs = transformer.blocks._run_all


@pytest.fixture
def uncompiled(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)


@pytest.mark.usefixtures("uncompiled")
def test_the_streams_side_by_side_are_the_whole_block(build_transformer, inputs):
    transformer = build_transformer()
    wanted = outputs_and_gradients(transformer, inputs)
    split(transformer)
    whole = []
    for block in transformer.blocks:
        block.register_forward_pre_hook(lambda *_: whole.append(1))
    for recomputed in (0, 1, 2):
        transformer.blocks.num_recomputed = recomputed
        assert same(outputs_and_gradients(transformer, inputs), wanted)
    assert not whole


@pytest.mark.usefixtures("uncompiled")
def test_a_stream_alone_is_run_as_it_is(build_transformer, inputs):
    transformer = build_transformer()
    for present in ((inputs[0], None), (None, inputs[1])):
        transformer.blocks._side_by_side, transformer.blocks._graphs = None, None
        wanted = outputs_and_gradients(transformer, present)
        split(transformer)
        assert same(outputs_and_gradients(transformer, present), wanted)


def test_without_gradients_the_whole_block_is_run(build_transformer, inputs):
    transformer = build_transformer()
    split(transformer)
    runs = []
    transformer.blocks[0].register_forward_hook(lambda *_: runs.append(1))
    with torch.no_grad():
        transformer(*inputs)
    assert runs == [1]


@pytest.mark.parametrize("recomputed", [0, 1, 2])
def test_the_first_blocks_are_those_that_are_recomputed(build_transformer, inputs, recomputed):
    transformer = build_transformer()
    transformer.blocks.num_recomputed = recomputed
    runs = [0] * transformer.num_blocks
    for number, block in enumerate(transformer.blocks):
        block.register_forward_pre_hook(lambda *_, number=number: runs.__setitem__(number, runs[number] + 1))
    outputs_and_gradients(transformer, inputs)
    assert runs == [2] * recomputed + [1] * (transformer.num_blocks - recomputed)


def test_steps_are_not_recorded_where_something_outside_the_blocks_is_trained(build_transformer):
    transformer = build_transformer()
    blocks: BlockStack = transformer.blocks
    blocks.record_steps([*blocks.parameters(), transformer.proj_out.weight])
    assert blocks._graphs is None
    blocks.record_steps(list(blocks.parameters()))
    assert blocks._graphs is not None


@pytest.mark.slow
def test_all_blocks_share_what_is_compiled(build_transformer, inputs):
    transformer = build_transformer()
    wanted = outputs_and_gradients(transformer, inputs)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    transformer.blocks.compiler = {"backend": "aot_eager"}
    transformer.blocks.compile_blocks()
    for _ in range(2):
        assert same(outputs_and_gradients(transformer, inputs), wanted, tolerance=1e-5)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    split(transformer)
    for _ in range(2):
        assert same(outputs_and_gradients(transformer, inputs), wanted, tolerance=1e-5)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1 + 5  # attend and feed_forward of each, cross
    torch._dynamo.reset()
