import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ltx_module.precision import block_swap
from ltx_module.precision.block_swap import BlockSwap
from ltx_module.precision.nf4_linear import NF4Linear
from ltx_module.precision.scaled_linear import ScaledLinear

WIDTH = 64
NUM_BLOCKS = 7
ON_GPU = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
DEVICES = ["cpu", pytest.param("cuda", marks=ON_GPU)]


class Block(nn.Module):
    """Two streams that exchange, frozen layers and an adapter, as a transformer block has."""

    def __init__(self, generator: torch.Generator, dtype: torch.dtype, number_format: str, width: int) -> None:
        super().__init__()
        self.left, self.right, self.cross = (linear(generator, dtype, number_format, width) for _ in range(3))
        self.adapter = nn.Linear(width, width, bias=False)
        self.adapter.weight = nn.Parameter(0.1 * torch.randn(width, width, generator=generator))

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        left = left + torch.tanh(self.left(left) + left @ self.adapter.weight.to(left.dtype).t())
        right = right + torch.tanh(self.right(right))
        crossed = self.cross(torch.cat([left, right]))
        return left + crossed[len(left) :].mean(0), right + crossed[: len(left)].mean(0)


def linear(generator: torch.Generator, dtype: torch.dtype, number_format: str, width: int) -> nn.Linear:
    weight = torch.randn(width, width, generator=generator) / width**0.5
    if number_format == "plain":
        layer = nn.Linear(width, width)
        layer.weight = nn.Parameter(weight.to(dtype))
    else:
        layer = NF4Linear(width, width) if number_format == "nf4" else ScaledLinear(width, width)
        layer.store(weight)
    layer.bias = nn.Parameter(torch.randn(width, generator=generator).to(dtype))
    return layer.requires_grad_(False)


class Stack(nn.Module):
    """Runs its blocks as the transformer does."""

    def __init__(
        self,
        num_blocks: int = NUM_BLOCKS,
        dtype: torch.dtype = torch.float32,
        number_format: str = "plain",
        width: int = WIDTH,
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.transformer_blocks = nn.ModuleList(
            Block(generator, dtype, number_format, width) for _ in range(num_blocks)
        )
        self.dtype, self.width = dtype, width
        self.swap: BlockSwap | None = None
        self.recomputed = range(num_blocks)

    def swapped(self, *indices: int) -> "Stack":
        if not indices:
            return self
        self.swap = BlockSwap(indices, self.transformer_blocks[0].adapter.weight.device)
        for index in indices:
            self.swap.take(index, self.transformer_blocks[index])
        return self

    def forward(self, seed: int = 0) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        device = self.transformer_blocks[0].adapter.weight.device
        hidden = tuple(torch.randn(n, self.width, generator=generator).to(device, self.dtype) for n in (32, 16))
        for index in range(len(self.transformer_blocks)):
            if index in self.recomputed and torch.is_grad_enabled():
                hidden = checkpoint(self._run, index, *hidden, use_reentrant=False)
            else:
                hidden = self._run(index, *hidden)
        return torch.cat(hidden).float().square().mean()

    def _run(self, index: int, *hidden: Tensor) -> tuple[Tensor, Tensor]:
        if self.swap is not None:
            self.swap.load(index)
        return self.transformer_blocks[index](*hidden)


def trained(stack: Stack, num_steps: int = 3) -> dict[str, Tensor]:
    """Losses and adapters after some steps of a training with all that a step may hold."""
    adapters = {name: p for name, p in stack.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(adapters.values(), lr=1e-2)
    losses = []
    for step in range(num_steps):
        loss = stack(step)
        with torch.no_grad():
            loss = loss * (1 + stack(step + 100).detach())
        loss = loss + 0.5 * stack(step + 200)  # a second graph before the backward of the first
        loss.backward()
        losses.append(loss.detach())
        optimizer.step()
        optimizer.zero_grad()
    return {"losses": torch.stack(losses), **adapters}


def assert_identical(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "indices", [(0, 1, 2, 3, 4, 5, 6), (1, 3, 5), (0, 6), (2, 3, 6), (4,)], ids=lambda indices: f"{len(indices)} blocks"
)
def test_training_with_swapped_blocks_is_identical_bit_for_bit(device, indices):
    expected = trained(Stack().to(device))
    assert_identical(trained(Stack().to(device).swapped(*indices)), expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("number_format", ["plain", "fp8", "nf4"])
def test_training_in_fewer_bits_is_identical_too(device, number_format):
    if number_format == "nf4":
        pytest.importorskip("bitsandbytes")
    stacks = [Stack(dtype=torch.bfloat16, number_format=number_format).to(device) for _ in range(2)]
    assert_identical(trained(stacks[0].swapped(0, 2, 4, 5, 6)), trained(stacks[1]))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("late", ["compute", "copies"])
def test_neither_compute_nor_copies_run_ahead_of_the_other(late):
    expected, stack = trained(Stack().cuda()), Stack().cuda().swapped(0, 1, 2, 4, 6)

    def delay(*_: object) -> None:
        stream = torch.cuda.current_stream() if late == "compute" else stack.swap._copies
        with torch.cuda.stream(stream):
            torch.cuda._sleep(5_000_000)  # some milliseconds, longer than all else of a block

    for block in stack.transformer_blocks:
        block.left.register_forward_pre_hook(delay)
    assert_identical(trained(stack), expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("number_format", "num_bytes"), [("plain", 2), ("fp8", 1)])
def test_all_but_two_of_the_swapped_blocks_leave_the_memory_of_the_device(number_format, num_bytes):
    peaks = []
    for indices in ((), (0, 1, 3, 4, 6, 7)):
        stack = Stack(8, torch.bfloat16, number_format, width=1024).cuda().swapped(*indices)
        stack().backward()
        torch.cuda.reset_peak_memory_stats()
        stack().backward()
        peaks.append(torch.cuda.max_memory_allocated())
        del stack
    assert peaks[0] - peaks[1] == pytest.approx(4 * 3 * 1024 * 1024 * num_bytes, rel=0.01)


def test_other_blocks_may_keep_their_activations():
    stack, expected = Stack().swapped(1, 3, 5), trained(Stack())
    stack.recomputed = (1, 3, 5)
    assert_identical(trained(stack), expected)


def test_the_backward_of_a_swapped_block_that_was_not_recomputed_is_refused():
    stack = Stack().swapped(0, 2, 4, 6)
    stack.recomputed = ()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        stack().backward()


@pytest.mark.parametrize("broken", [0, 3, 6])
def test_a_step_after_an_interrupted_one_is_as_if_nothing_had_happened(broken, monkeypatch):
    stack = Stack().swapped(0, 2, 3, 5, 6)
    with monkeypatch.context() as patch:
        patch.setattr(stack.transformer_blocks[broken].right, "forward", lambda x: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            stack()
    loss = stack()
    with monkeypatch.context() as patch:  # within the recomputation
        patch.setattr(stack.transformer_blocks[broken].right, "forward", lambda x: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            loss.backward()
    stack.zero_grad()
    assert_identical(trained(stack), trained(Stack()))


def test_copies_are_ordered_ahead_of_need():
    stack = Stack().swapped(0, 1, 3, 4, 6)
    for step in range(3):
        stack(step).backward()
    assert stack.swap.num_late == 1  # the very first
    with torch.no_grad():
        for step in range(3):
            stack(step)
    assert stack.swap.num_late == 1


def test_a_swapped_block_runs_from_a_slot_and_two_are_there_at_most():
    stack, seen, misplaced = Stack().swapped(0, 2, 3, 5, 6), [], []
    at_home = {block.left.weight.data_ptr() for block in stack.transformer_blocks}

    def look(block: Block, *_: object) -> None:
        there = [other.left.weight.data_ptr() not in at_home for other in stack.transformer_blocks]
        index = list(stack.transformer_blocks).index(block)
        seen.append(sum(there))
        misplaced.extend([index] * (there[index] != (index in stack.swap.indices)))

    for block in stack.transformer_blocks:
        block.register_forward_pre_hook(look)
    for step in range(2):
        stack(step).backward()
    assert max(seen) == 2
    assert not misplaced
    assert len({block.left.weight.data_ptr() for block in stack.transformer_blocks}) == NUM_BLOCKS


def test_weights_have_their_true_values_wherever_they_are():
    stack, expected = Stack().swapped(0, 2, 3, 5, 6), Stack().state_dict()

    def compare(*_: object) -> None:
        assert_identical(stack.state_dict(), expected)

    compare()
    for block in stack.transformer_blocks:
        block.cross.register_forward_hook(compare)
    stack().backward()


def test_swapped_weights_stay_when_the_model_is_moved_or_converted():
    stack = Stack().swapped(1, 3)
    with stack.swap.withheld():
        stack.to(torch.bfloat16)
    kept = [name for name, tensor in stack.state_dict().items() if tensor.dtype == torch.float32]
    assert kept == [f"transformer_blocks.{i}.{layer}.weight" for i in (1, 3) for layer in ("left", "right", "cross")]


@pytest.mark.slow
def test_a_compiled_block_is_not_compiled_again_for_another_slot():
    graphs = []

    def count(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> object:
        graphs.append(graph)
        return torch._dynamo.backends.debugging.aot_eager(graph, inputs)

    def compiled(stack: Stack) -> Stack:
        torch._dynamo.reset()
        for block in stack.transformer_blocks:
            block.compile(backend=count)
        return stack

    expected = trained(compiled(Stack()))
    unswapped = len(graphs)
    assert_identical(trained(compiled(Stack().swapped(0, 1, 3, 4, 6))), expected)
    assert len(graphs) == 2 * unswapped


def test_too_little_host_memory_is_told_with_a_number_that_fits(monkeypatch):
    monkeypatch.setattr(block_swap, "host_free", lambda: int(2.5 * 3 * WIDTH * WIDTH * 4))
    with pytest.raises(ValueError, match=r"`model.swap_blocks` is 3, .* use 2 or fewer"):
        Stack().swapped(1, 3, 5)
