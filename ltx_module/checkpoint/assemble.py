"""From a module on the meta device and a file to a loaded module, tensor by tensor.

A module built under `torch.device("meta")` owns no memory. Each tensor of the file is assigned to it as it
is read, so at no time do two copies exist: on the CPU in the stored dtype the module is the mapped file
itself, on a GPU each tensor goes straight there.
"""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from ltx_module.checkpoint.errors import CheckpointError
from ltx_module.checkpoint.file import TensorStore
from ltx_module.checkpoint.fp8 import StoredWeight, stored_weights
from ltx_module.precision.frozen_linear import FrozenLinear

_SHOWN = 3


def assemble(
    module: nn.Module,
    file: TensorStore,
    sources: Mapping[str, str],
    *,
    component: str,
    dtype: torch.dtype,
    device: torch.device | str,
    placed: Callable[[str], None] | None = None,
) -> nn.Module:
    """Fills a meta module with weights from the file, frozen and in evaluation mode.

    Args:
        module: Built under `torch.device("meta")`.
        file: The open file.
        sources: Name in the module -> name in the file.
        component: What is being loaded, for messages.
        dtype: Of the floating point tensors.
        device: Where the module shall be.
        placed: Called with each name once its tensor is in place.

    Returns:
        The same module.

    Raises:
        CheckpointError: If a tensor of the module is missing, one in the file is unknown to it, or shapes differ.
    """
    check_match(module, file, sources, component)
    for weight in stored_weights(file, sources, device):
        _place(module, weight, dtype)
        if placed is not None:
            placed(weight.name)
    return module.requires_grad_(False).eval()


def check_match(module: nn.Module, file: TensorStore, sources: Mapping[str, str], component: str) -> None:
    """Raises CheckpointError unless names and shapes of module and file agree one to one."""
    check_known(module, file, sources, component)
    wanted = module.state_dict()
    if missing := sorted(wanted.keys() - sources.keys()):
        raise _misfit(file, component, f"{_listed(missing)} missing")
    for name, tensor in wanted.items():
        found = file.tensors[sources[name]].shape
        if tuple(tensor.shape) != found:
            raise _misfit(file, component, f"`{sources[name]}` has shape {found} instead of {tuple(tensor.shape)}")


def check_known(module: nn.Module, file: TensorStore, sources: Mapping[str, str], component: str) -> None:
    """Raises CheckpointError if the file has a tensor of the component that the module does not have."""
    if unexpected := sorted(sources[name] for name in sources.keys() - module.state_dict().keys()):
        raise _misfit(file, component, f"{_listed(unexpected)} not part of LTX-2.3")


def assign(module: nn.Module, name: str, tensor: torch.Tensor) -> None:
    """Puts a tensor in the place of a module's parameter or buffer of that name."""
    path, _, leaf = name.rpartition(".")
    owner = module.get_submodule(path)
    if leaf in owner._parameters:
        owner._parameters[leaf] = nn.Parameter(tensor, requires_grad=False)
    else:
        owner._buffers[leaf] = tensor


def _place(module: nn.Module, weight: StoredWeight, dtype: torch.dtype) -> None:
    """Assigns a weight in the compute dtype; a layer that holds it quantised takes it as it is stored."""
    path, _, leaf = weight.name.rpartition(".")
    owner = module.get_submodule(path)
    if isinstance(owner, FrozenLinear) and leaf == "weight":
        owner.store(weight.tensor, weight.scale)
    else:
        assign(module, weight.name, weight.to(dtype))


def _misfit(file: TensorStore, component: str, reason: str) -> CheckpointError:
    return CheckpointError(
        f"The {component} in {file.path} does not fit the model that its `config` describes: {reason}. "
        "Use the published file, unchanged."
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{shown}{more} {'is' if len(names) == 1 else 'are'}"
