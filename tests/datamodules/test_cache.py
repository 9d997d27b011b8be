"""The latent cache: keys that follow their inputs, entries that are complete or absent, pruning."""

import dataclasses
import os
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from datamodules.atomic import replacing
from datamodules.cache import LatentCache
from datamodules.encoding.fingerprint import AudioFingerprint, HiddenFingerprint, TextFingerprint, VideoFingerprint
from datamodules.geometry import Bucket

VIDEO = VideoFingerprint(
    media_hash="m", start=0.0, bucket=Bucket(width=64, height=32, frames=9), fps=24.0, component="vae"
)
AUDIO = AudioFingerprint(media_hash="m", audio_hash="a", start=0.0, frames=9, fps=24.0, component="audio")
TEXT = TextFingerprint(caption="a cat", gemma="g", connectors="c", text_window=256)
HIDDEN = HiddenFingerprint(caption="a cat", gemma="g", text_window=256)
OTHER = {
    "cache_format": 2,
    "media_hash": "n",
    "audio_hash": "b",
    "start": 1.25,
    "bucket": Bucket(width=32, height=64, frames=9),
    "frames": 17,
    "fps": 25.0,
    "component": "other",
    "role": "mask",
    "resize_rule": "stretch",
    "caption": "a dog",
    "gemma": "other",
    "connectors": "other",
    "text_window": 1024,
    "mirrored": True,
}


@pytest.fixture
def cache(tmp_path):
    return LatentCache(tmp_path / "cache")


def write(cache, fingerprint, value=1.0):
    cache.write(fingerprint.key, {"latents": torch.full((4,), value, dtype=torch.bfloat16)})
    return fingerprint.key


@pytest.mark.parametrize("fingerprint", [VIDEO, AUDIO, TEXT, HIDDEN], ids=lambda fingerprint: fingerprint.kind)
def test_the_key_changes_with_every_single_input(fingerprint):
    names = [field.name for field in dataclasses.fields(fingerprint)]
    keys = {dataclasses.replace(fingerprint, **{name: OTHER[name]}).key for name in names}
    assert len(keys | {fingerprint.key}) == len(names) + 1


def test_equal_inputs_give_equal_keys_in_every_process():
    # literal: another key here would silently throw away every user's cache; then raise CACHE_FORMAT
    assert dataclasses.replace(TEXT).key == "text-b8d773cf22040a3d5f2294a7f7f43c119ef5b578"


captions = st.text(max_size=8)


@settings(deadline=None)
@given(captions, captions)
def test_captions_share_a_key_only_when_they_are_equal(first, second):
    keys = [dataclasses.replace(TEXT, caption=caption).key for caption in (first, second)]
    assert (keys[0] == keys[1]) == (first == second)


def test_an_entry_reads_back_as_written(cache):
    key = write(cache, VIDEO, 3.0)
    assert cache.has(key)
    assert torch.equal(cache.read(key)["latents"], torch.full((4,), 3.0, dtype=torch.bfloat16))


def test_only_the_named_tensors_are_read(cache):
    cache.write(TEXT.key, {"video_context": torch.ones(2), "audio_context": torch.ones(3)})
    assert cache.read(TEXT.key, ["video_context"]).keys() == {"video_context"}


def test_a_write_that_dies_leaves_no_entry(cache):
    path = cache.path(VIDEO.key)

    def die_half_way():
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        die_half_way()
    assert not cache.has(VIDEO.key)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_entry_counts_as_absent_and_is_written_anew(cache, share):
    key = write(cache, VIDEO)
    content = cache.path(key).read_bytes()
    cache.path(key).write_bytes(content[: int(len(content) * share)])
    assert not cache.has(key)
    with pytest.raises(FileNotFoundError, match="start again"):
        cache.read(key)
    write(cache, VIDEO)
    assert cache.path(key).read_bytes() == content


def test_a_killed_write_is_no_entry_and_is_cleared_away_later(cache):
    key = write(cache, VIDEO)
    leftover = cache.path(key).parent / f".{AUDIO.key}.safetensors.99-ab.tmp"
    leftover.write_bytes(save({"latents": torch.ones(4)}))
    cache.record_use("style", [key])
    assert cache.prune().removed_files == 0  # its writer may still be alive
    an_hour_ago = time.time() - 3700
    os.utime(leftover, (an_hour_ago, an_hour_ago))
    assert cache.prune().removed_files == 1
    assert cache.has(key)


def test_pruning_keeps_what_any_recipe_uses(cache):
    keys = [write(cache, fingerprint) for fingerprint in (VIDEO, AUDIO, TEXT, HIDDEN)]
    cache.record_use("style", keys[:1])
    cache.record_use("motion", keys[1:2])
    report = cache.prune()
    assert [cache.has(key) for key in keys] == [True, True, False, False]
    assert (report.removed_files, report.kept_files) == (2, 2)
    assert report.removed_bytes == report.kept_bytes > 0


def test_a_recipe_lets_go_of_what_it_no_longer_uses(cache):
    keys = [write(cache, VIDEO), write(cache, TEXT)]
    cache.record_use("style", keys)
    cache.record_use("style", keys[1:])
    cache.prune()
    assert [cache.has(key) for key in keys] == [False, True]


def test_each_configuration_of_a_recipe_has_its_record(cache):
    keys = [write(cache, fingerprint) for fingerprint in (VIDEO, AUDIO, TEXT)]
    cache.record_use("style", keys[:2], ("pico", "clips"))
    cache.record_use("style", keys[2:], ("22B", "clips"))
    assert cache.prune().removed_files == 0
    cache.record_use("style", keys[:1], ("pico", "clips"))
    cache.prune()
    assert [cache.has(key) for key in keys] == [True, False, True]


def test_pruning_stops_at_a_record_it_cannot_read(cache):
    key = write(cache, VIDEO)
    (cache.root / "recipes").mkdir()
    (cache.root / "recipes" / "style.json").write_text('{"keys": [')
    with pytest.raises(ValueError, match=r"style\.json is damaged"):
        cache.prune()
    assert cache.has(key)


def test_pruning_leaves_foreign_files_alone(cache):
    foreign = cache.root / "models" / "ab" / "my-model.safetensors"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"precious")
    cache.prune()
    assert foreign.read_bytes() == b"precious"


def test_a_failure_is_remembered_until_the_entry_is_written(cache):
    cache.record_failure(VIDEO.key, "no keyframe")
    assert cache.failure(VIDEO.key) == "no keyframe"
    write(cache, VIDEO)
    assert cache.failure(VIDEO.key) is None


def test_an_unwritable_place_is_named_with_the_way_out(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"data\.cache_dir"):
        write(LatentCache(tmp_path / "file"), VIDEO)
