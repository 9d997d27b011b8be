"""Replays the forward and the backward pass of the blocks as CUDA graphs.

A step launches some 400 kernels a block from Python, which takes longer than computing them. Recorded once for each
geometry, they are launched as two graphs. Activations then lie in memory that the graphs own and share: it is as large
as the largest geometry's, and stays theirs until `release`.

What a recording fixes: addresses of weights and adapters, which adapters act, and their strength. Whoever changes those
between two steps puts them back, or releases the recordings.
"""

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

Run = Callable[..., Any]
"""The pass that is recorded: a pytree of tensors to a pytree of tensors, free of random numbers and of readings."""


class StepGraphs:
    """A pass and its gradients, recorded per geometry.

    A geometry is computed as it is at first, which compiles what needs compiling, and recorded when it comes again.
    Where a second pass begins before the backward of the first, it is computed as it is, since it would overwrite what
    the first has kept.

    Args:
        run: The pass.
        parameters: What gets gradients.
        capacity: Geometries whose recordings are kept.
    """

    def __init__(self, run: Run, parameters: Sequence[nn.Parameter], capacity: int = 16) -> None:
        self._run, self._parameters, self._capacity = run, list(parameters), capacity
        self._met: set[Hashable] = set()
        self._recordings: OrderedDict[Hashable, _Recording] = OrderedDict()
        self._gradients: list[Tensor | None] = []
        self._pool: Any = None
        self._open: Callable[[], object | None] = lambda: None

    def __call__(self, *inputs: Any) -> Any:
        """What `run` gives for these inputs, with the same gradients."""
        leaves, structure = pytree.tree_flatten(inputs)
        leaves = [leaf.contiguous() if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        places = {id(leaf): place for place, leaf in reversed(list(enumerate(leaves)))}
        key = (str(structure), *((_kind(leaf), places[id(leaf)]) for leaf in leaves))
        is_open = self._open() is not None
        if key not in self._met or is_open:
            if not is_open:
                self._forget()  # else the activations of two geometries would stand side by side
            found = self._run(*pytree.tree_unflatten(leaves, structure))
            for output in _tensors(pytree.tree_leaves(found)):
                if output.requires_grad:  # met once its backward has begun, so that both are compiled when recorded
                    output.register_hook(lambda _: self._met.add(key))  # type: ignore[no-untyped-call]
            return found
        if key not in self._recordings:
            before = torch.cuda.current_stream()
            try:
                self._recordings[key] = self._record(leaves, structure)
            except BaseException:
                torch.cuda.set_stream(before)  # a recording that fails leaves its own behind
                self.release()
                raise
            if len(self._recordings) > self._capacity:
                self._recordings.popitem(last=False)
        self._recordings.move_to_end(key)
        recording, token, tensors = self._recordings[key], _Token(), _tensors(leaves)
        self._open = weakref.ref(token)
        replayed = iter(_Replay.apply(recording, token, len(tensors), *tensors, *self._parameters))  # type: ignore[no-untyped-call]
        outputs = [next(replayed) if is_tensor else None for is_tensor in recording.outputs_present]
        return pytree.tree_unflatten(outputs, recording.structure)

    def release(self) -> None:
        """Give the memory back; the next steps begin anew."""
        self._met.clear()
        self._forget()

    def _forget(self) -> None:
        self._recordings.clear()
        self._gradients, self._pool = [], None

    def _record(self, leaves: list[Any], structure: Any) -> "_Recording":
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        own = {id(tensor): tensor.detach().clone().requires_grad_(tensor.requires_grad) for tensor in _tensors(leaves)}
        static = [own.get(id(leaf), leaf) for leaf in leaves]
        forward, backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        # Other threads may pin memory meanwhile.
        options = {"pool": self._pool, "capture_error_mode": "thread_local"}
        with torch.cuda.graph(forward, **options):
            found = self._run(*pytree.tree_unflatten(static, structure))
        found, of_outputs = pytree.tree_flatten(found)
        outputs = _tensors(found)
        towards = [torch.empty_like(output) for output in outputs]
        with torch.cuda.graph(backward, **options):
            made = torch.autograd.grad(outputs, self._parameters, towards, allow_unused=True)
            gradients = self._kept(made)
        return _Recording(
            forward=forward,
            backward=backward,
            inputs=list(own.values()),
            outputs=[output.detach() for output in outputs],
            towards=towards,
            parameters=self._parameters,
            gradients=gradients,
            outputs_present=[output is not None for output in found],
            structure=of_outputs,
        )

    def _kept(self, made: Sequence[Tensor | None]) -> list[Tensor | None]:
        """The gradients in the tensors that all recordings share; None where this one has none."""
        if not self._gradients:
            self._gradients = [None] * len(made)
        first = {i: new for i, new in enumerate(made) if new is not None and self._gradients[i] is None}
        again = [i for i, new in enumerate(made) if new is not None and i not in first]
        self._gradients = [first.get(i, kept) for i, kept in enumerate(self._gradients)]
        if again:
            kept = _tensors([self._gradients[i] for i in again])
            torch._foreach_copy_(kept, _tensors([made[i] for i in again]))
        return [None if new is None else kept for new, kept in zip(made, self._gradients, strict=True)]


def _tensors(leaves: Sequence[Any]) -> list[Tensor]:
    """The tensors, each once: a compiled pass knows which of its inputs are the same."""
    return list({id(leaf): leaf for leaf in leaves if isinstance(leaf, Tensor)}.values())


def _kind(leaf: Any) -> Hashable:
    """What two leaves must share for one recording to do for both."""
    return (leaf.shape, leaf.dtype, leaf.requires_grad) if isinstance(leaf, Tensor) else leaf


class _Token:
    """Lives from a forward pass to the end of its backward pass."""


@dataclass(eq=False, kw_only=True)
class _Recording:
    """The two graphs of a geometry and the tensors that they read and write."""

    forward: torch.cuda.CUDAGraph
    backward: torch.cuda.CUDAGraph
    inputs: list[Tensor]
    outputs: list[Tensor]
    towards: list[Tensor]
    """Gradients of the outputs."""
    parameters: list[nn.Parameter]
    gradients: list[Tensor | None]
    outputs_present: list[bool]
    """Which leaves of the outputs are tensors; the others are None."""
    structure: Any
    """Of the outputs."""

    def keep_apart(self) -> None:
        """Copy gradients of an earlier micro-batch that autograd took without copying."""
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            if gradient is not None and parameter.grad is not None and parameter.grad.data_ptr() == gradient.data_ptr():
                parameter.grad = parameter.grad.clone()


class _Replay(torch.autograd.Function):
    """Both passes as autograd sees them."""

    @staticmethod
    def forward(
        ctx: Any, recording: _Recording, token: _Token, num_inputs: int, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.recording, ctx.token, ctx.num_inputs = recording, token, num_inputs
        with torch.no_grad():
            torch._foreach_copy_(recording.inputs, list(tensors[:num_inputs]))
        recording.forward.replay()
        return tuple(output.detach() for output in recording.outputs)

    @staticmethod
    def backward(ctx: Any, *towards: Tensor) -> tuple[Tensor | None, ...]:
        recording: _Recording = ctx.recording
        recording.keep_apart()
        torch._foreach_copy_(recording.towards, list(towards))
        recording.backward.replay()
        del ctx.token
        gradients = (None if gradient is None else gradient.detach() for gradient in recording.gradients)
        return None, None, None, *[None] * ctx.num_inputs, *gradients
