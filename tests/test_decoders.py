"""Decoders and other weights that wait on the host: read once, in as little memory as there is."""

import math

import pytest
import torch

from ltx_module.checkpoint import Checkpoint
from ltx_module.decoders import Decoders, decoding_tiles
from ltx_module.parked import ParkedWeights

PICO = "assets/pico/ltx-2.3-pico.safetensors"
LATENTS = torch.Size((1, 128, 7, 17, 30))  # of 960x544x49


@pytest.fixture
def latents() -> torch.Tensor:
    checkpoint = Checkpoint(PICO)
    return torch.randn(1, checkpoint.latent_channels, 2, 2, 2, generator=torch.Generator().manual_seed(0))


def test_decoders_are_read_once_and_without_their_encoders(monkeypatch, latents):
    loads = []
    load = Checkpoint.load_video_vae
    monkeypatch.setattr(Checkpoint, "load_video_vae", lambda self, **options: loads.append(1) or load(self, **options))
    decoders = Decoders(checkpoint=Checkpoint(PICO), device=torch.device("cpu"))
    first, second = decoders.frames(latents), decoders.frames(latents)
    assert torch.equal(first, second)
    assert first.shape == (9, 3, 64, 64)
    assert len(loads) == 1
    whole = load(Checkpoint(PICO), dtype=torch.float32)
    kept = decoders._ready("video").module
    assert sum(p.numel() for p in kept.parameters()) < sum(p.numel() for p in whole.parameters())


def test_a_video_is_decoded_whole_where_there_is_room_and_in_smaller_tiles_the_less_there_is():
    sides = [math.inf, 4e9, 3e9, 1.3e9, 0]
    tiles = [decoding_tiles(LATENTS, free) for free in sides]
    assert tiles[0] is None
    assert tiles[1] is not None
    pixels = [tile.pixels for tile in tiles[1:]]
    assert pixels == sorted(pixels, reverse=True)
    assert pixels[0] > pixels[-1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")
def test_parked_weights_take_device_memory_only_while_they_are_wanted():
    device, weights = torch.device("cuda"), torch.arange(2.0**22, device="cuda")
    before = torch.cuda.memory_allocated()
    parked = ParkedWeights([weights], device)
    assert torch.cuda.memory_allocated() == before - parked.num_bytes
    with parked.placed(), parked.placed():
        assert weights.device.type == "cuda"
        assert weights.sum().item() == torch.arange(2.0**22).sum().item()
    assert weights.device.type == "cpu"
    assert torch.cuda.memory_allocated() == before - parked.num_bytes


def test_parked_weights_of_a_processor_are_left_alone():
    weights = torch.ones(3)
    parked = ParkedWeights([weights], torch.device("cpu"))
    with parked.placed():
        weights.add_(1)
    assert weights.tolist() == [2, 2, 2]
