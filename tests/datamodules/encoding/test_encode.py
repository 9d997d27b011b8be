"""From media and captions to entries of the cache: what is encoded, what survives a kill, what a bad clip does."""

import logging
import multiprocessing

import pytest
import torch

from datamodules.cache import LatentCache
from datamodules.encoding.entries import AudioEntry, VideoEntry
from datamodules.encoding.latent_encoder import LatentEncoder, _VideoCoder, fit_length
from datamodules.encoding.share import Place, encode_captions
from datamodules.encoding.text_encoder import TextEncoder, TextSettings
from datamodules.geometry import Bucket
from datamodules.world.dataset import write_dataset
from ltx_module.checkpoint import Checkpoint
from ltx_module.checkpoint.gemma import GemmaEncoder
from ltx_module.pico import write_pico

CPU = torch.device("cpu")
BUCKET = Bucket(width=64, height=64, frames=17)
WINDOW = 128
ROUNDING = {"rtol": 2**-7, "atol": 1e-4}  # one step of bf16, which a difference in the last bit of fp32 can take


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


def test_entries_are_the_same_whatever_the_number_of_threads(dataset, checkpoint, tmp_path):
    video, audio = jobs(dataset, "video"), jobs(dataset, "audio")
    found = []
    for threads in (0, 1, 4):
        cache = LatentCache(tmp_path / str(threads))
        encoder = LatentEncoder(checkpoint, cache, device=CPU, threads=threads)
        encoder.encode_video(video)
        encoder.encode_audio(audio)
        found.append([cache.read(entry.key)["latents"] for entry in (*video, *audio)])
    assert all(torch.equal(*two) for other in found[1:] for two in zip(found[0], other, strict=True))


def test_clips_encoded_together_are_those_encoded_alone(dataset, checkpoint):
    entries = jobs(dataset, "video")
    media = torch.stack([entry.read() for entry in entries])
    coder = _VideoCoder(checkpoint, CPU)
    alone = torch.cat([coder([entry], frames[None]) for entry, frames in zip(entries, media, strict=True)])
    assert torch.allclose(coder(entries, media).float(), alone.float(), **ROUNDING)


class Faulty:
    """Makes of media what they are, but for some of them."""

    task, tensor, device, batch_bytes = "encoding", "latents", CPU, 2**30

    def __init__(self):
        self.sizes = []

    def load(self):
        pass

    def __call__(self, entries, media):
        self.sizes.append(len(entries))
        if any("bad" in entry.name for entry in entries):
            raise ValueError("cannot be taken")
        return media.float() / (media.amax((1, 2, 3, 4), keepdim=True) > 0)


class Drawn(VideoEntry):
    """Plain frames: black where the name says so."""

    def read(self):
        return torch.full((1, 3, 32, 32), 0 if "black" in self.name else 9, dtype=torch.uint8)


def test_a_clip_that_fails_in_a_batch_fails_alone(cache, tmp_path):
    names = ("one", "bad", "black", "two")
    entries = [
        Drawn(**vars(job(tmp_path / name, f"video-{number:040x}")) | {"bucket": Bucket(width=32, height=32, frames=1)})
        for number, name in enumerate(names)
    ]
    coder = Faulty()
    LatentEncoder(None, cache, device=CPU)._encode(coder, entries)
    assert coder.sizes == [4, 1, 1, 1, 1]
    assert [cache.has(entry.key) for entry in entries] == [True, False, False, True]
    assert cache.failure(entries[1].key) == "cannot be taken"
    assert "not finite" in cache.failure(entries[2].key)


def test_a_vae_that_cannot_be_loaded_is_no_clips_fault(cache, tmp_path):
    class Unreadable(Faulty):
        def load(self):
            raise OSError("the file cannot be read")

    one = Drawn(**vars(job(tmp_path / "one", "video-1")) | {"bucket": Bucket(width=32, height=32, frames=1)})
    with pytest.raises(OSError, match="cannot be read"):
        LatentEncoder(None, cache, device=CPU)._encode(Unreadable(), [one])
    assert cache.failure(one.key) is None


class Small:
    """A VAE on a device that holds no whole clip."""

    def __init__(self, holds_tiles):
        self.holds_tiles, self.whole = holds_tiles, 0

    def encode(self, pixels, tiling=None):
        self.whole += tiling is None
        if tiling is None or not self.holds_tiles:
            raise torch.OutOfMemoryError("out of memory")
        return pixels.new_ones(len(pixels), 4, 3, 2, 2)


def test_a_size_that_does_not_fit_is_encoded_in_tiles_from_there_on(dataset, cache, monkeypatch, caplog):
    vae = Small(holds_tiles=True)
    monkeypatch.setattr(_VideoCoder, "_vae", vae)
    entries = jobs(dataset, "video")
    with caplog.at_level(logging.INFO):
        LatentEncoder(None, cache, device=CPU).encode_video(entries)
    assert all(cache.has(entry.key) for entry in entries)
    assert vae.whole == 1
    assert [record.getMessage() for record in caplog.records if "tiles" in record.getMessage()] == [
        "64x64x17 is encoded in tiles, because it does not fit in one piece"
    ]


def test_a_clip_that_fits_in_no_way_names_itself_and_the_way_out(dataset, cache, monkeypatch):
    monkeypatch.setattr(_VideoCoder, "_vae", Small(holds_tiles=False))
    (first, *_) = entries = jobs(dataset, "video")
    with pytest.raises(MemoryError, match=rf"{first.name}, 64x64x17, does not fit.*data\.buckets"):
        LatentEncoder(None, cache, device=CPU).encode_video(entries)


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
        assert torch.allclose(contexts["video_context"].float(), video[number], **ROUNDING)
        assert torch.allclose(contexts["audio_context"].float(), audio[number], **ROUNDING)


@pytest.fixture
def at_once(monkeypatch):
    """Gemma and the connectors side by side, as where both fit into an accelerator's memory."""
    monkeypatch.setattr(TextEncoder, "_connectors_fit", lambda self: True)


def test_contexts_are_the_same_without_a_stay_on_disk(pico, checkpoint, tmp_path, monkeypatch, at_once):
    texts = captions("a red ball", "", *(f"{number} blue balls and a low tone" for number in range(7)))
    at_once, in_turn = LatentCache(tmp_path / "at once"), LatentCache(tmp_path / "in turn")
    encode_captions(texts, at_once, checkpoint, settings(pico), Place(device=CPU))
    assert not (at_once.root / "hidden").exists()
    monkeypatch.undo()
    encode_captions(texts, in_turn, checkpoint, settings(pico), Place(device=CPU))
    for key in texts:
        one, other = at_once.read(key), in_turn.read(key)
        assert torch.allclose(one["video_context"].float(), other["video_context"].float(), **ROUNDING)
        assert torch.allclose(one["audio_context"].float(), other["audio_context"].float(), **ROUNDING)


def test_captions_that_do_not_fit_together_are_encoded_in_smaller_batches(
    pico, checkpoint, cache, monkeypatch, at_once
):
    whole, sizes = GemmaEncoder.encode, []

    def encode(self, batch, **options):
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError
        return whole(self, batch, **options)

    monkeypatch.setattr(GemmaEncoder, "encode", encode)
    texts = captions(*(f"ball {number}" for number in range(5)))
    encode_captions(texts, cache, checkpoint, settings(pico), Place(device=CPU))
    assert all(cache.has(key) for key in texts)
    assert sizes == [5, 2, 3, 1, 2]


def test_captions_go_by_the_disk_where_the_connectors_leave_no_room_for_one(
    pico, checkpoint, cache, monkeypatch, at_once
):
    loads = []
    load = Checkpoint.load_text_connectors

    def full(*_):
        raise torch.OutOfMemoryError

    def load_first_without_room(self, **options):
        loads.append(load(self, **options))
        return full if len(loads) == 1 else loads[-1]

    monkeypatch.setattr(Checkpoint, "load_text_connectors", load_first_without_room)
    texts = captions("a red ball", "", "blue balls")
    encode_captions(texts, cache, checkpoint, settings(pico), Place(device=CPU))
    assert all(cache.has(key) for key in texts)
    assert len(loads) == 2


def test_hidden_states_do_not_stay_on_disk(pico, checkpoint, cache):
    encode_captions(captions("one", "two"), cache, checkpoint, settings(pico), Place(device=CPU))
    assert list(cache.root.glob("hidden/*/*")) == []


def test_captions_go_in_rounds_when_hidden_states_fill_the_allowance(pico, checkpoint, cache, monkeypatch):
    monkeypatch.setattr("datamodules.encoding.text_encoder.WAITING_BYTES", 1)
    monkeypatch.setattr("datamodules.encoding.text_encoder.BATCH_TOKENS", 4 * 128)
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


def test_a_kill_loses_only_the_clips_in_hand(checkpoint, dataset, cache):
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
