"""Preprocessing on a CUDA device: batches, copies and writing side by side give what the processor gives."""

import pytest
import torch

from datamodules.cache import LatentCache
from datamodules.encoding import text_encoder
from datamodules.encoding.entries import AudioEntry, VideoEntry
from datamodules.encoding.latent_encoder import LatentEncoder
from datamodules.encoding.share import Place, encode_captions
from datamodules.encoding.text_encoder import TextSettings
from datamodules.geometry import Bucket
from ltx_module.checkpoint import Checkpoint
from ltx_module.pico import GEMMA_DIRECTORY, write_pico

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CPU, CARD = torch.device("cpu"), torch.device("cuda", 0)
BUCKETS = (Bucket(width=64, height=64, frames=17), Bucket(width=96, height=64, frames=1))


class Drawn(VideoEntry):
    """Noise that the name decides."""

    def read(self):
        shape = (self.bucket.frames, 3, self.bucket.height, self.bucket.width)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(int(self.name)))


class Played(AudioEntry):
    """Noise that the name decides."""

    def read(self):
        generator = torch.Generator().manual_seed(int(self.name))
        return torch.rand(2, round(self.duration * 16000), generator=generator).sub_(0.5)


@pytest.fixture(scope="module")
def pico(tmp_path_factory):
    return write_pico(tmp_path_factory.mktemp("pico"))


def entries(kind, number):
    shared = {"key": f"{kind}-{number:040x}", "name": str(number), "num_bytes": 0, "path": None, "start": 0.0}
    if kind == "audio":
        return Played(**shared, duration=1.0)
    return Drawn(**shared, bucket=BUCKETS[number % 2], fps=24.0)


def relative(one, other):
    return ((one.float() - other.float()).norm() / other.float().norm()).item()


def test_latents_are_those_of_the_processor_but_for_rounding(pico, tmp_path):
    checkpoint, found = Checkpoint(pico), {}
    video, audio = ([entries(kind, number) for number in range(40)] for kind in ("video", "audio"))
    for device in (CPU, CARD):
        found[device] = LatentCache(tmp_path / device.type)
        encoder = LatentEncoder(checkpoint, found[device], device=device, threads=4, shown=False)
        encoder.encode_video(video)
        encoder.encode_audio(audio)
    for entry in (*video, *audio):
        on_card, on_processor = (found[device].read(entry.key)["latents"] for device in (CARD, CPU))
        assert on_card.dtype == on_processor.dtype
        assert relative(on_card, on_processor) < (0.03 if entry in video else 0.01)  # bf16 and fp32


def test_contexts_are_those_of_the_processor_but_for_rounding(pico, tmp_path, monkeypatch):
    monkeypatch.setattr(text_encoder, "_WORKSPACE_BYTES", 2**30)
    checkpoint, found = Checkpoint(pico), {}
    texts = {f"text-{number:040x}": "a red ball " * (number % 9) + str(number) for number in range(60)}
    settings = TextSettings(text_encoder=pico.parent / GEMMA_DIRECTORY, gemma="g", text_window=256, precision="auto")
    for device in (CPU, CARD):
        found[device] = LatentCache(tmp_path / device.type)
        encode_captions(texts, found[device], checkpoint, settings, Place(device=device))
    assert not (tmp_path / CARD.type / "hidden").exists()
    for key in texts:
        on_card, on_processor = (found[device].read(key) for device in (CARD, CPU))
        assert all(relative(on_card[name], on_processor[name]) < 0.03 for name in on_card)  # Gemma in bf16 and in fp32
