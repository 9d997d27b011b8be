"""From media and captions to entries of the cache: what is encoded, what survives a kill, what a bad clip does."""

import multiprocessing

import pytest
import torch

from datamodules.cache import LatentCache
from datamodules.encoding.entries import AudioEntry, VideoEntry
from datamodules.encoding.latent_encoder import LatentEncoder, fit_length
from datamodules.encoding.share import Place, encode_captions
from datamodules.encoding.text_encoder import TextSettings, _padded
from datamodules.geometry import Bucket
from datamodules.world.dataset import write_dataset
from ltx_module.checkpoint import Checkpoint
from ltx_module.checkpoint.gemma import GemmaEncoder
from ltx_module.pico import write_pico

CPU = torch.device("cpu")
BUCKET = Bucket(width=64, height=64, frames=17)
WINDOW = 128


@pytest.fixture(scope="module")
def pico(tmp_path_factory):
    return write_pico(tmp_path_factory.mktemp("pico"))


@pytest.fixture(scope="module")
def checkpoint(pico):
    return Checkpoint(pico)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp("dataset")
    write_dataset(directory, clips=3, stills=0, width=64, height=64, frames=17)
    return directory


@pytest.fixture
def cache(tmp_path):
    return LatentCache(tmp_path / "cache")


def jobs(dataset, kind):
    return [job(path, f"{kind}-{number:040x}", kind) for number, path in enumerate(sorted(dataset.glob("*.mp4")))]


def job(path, key, kind="video"):
    shared = {"key": key, "name": path.name, "num_bytes": 0, "path": path, "start": 0.0}
    if kind == "audio":
        return AudioEntry(**shared, duration=17 / 24)
    return VideoEntry(**shared, bucket=BUCKET, fps=24.0)


def settings(pico):
    return TextSettings(text_encoder=pico.parent / "gemma", gemma="g", text_window=WINDOW, precision="auto")


def captions(*texts):
    return {f"text-{number:040x}": text for number, text in enumerate(texts)}


def test_video_latents_have_the_shape_of_the_bucket(dataset, checkpoint, cache):
    (first, *_) = jobs(dataset, "video")
    LatentEncoder(checkpoint, cache, device=CPU).encode_video([first])
    latents = cache.read(first.key)["latents"]
    assert latents.shape == (checkpoint.latent_channels, 3, 2, 2)  # 17 = 8 * 2 + 1 frames, 64 = 32 * 2 pixels
    assert latents.dtype == torch.bfloat16


def test_audio_latents_are_as_many_as_sampling_uses(dataset, checkpoint, cache):
    (first, *_) = jobs(dataset, "audio")
    LatentEncoder(checkpoint, cache, device=CPU).encode_audio([first])
    latents = cache.read(first.key)["latents"]
    channels, mel_bins = checkpoint.audio_latent
    assert latents.shape == (channels, 18, mel_bins)  # 17 frames / 24 fps * 25 a second = 17.7; the encoder gives 19
    assert latents.dtype == torch.float32


@pytest.mark.parametrize("length", [3, 5, 8])
def test_audio_latents_are_cut_or_filled_at_the_end(length):
    latents = torch.arange(1.0, 6).view(1, 5, 1)
    expected = (latents.flatten().tolist() + [0.0] * 3)[:length]
    assert fit_length(latents, length).flatten().tolist() == expected


def test_a_broken_clip_is_recorded_and_the_others_are_encoded(dataset, checkpoint, cache, tmp_path):
    good, other, victim = jobs(dataset, "video")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(victim.path.read_bytes()[:2000])
    bad = job(broken, victim.key)
    LatentEncoder(checkpoint, cache, device=CPU).encode_video([good, bad, other])
    assert [cache.has(entry.key) for entry in (good, bad, other)] == [True, False, True]
    assert cache.failure(bad.key)


def test_no_component_is_loaded_when_every_clip_is_broken(cache, tmp_path):
    gone = job(tmp_path / "gone.mp4", f"video-{0:040x}")
    no_checkpoint = None  # loading anything from it would raise
    LatentEncoder(no_checkpoint, cache, device=CPU).encode_video([gone])
    assert cache.failure(gone.key)


def test_a_full_disk_is_no_fault_of_the_clip(dataset, checkpoint, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"data\.cache_dir"):
        LatentEncoder(checkpoint, LatentCache(tmp_path / "file"), device=CPU).encode_video(jobs(dataset, "video"))


def test_contexts_equal_those_of_gemma_and_connectors_in_one_go(pico, checkpoint, cache):
    texts = captions("a red ball", "")
    encode_captions(texts, cache, checkpoint, settings(pico), Place(device=CPU))
    gemma = GemmaEncoder(pico.parent / "gemma", device=CPU, text_window=WINDOW)
    connectors = checkpoint.load_text_connectors(dtype=torch.float32)
    video, audio = connectors(*gemma.encode(list(texts.values())))
    for number, key in enumerate(texts):
        contexts = cache.read(key)
        assert torch.equal(contexts["video_context"], video[number].bfloat16())
        assert torch.equal(contexts["audio_context"], audio[number].bfloat16())


def test_hidden_states_do_not_stay_on_disk(pico, checkpoint, cache):
    encode_captions(captions("one", "two"), cache, checkpoint, settings(pico), Place(device=CPU))
    assert list(cache.root.glob("hidden/*/*")) == []


def test_captions_go_in_rounds_when_hidden_states_fill_the_allowance(pico, checkpoint, cache, monkeypatch):
    monkeypatch.setattr("datamodules.encoding.text_encoder.WAITING_BYTES", 1)
    texts = captions(*(f"caption {number}" for number in range(6)))  # a round ends after its first batch of 4
    encode_captions(texts, cache, checkpoint, settings(pico), Place(device=CPU))
    assert all(cache.has(key) for key in texts)


def test_a_caption_that_another_process_has_encoded_meanwhile_is_left_to_it(pico, checkpoint, cache, monkeypatch):
    texts = captions("one", "two")
    read, others = cache.read, dict.fromkeys(texts, 0)

    def read_late(key, names=None):
        """The other process writes each context and removes its hidden states just before we read them."""
        if key.startswith("hidden") and not all(others.values()):
            cache.remove(key)
            for text in others:
                cache.write(text, {"video_context": torch.ones(1), "audio_context": torch.ones(1)})
                others[text] += 1
        return read(key, names)

    monkeypatch.setattr(cache, "read", read_late)
    encode_captions(texts, cache, checkpoint, settings(pico), Place(device=CPU))
    assert all(cache.has(key) for key in texts)
    assert torch.equal(read(next(iter(texts)))["video_context"], torch.ones(1))


def test_hidden_states_of_a_killed_run_are_used(pico, checkpoint, cache, monkeypatch):
    texts = captions("a red ball")
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "load_text_connectors", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            encode_captions(texts, cache, checkpoint, settings(pico), Place(device=CPU))
    monkeypatch.setattr("ltx_module.checkpoint.gemma.GemmaEncoder.__init__", _interrupt)
    encode_captions(texts, cache, checkpoint, settings(pico), Place(device=CPU))
    assert all(cache.has(key) for key in texts)


def _interrupt(*_, **__):
    raise KeyboardInterrupt


def test_padding_stands_on_the_left():
    hidden, mask = _padded(torch.ones(2, 3, 4), 5)
    assert hidden.shape == (1, 2, 5, 4)
    assert mask.tolist() == [[0, 0, 1, 1, 1]]
    assert hidden[0, 0, :, 0].tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]


def test_ranks_share_captions_without_overlap_whatever_is_cached_already(pico, checkpoint, tmp_path):
    texts = captions("one", "two", "three")
    shares = []
    for rank in range(2):
        cache = LatentCache(tmp_path / str(rank))
        encode_captions(texts, cache, checkpoint, settings(pico), Place(device=CPU, rank=rank, world_size=2))
        shares.append({key for key in texts if cache.has(key)})
    assert shares[0] | shares[1] == set(texts)
    assert not shares[0] & shares[1]


def _encode_slowly(checkpoint, cache, work, connection):
    """Runs in a process of its own, and says after each clip that it is written."""
    torch.set_num_threads(1)  # OpenMP's threads do not survive a fork

    class Slow(LatentCache):
        def write(self, key, tensors, notes=None):
            super().write(key, tensors, notes)
            connection.send(key)
            connection.recv()

    LatentEncoder(checkpoint, Slow(cache.root), device=CPU, shown=False).encode_video(work)


def test_a_kill_loses_at_most_the_clip_in_hand(checkpoint, dataset, cache):
    work = jobs(dataset, "video")
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_encode_slowly, args=(checkpoint, cache, work, theirs))
    process.start()
    first = ours.recv()
    ours.send("go on")
    second = ours.recv()
    process.kill()
    process.join()
    assert [cache.has(job.key) for job in work] == [True, True, False]
    before = [cache.path(key).stat().st_mtime_ns for key in (first, second)]
    LatentEncoder(checkpoint, cache, device=CPU).encode_video([job for job in work if not cache.has(job.key)])
    assert [cache.path(key).stat().st_mtime_ns for key in (first, second)] == before
    assert all(cache.has(job.key) for job in work)
