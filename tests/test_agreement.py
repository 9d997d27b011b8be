"""Two ranks that tell one another what they were told."""

import multiprocessing
import os
import socket

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import distributed

from ltx_module.agreement import Agreement

TWO_GPUS = [pytest.mark.gpu, pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")]
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["ltx_module.agreement", "lightning.pytorch"])


def work(rank: int, port: int, kind: str, results) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    device = torch.device(kind, rank) if kind == "cuda" else torch.device("cpu")
    if kind == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if kind == "cuda" else "gloo", rank=rank, world_size=2)
    agreement, strategy, answers = Agreement(), SingleDeviceStrategy(device=device), []
    for step in range(5):
        torch.ones(512, 512, device=device) @ torch.ones(512, 512, device=device)
        told = [step == 1 and rank == 1, step == 3 and rank == 0]
        answers.append(agreement.reached(told, strategy))
    results.put((rank, answers))
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "later"), [("cpu", 0), pytest.param("cuda", 1, marks=TWO_GPUS)])
def test_what_one_rank_was_told_both_hear_after_the_same_step(kind, later):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    results = _FORKS.SimpleQueue()
    ranks = [_FORKS.Process(target=work, args=(rank, port, kind, results)) for rank in range(2)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(60)
    assert [rank.exitcode for rank in ranks] == [0, 0]
    heard = [results.get()[1] for _ in ranks]
    assert heard[0] == heard[1]
    assert [step for step, (first, _) in enumerate(heard[0]) if first] == [1 + later]
    assert [step for step, (_, second) in enumerate(heard[0]) if second] == [3 + later]
