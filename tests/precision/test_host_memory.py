import os

import pytest
import torch

from ltx_module.precision import host_memory
from ltx_module.precision.host_memory import copy_rate, host_buffer


class Owner:
    pass


@pytest.mark.parametrize("num_bytes", [1, 4096, 100_001])
def test_a_buffer_has_its_size_and_starts_at_a_page(num_bytes):
    buffer = host_buffer(num_bytes, torch.device("cpu"), Owner())
    assert buffer.shape == (num_bytes,)
    assert buffer.data_ptr() % 4096 == 0


def test_a_forked_process_shares_a_buffer_instead_of_copying_it():
    buffer = host_buffer(10, torch.device("cpu"), Owner())
    if (child := os.fork()) == 0:
        buffer.numpy()[3] = 7
        os._exit(0)
    os.waitpid(child, 0)
    assert buffer.tolist() == [0, 0, 0, 7, 0, 0, 0, 0, 0, 0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_buffer_for_a_gpu_is_locked_and_is_unlocked_with_its_owner():
    owner, device = Owner(), torch.device("cuda")
    buffers = [host_buffer(num_bytes, device, owner) for num_bytes in (1, 5000, 2**20)]
    assert all(buffer.is_pinned() for buffer in buffers)
    del owner
    assert not any(buffer.is_pinned() for buffer in buffers)
    assert copy_rate(device, num_bytes=2**26) > 2**30


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_torchs_own_memory_is_the_second_choice_and_the_refusal_hits_nobody_else(monkeypatch):
    device, twice = torch.device("cuda"), host_buffer(2**20, torch.device("cuda"), owner := Owner())
    assert host_memory._lock(twice, device)  # locked already
    assert torch.ones(3, device=device).sum() == 3
    monkeypatch.setattr(host_memory, "_lock", lambda *_: 712)
    assert host_buffer(2**20, device, owner).is_pinned()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine that cannot lock memory")
def test_memory_that_cannot_be_locked_is_told_with_its_key(monkeypatch):
    monkeypatch.setattr(host_memory, "_lock", lambda *_: 2)
    with pytest.raises(ValueError, match=r"`model.swap_blocks` asks for 0.50 GiB more .*: lower it"):
        host_buffer(2**29, torch.device("cuda"), Owner())
