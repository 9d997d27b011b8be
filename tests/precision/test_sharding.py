"""Blocks in pieces on two ranks: loaded so, and computing what the whole model computes, in any number format."""

import multiprocessing
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, distributed
from torch.distributed.device_mesh import init_device_mesh

from ltx_module.adapters import LoRAConfig, frozen_norms, inject_lora, lora_disabled
from ltx_module.checkpoint import Checkpoint
from ltx_module.model import LTXTransformer, Modality
from ltx_module.precision import frozen_linear

GOLDEN = Path(__file__).parents[1] / "golden"
CASE = "transformer.first_frame_audio_prefix"
TWO_GPUS = [pytest.mark.gpu, pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")]
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["ltx_module.checkpoint", "ltx_module.adapters", "peft"])


def modality(name: str, device: torch.device) -> Modality:
    golden, keys = load_file(GOLDEN / "golden.safetensors"), ("latent", "sigma", "timesteps", "positions", "context")
    return Modality(**{key: golden[f"{CASE}.{name}_{key}"].to(device) for key in keys})


def passes(transformer: LTXTransformer, device: torch.device, with_audio: bool, recomputed: int) -> dict[str, Tensor]:
    """Gradients and norms after two training passes with a look at the frozen model between them."""
    norms = frozen_norms(inject(transformer))
    transformer.blocks.num_recomputed = recomputed
    inputs = modality("video", device), modality("audio", device) if with_audio else None
    for _ in range(2):
        first = transformer(*inputs)
        with torch.no_grad(), lora_disabled(transformer):
            base = transformer(*inputs, skip_self_attention_blocks=(1,), twice=True)
        loss = sum((x - y[: len(x)]).square().sum() for x, y in zip(first, base, strict=True) if x is not None)
        loss.backward()
    found = {name: p.grad.cpu() for name, p in transformer.named_parameters() if p.grad is not None}
    return found | {f"norm of {group}": norm.cpu() for group, norm in norms.items()}


def inject(transformer: LTXTransformer) -> LTXTransformer:
    inject_lora(transformer, LoRAConfig(rank=4), seed=0)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in transformer.named_parameters():
        if "lora_B" in name:  # zero in a fresh adapter, which would leave A without gradients
            with torch.no_grad():
                parameter.copy_(torch.empty(parameter.shape).normal_(0, 0.05, generator=generator))
    return transformer


def elements(transformer: LTXTransformer) -> int:
    """Numbers of the blocks that lie on this rank."""
    return sum(getattr(p, "to_local", lambda p=p: p)().numel() for p in transformer.blocks.parameters())


def work(rank: int, port: int, kind: str, number_format: str | None, results: Any) -> None:
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    device = torch.device(kind, rank) if kind == "cuda" else torch.device("cpu")
    if kind == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if kind == "cuda" else "gloo", rank=rank, world_size=2)
    frozen_linear._SMALLEST = 16  # the tiny model has no larger layers
    checkpoint = Checkpoint(GOLDEN / "tiny-ltx-2.3.safetensors")
    found, sizes = [], []
    for mesh in (None, init_device_mesh(kind, (2,))):
        transformer = checkpoint.load_transformer(
            dtype=torch.float32, device=device, quantised=number_format, mesh=mesh
        )
        sizes.append(elements(transformer))
        found.append(passes(transformer, device, with_audio=rank == 0, recomputed=1))
    whole, sharded = found
    assert whole.keys() == sharded.keys()
    results.put((max(float((whole[n] - sharded[n]).abs().max() / whole[n].abs().max()) for n in whole), *sizes))
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("number_format", [None, "fp8", "int8"])
@pytest.mark.parametrize("kind", ["cpu", pytest.param("cuda", marks=TWO_GPUS)])
def test_a_model_in_pieces_has_the_gradients_of_the_whole_one(kind, number_format):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    results = _FORKS.SimpleQueue()
    ranks = [_FORKS.Process(target=work, args=(rank, port, kind, number_format, results)) for rank in range(2)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(120)
    assert [rank.exitcode for rank in ranks] == [0, 0]
    for difference, whole, part in (results.get(), results.get()):
        assert difference < (1e-6 if kind == "cpu" else 1e-3)  # kernels of a GPU add up in any order
        assert part <= 0.51 * whole
