"""References, masks and stills in cache and batches: what is encoded from which frames, and what a resume does."""

import multiprocessing

import pytest
import torch

from datamodules.encoding.entries import VideoEntry
from datamodules.encoding.render import mask_frames
from datamodules.encoding.share import Place, encode_media
from datamodules.geometry import Bucket
from datamodules.media.recompress import recompress
from datamodules.needs import Keyframe, Needs
from ltx_module.pico import write_pico
from tests.datamodules.given_clips import data_module, ramp, write_clip, write_sound

CPU = torch.device("cpu")
NEEDS = Needs(video_reference=True, video_mask=True, keyframes=(Keyframe(frame=0, recompress=33), Keyframe(frame=-1)))


@pytest.fixture(scope="module")
def pico(tmp_path_factory):
    return write_pico(tmp_path_factory.mktemp("pico"))


@pytest.fixture
def folder(tmp_path):
    """Two clips of 25 frames, each with a reference and a mask that is white in frame 8."""
    for number, name in enumerate(("a", "b")):
        write_clip(tmp_path / f"{name}.mp4", first=20 + 40 * number, caption=f"clip {name}")
        write_clip(tmp_path / "references" / f"{name}.mp4", first=60 + 40 * number)
        write_mask(tmp_path / "masks" / f"{name}.mp4")
    return tmp_path


def write_mask(path, frame=8):
    from datamodules.media.write import write_video

    path.parent.mkdir(exist_ok=True)
    mask = torch.zeros(25, 3, 64, 64, dtype=torch.uint8)
    mask[frame, :, :, :32] = 255
    write_video(path, mask, 24.0)


def frame_numbers(frames, first):
    """Which frames of `ramp` these are."""
    return ((frames.float().mean((1, 2, 3)) - first) / 3).round().int().tolist()


def entry_of(data, key):
    return data._plan.media[key]


def test_batches_hold_what_is_given(pico, folder):
    data = data_module(pico, folder, NEEDS, batch_size=2)
    data.prepare_data()
    data.setup()
    batch = next(iter(data.train_dataloader()))
    channels = batch.video.shape[1]
    assert batch.given.video_reference.shape == (2, channels, 3, 2, 2)
    assert batch.given.video_reference.dtype == torch.bfloat16
    assert batch.given.video_mask.dtype == torch.bool
    assert batch.given.video_mask[0].tolist() == [[[True] * 2] * 2, [[False, True]] * 2, [[True] * 2] * 2]
    assert {frame: still.shape for frame, still in batch.given.keyframes.items()} == {
        0: (2, channels, 1, 2, 2),
        -1: (2, channels, 1, 2, 2),
    }


@pytest.mark.parametrize(
    ("factors", "bucket", "numbers", "size"),
    [
        ({}, "64x64x17", range(17), 64),
        ({"reference_downscale_factor": 2}, "64x64x17", range(17), 32),
        ({"reference_temporal_factor": 2}, "64x64x17", [0, *range(1, 17, 2)], 64),
        ({"reference_temporal_factor": 3}, "64x64x25", [0, *range(1, 25, 3)], 64),
    ],
    ids=["plain", "smaller", "every second", "every third"],
)
def test_a_reference_is_read_at_the_size_and_rate_of_the_factors(pico, folder, factors, bucket, numbers, size):
    data = data_module(pico, folder, NEEDS, buckets=[bucket], **factors)
    data.plan()
    clip = data.clips_of("train")[0].cached
    frames = entry_of(data, clip.given.video_reference).read()
    assert frames.shape[2:] == (size, size)
    assert frame_numbers(frames, 60) == list(numbers)
    data.setup()
    shape = data.cache.read(clip.given.video_reference)["latents"].shape
    assert shape[1:] == (1 + (len(numbers) - 1) // 8, size // 32, size // 32)


def test_a_later_window_takes_its_own_part_of_reference_mask_and_stills(pico, folder):
    data = data_module(pico, folder, NEEDS, buckets=["64x64x9"], windows="all")
    data.plan()
    first, second = (clip.cached.given for clip in data.clips_of("train")[:2])
    assert frame_numbers(entry_of(data, first.video_reference).read(), 60) == list(range(9))
    assert frame_numbers(entry_of(data, second.video_reference).read(), 60) == list(range(9, 18))
    # frame 8 is the last of the first window
    assert not entry_of(data, first.video_mask).read().all()
    assert entry_of(data, second.video_mask).read().all()
    stills = [frame_numbers(entry_of(data, dict(given.keyframes)[-1]).read(), 20) for given in (first, second)]
    assert stills == [[8], [17]]


def test_the_reference_at_factor_one_is_encoded_like_a_target(pico, folder):
    (folder / "references" / "a.mp4").write_bytes((folder / "a.mp4").read_bytes())
    data = data_module(pico, folder, Needs(video_reference=True))
    data.prepare_data()
    data.setup()
    clip = data.clips_of("train")[0].cached
    target, reference = (data.cache.read(key)["latents"] for key in (clip.latent_key, clip.given.video_reference))
    assert clip.latent_key != clip.given.video_reference
    assert torch.equal(target, reference)


def test_a_still_of_frame_0_is_the_first_latent_frame_of_the_clip(pico, folder):
    data = data_module(pico, folder, Needs(keyframes=(Keyframe(frame=0),)))
    data.prepare_data()
    data.setup()
    clip = data.clips_of("train")[0].cached
    still = dict(clip.given.keyframes)[0]
    target = data.cache.read(clip.latent_key)["latents"]
    assert torch.allclose(data.cache.read(still)["latents"][:, 0].float(), target[:, 0].float(), atol=0.05)


def test_recompression_costs_detail_and_more_of_it_at_a_higher_crf():
    noise = torch.randint(0, 256, (3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    losses = [(recompress(noise, crf).float() - noise.float()).abs().mean() for crf in (1, 18, 33)]
    assert losses[0] < losses[1] < losses[2]
    flat = ramp(1)[0]
    assert (recompress(flat, 33).float() - flat.float()).abs().max() <= 2


def test_the_crf_makes_another_still(pico, folder):
    keys = set()
    for crf in (None, 18, 33):
        data = data_module(pico, folder, Needs(keyframes=(Keyframe(frame=0, recompress=crf),)))
        data.plan()
        keys.add(data.clips_of("train")[0].cached.given.keyframes)
    assert len(keys) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"reference_downscale_factor": 2},
        {"reference_temporal_factor": 2},
        {"mask_white": "keep"},
        {"buckets": ["32x32x17"]},
        {"fps": 25.0},
    ],
    ids=str,
)
def test_a_setting_that_decides_an_entry_changes_its_key(pico, folder, change):
    plans = [data_module(pico, folder, NEEDS, **changes) for changes in ({}, change)]
    before, after = (data.plan() and data.clips_of("train")[0].cached.given for data in plans)
    same_reference = "mask_white" in change
    assert (before.video_reference == after.video_reference) == same_reference
    assert (before.video_mask == after.video_mask) == ("reference" in next(iter(change)))


def test_what_is_cached_is_not_encoded_again(pico, folder):
    data = data_module(pico, folder, NEEDS)
    data.prepare_data()
    data.setup()
    written = {path: path.stat().st_mtime_ns for path in data.cache.root.rglob("*.safetensors")}
    lost = data.cache.path(data.clips_of("train")[1].cached.given.video_reference)
    lost.unlink()
    again = data_module(pico, folder, NEEDS)
    assert again.plan().cache.missing == 1
    again.setup()
    assert {path for path in written if path.stat().st_mtime_ns != written[path]} == {lost}


def test_a_mask_that_cannot_be_read_drops_its_clip_with_the_reason(pico, folder, monkeypatch):
    data = data_module(pico, folder, NEEDS)
    data.prepare_data()
    whole = VideoEntry.read

    def read(entry):
        if entry.path == folder / "references" / "a.mp4":
            raise RuntimeError("the reference is torn")
        return whole(entry)

    monkeypatch.setattr(VideoEntry, "read", read)
    data.setup()
    assert [row.name for row in data.report.rows if row.status == "train"] == ["b.mp4@0.00s"]
    assert [row.reason for row in data.report.rows if row.status == "dropped"] == ["the reference is torn"]


def _encode(entries, cache, checkpoint, rank):
    torch.set_num_threads(1)  # OpenMP's threads do not survive a fork
    encode_media(entries, cache, checkpoint, Place(device=CPU, rank=rank, world_size=2))


def test_two_processes_share_references_masks_and_stills(pico, folder):
    data = data_module(pico, folder, NEEDS)
    data.plan()
    entries = list(data._plan.media.values())
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=_encode, args=(entries, data.cache, data._checkpoint, rank)) for rank in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert all(data.cache.has(entry.key) for entry in entries)
    alone = data_module(pico, folder, NEEDS, cache_dir=folder / "alone")
    alone.plan()
    encode_media(entries, alone.cache, alone._checkpoint, Place(device=CPU))
    for entry in entries:
        shared, single = data.cache.read(entry.key), alone.cache.read(entry.key)
        assert all(torch.equal(shared[name], single[name]) for name in single)


def test_the_shares_of_two_ranks_do_not_overlap(pico, folder, tmp_path_factory):
    data = data_module(pico, folder, NEEDS)
    data.plan()
    entries = data._plan.media.values()
    shares = []
    for rank in range(2):
        directory = tmp_path_factory.mktemp("share")
        own = data_module(pico, folder, NEEDS, cache_dir=directory)
        encode_media(entries, own.cache, own._checkpoint, Place(device=CPU, rank=rank, world_size=2))
        shares.append({entry.key for entry in entries if own.cache.has(entry.key)})
    assert shares[0] | shares[1] == {entry.key for entry in entries}
    assert not shares[0] & shares[1]


def test_the_stated_size_covers_references_masks_and_stills(pico, folder, monkeypatch):
    monkeypatch.setattr("datamodules.encoding.encoders.Encoders.hidden_bytes", 0)
    data = data_module(pico, folder, NEEDS, buckets=["64x64x25"])
    needed = data.plan().cache.needed_bytes
    data.setup()
    written = sum(path.stat().st_size for path in data.cache.root.glob("*/??/*.safetensors"))
    assert abs(needed / written - 1) < 0.05


def test_prune_keeps_masks_in_use_and_takes_the_others(pico, folder):
    data = data_module(pico, folder, NEEDS)
    data.prepare_data()
    data.setup()
    used = {key for clip in data.clips_of("train") for key in clip.cached.given.keys}
    data.prune()
    assert all(data.cache.has(key) for key in used)
    plain = data_module(pico, folder, Needs())
    plain.prepare_data()
    plain.setup()
    plain.prune()
    assert not any(data.cache.has(key) for key in used)


def test_decoded_clips_stand_beside_their_references_masks_and_stills(pico, folder, tmp_path_factory):
    data = data_module(pico, folder, NEEDS)
    data.prepare_data()
    data.setup()
    directory = data.decode(tmp_path_factory.mktemp("decoded"))
    assert {path.name for path in directory.iterdir()} == {
        f"{name}.mp4@0.00s.{what}"
        for name in ("a", "b")
        for what in ("mp4", "reference.mp4", "mask.mp4", "frame-0.png", "frame--1.png")
    }


def test_a_decoded_mask_is_white_where_the_clip_is_made_anew():
    given = torch.ones(3, 2, 2, dtype=torch.bool)
    given[1, 0, 1] = False
    frames = mask_frames(given)
    assert frames.shape == (17, 3, 64, 64)
    white = frames.eq(255).all(1)
    assert white.flatten(1).any(1).nonzero().flatten().tolist() == list(range(1, 9))
    assert white[1].nonzero().amin(0).tolist() == [0, 32]


def test_sound_masks_and_references_are_encoded_beside_a_video(pico, tmp_path):
    write_clip(tmp_path / "a.mp4", sound=True, caption="x")
    write_sound(tmp_path / "references" / "a.wav", 1.2, frequency=880.0)
    table = tmp_path / "clips.csv"
    table.write_text('video,caption,reference_audio,audio_mask\na.mp4,x,references/a.wav,"0.2-0.4"\n')
    data = data_module(pico, table, Needs(audio_reference=True, audio_mask=True), with_audio=True)
    data.prepare_data()
    data.setup()
    batch = next(iter(data.train_dataloader()))
    length = 18  # 17 frames at 24 fps, 25 latents a second
    assert batch.audio.shape[2] == batch.given.audio_reference.shape[2] == length
    assert not torch.equal(batch.audio, batch.given.audio_reference)
    # 0.2 s is in latent 5 (0.17 to 0.21 s), 0.4 s ends in latent 10 (0.37 to 0.41 s)
    assert batch.given.audio_mask.logical_not().nonzero()[:, 1].tolist() == list(range(5, 11))


def test_stills_have_references_and_masks_too(pico, tmp_path):
    write_clip(tmp_path / "a.mp4", frames=1, caption="x")
    write_clip(tmp_path / "references" / "a.mp4", first=80)
    write_mask(tmp_path / "masks" / "a.mp4", frame=0)
    needs = Needs(video_reference=True, video_mask=True)
    data = data_module(pico, tmp_path, needs, buckets=["64x64x1"], reference_temporal_factor=2)
    data.prepare_data()
    data.setup()
    batch = next(iter(data.train_dataloader()))
    assert batch.bucket == Bucket(width=64, height=64, frames=1)
    assert batch.given.video_reference.shape[2:] == (1, 2, 2)
    assert batch.given.video_mask.tolist() == [[[[False, True]] * 2]]
