"""The data module on pico: what is encoded when, what the report says, what batches hold."""

import itertools
import json
import shutil
from collections import Counter

import av
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from datamodules.encoding.encoders import Encoders
from datamodules.encoding.entries import VideoEntry
from datamodules.encoding.share import Place, encode_media
from datamodules.latents import LatentDataModule
from datamodules.planning.survey import survey
from datamodules.world.dataset import write_dataset
from ltx_module.checkpoint import Checkpoint
from ltx_module.pico import write_pico
from ltx_module.pico.config import LATENT_CHANNELS
from tests.mixed_folder import MIXED_FILES

BUCKETS = ["64x64x17", "64x64x1"]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pico(tmp_path_factory):
    return write_pico(tmp_path_factory.mktemp("pico"))


@pytest.fixture(scope="module")
def make(pico):
    def make(path, **changes):
        arguments = {
            "buckets": BUCKETS,
            "base_model": pico,
            "text_encoder": pico.parent / "gemma",
            "text_window": 128,
            "with_audio": True,
            "num_workers": 0,
        }
        return LatentDataModule(path, **(arguments | changes))

    return make


@pytest.fixture(scope="module")
def encoded(tmp_path_factory, make):
    """Three clips with sound and a still, encoded; to be copied, not changed."""
    directory = tmp_path_factory.mktemp("encoded") / "clips"
    write_dataset(directory, clips=3, stills=1, width=64, height=64, frames=17)
    run(make(directory))
    return directory


@pytest.fixture
def folder(encoded, tmp_path):
    return shutil.copytree(encoded, tmp_path / "clips")


def run(data):
    data.prepare_data()
    data.setup()
    return data


def entries(data):
    return {path.stem: path.stat().st_mtime_ns for path in data.cache.root.glob("*/??/*.safetensors")}


def kinds(keys):
    return Counter(key.split("-")[0] for key in keys)


def loading_is_an_error(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a component was loaded")

    for name in ("load_video_vae", "load_audio_vae", "load_text_connectors"):
        monkeypatch.setattr(Checkpoint, name, refuse)


def test_a_first_run_encodes_each_clip_each_caption_and_the_empty_caption(make, encoded):
    captions = {path.read_text().strip() for path in encoded.glob("*.txt")}
    assert kinds(entries(make(encoded))) == {"video": 4, "audio": 3, "text": len(captions) + 1}


def test_a_second_run_loads_nothing_and_writes_nothing(make, folder, monkeypatch):
    before = entries(make(folder))
    loading_is_an_error(monkeypatch)
    assert entries(run(make(folder))) == before


def test_an_edited_caption_encodes_that_caption_alone(make, folder):
    before = entries(make(folder))
    sorted(folder.glob("*.txt"))[0].write_text("something else entirely")
    after = entries(run(make(folder)))
    assert kinds(after.keys() - before.keys()) == {"text": 1}
    assert before.items() <= after.items()


def test_another_trigger_encodes_the_text_alone(make, folder, monkeypatch):
    before = entries(make(folder))
    captions = {path.read_text() for path in folder.glob("*.txt")}
    monkeypatch.delattr(Checkpoint, "load_video_vae")
    after = entries(run(make(folder, trigger="sks")))
    assert kinds(after.keys() - before.keys()) == {"text": len(captions)}


def test_another_bucket_keeps_sound_and_text(make, folder):
    before = entries(make(folder))
    after = entries(run(make(folder, buckets=["32x64x17", "64x64x1"])))
    assert kinds(after.keys() - before.keys()) == {"video": 3}


def test_a_changed_file_is_encoded_anew(make, folder):
    before = entries(make(folder))
    first, second, *_ = sorted(folder.glob("*.mp4"))
    first.write_bytes(second.read_bytes() + b"\0\0\0\x08free")  # an empty box, which players skip
    after = entries(run(make(folder)))
    assert kinds(after.keys() - before.keys()) == {"video": 1, "audio": 1}


def test_a_renamed_file_is_not_encoded_again(make, folder, monkeypatch):
    clip = sorted(folder.glob("*.mp4"))[0]
    clip.rename(folder / "renamed.mp4")
    clip.with_suffix(".txt").rename(folder / "renamed.txt")
    loading_is_an_error(monkeypatch)
    data = run(make(folder))
    assert "renamed.mp4@0.00s" in {row.name for row in data.report.rows}


def test_batches_of_an_audio_video_recipe_hold_sound_or_none_has(make, encoded):
    data = run(make(encoded, batch_size=2))
    batches = list(itertools.islice(data.train_dataloader(), 3))  # 3 clips with sound in 2 batches, and the still
    assert Counter(batch.audio is None for batch in batches) == {False: 2, True: 1}
    for batch in batches:
        assert (batch.audio is None) == batch.bucket.is_still == (batch.audio_context is None)
    sounding = next(batch for batch in batches if batch.size == 2)
    assert sounding.video.shape == (2, LATENT_CHANNELS, 3, 2, 2)
    assert sounding.audio.shape[2] == 18  # 17 frames / 24 fps * 25 a second
    assert sounding.video_context.shape[1] == sounding.audio_context.shape[1] == 128


def test_a_video_only_recipe_neither_encodes_nor_reads_sound(make, encoded, tmp_path):
    data = run(make(encoded, with_audio=False, cache_dir=tmp_path / "cache"))
    assert kinds(entries(data)).keys() == {"video", "text"}
    for batch in itertools.islice(data.train_dataloader(), 4):
        assert batch.audio is None
        assert batch.audio_context is None


def test_every_file_of_a_mixed_folder_is_accounted_for(make, mixed_folder, tmp_path):
    folder = shutil.copytree(mixed_folder, tmp_path / "mixed folder")
    data = run(make(folder, trigger="sks"))
    report = data.report
    named = [row.name for row in report.rows] + [finding.name for finding in report.findings]
    missing = [name for name in MIXED_FILES if not any(text.startswith(name) for text in named)]
    assert missing == []
    dropped = {row.name for row in report.rows if row.status == "dropped"}
    assert {"corrupt.mp4", "truncated.mp4"} <= {name.split("@")[0] for name in dropped}
    assert {"silent.webm@0.00s", "thirty.mov@0.00s"} <= set(report.silent)
    assert {"one frame.mp4", "alpha.png", "photo.jpg"} == set(report.stills)
    warned = {finding.name: finding.reason for finding in report.findings if finding.action == "warned"}
    assert "trigger alone" in warned["empty caption.mp4"]
    assert "same bytes" in warned["the same portrait.mp4"] or "same bytes" in warned["portrait.mp4"]
    kept = [row for row in report.rows if row.status == "train"]
    seen = Counter()
    for batch in itertools.islice(data.train_dataloader(), len(kept)):
        seen.update(batch.names)
    assert seen == Counter(row.name for row in kept)
    assert all(row.is_cached for row in kept)


def test_a_clip_that_fails_on_one_rank_is_dropped_on_all(make, encoded, tmp_path, monkeypatch):
    data = make(encoded, cache_dir=tmp_path / "cache")
    data.plan()
    victim = data._clips[0].window.clip.media
    monkeypatch.setattr("datamodules.encoding.entries.VideoEntry.read", _failing_for(victim))
    plan, checkpoint = data._plan, data._checkpoint
    for rank in range(2):
        encode_media(plan.media.values(), data.cache, checkpoint, Place(device=CPU, rank=rank, world_size=2))
    data._encode_captions(plan.captions)
    usable, report = survey(plan, data.cache, after_encoding=True)
    assert [row.reason for row in report.rows if row.status == "dropped"] == ["the picture is upside down"]
    assert victim not in {clip.window.clip.media for clip in usable}
    assert len(usable) == len(plan.clips) - 1


def _failing_for(victim):
    whole = VideoEntry.read

    def read(entry):
        if entry.path == victim:
            raise RuntimeError("the picture is upside down")
        return whole(entry)

    return read


def test_a_clip_that_fails_is_tried_again_by_the_next_run(make, encoded, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        data = make(encoded, cache_dir=tmp_path / "cache")
        data.plan()
        patch.setattr("datamodules.encoding.entries.VideoEntry.read", _failing_for(data._clips[0].window.clip.media))
        assert run(data).report.count("dropped") == 1
    assert run(make(encoded, cache_dir=tmp_path / "cache")).report.count("dropped") == 0


def test_the_stated_size_is_what_encoding_writes(make, encoded, tmp_path, monkeypatch):
    monkeypatch.setattr(Encoders, "hidden_bytes", 0)  # they wait on disk for a while and are gone in the end
    data = make(encoded, cache_dir=tmp_path / "cache")
    needed = data.plan().cache.needed_bytes
    data.setup()
    written = sum(path.stat().st_size for path in data.cache.root.glob("*/??/*"))
    assert written <= needed <= 1.1 * written


def test_the_report_is_plain_json_and_a_table(make, encoded):
    report = make(encoded).plan()
    content = json.loads(json.dumps(report.to_dict()))
    assert content["clips"] == {"train": 4, "validation": 0, "dropped": 0}
    assert content["cache"]["missing"] == 0
    assert {"bucket": "64x64x17", "with_sound": 3, "without_sound": 0, "held_out": 0} in content["buckets"]
    assert content["stills"][0] in report.table()


def test_held_out_clips_validate_and_do_not_train(make, encoded):
    data = run(make(encoded, validation_fraction=0.25))
    held_out = {name for batch in data.val_dataloader() for name in batch.names}
    trained = {name for batch in itertools.islice(data.train_dataloader(), 3) for name in batch.names}
    assert not data.validation_is_training
    assert len(held_out) == 1
    assert held_out | trained == {row.name for row in data.report.rows}
    assert not held_out & trained


def test_without_held_out_clips_validation_goes_through_the_training_clips_once(make, encoded):
    data = run(make(encoded))
    names = [name for batch in data.val_dataloader() for name in batch.names]
    assert data.validation_is_training
    assert sorted(names) == sorted(row.name for row in data.report.rows)


def test_contexts_of_prompts_come_from_the_cache_with_and_without_trigger(make, folder):
    data = run(make(folder, prompts=["a red ball"], trigger="sks"))
    plain, triggered = data.context("a red ball"), data.context("sks a red ball")
    assert not torch.equal(plain[0], triggered[0])
    assert plain[1].shape[0] == 128
    assert torch.equal(data.context("")[0], data.empty_context[0])


def test_a_prompt_that_was_not_encoded_is_named(make, encoded):
    with pytest.raises(ValueError, match=r"'a green ball' is not in .*sample\.prompts"):
        make(encoded).context("a green ball")


def test_prompts_are_encoded_without_a_dataset(make, tmp_path):
    data = make(tmp_path / "nowhere", cache_dir=tmp_path / "cache", prompts=["a red ball"])
    data.encode_prompts()
    assert kinds(entries(data)) == {"text": 2}
    assert data.context("a red ball")[0].shape[0] == 128


def test_decoded_latents_are_videos_with_sound_and_pictures(make, encoded, tmp_path):
    directory = run(make(encoded)).decode(tmp_path / "decoded")
    assert Counter(path.suffix for path in directory.iterdir()) == {".mp4": 3, ".png": 1}
    with av.open(str(next(directory.glob("*.mp4")))) as container:
        (video,) = container.streams.video
        assert (video.width, video.height, video.frames) == (64, 64, 17)
        assert float(container.streams.audio[0].duration * container.streams.audio[0].time_base) == pytest.approx(
            17 / 24,
            abs=0.05,  # AAC frames
        )


def test_pruning_drops_what_an_edited_recipe_no_longer_uses(make, folder):
    data = run(make(folder, trigger="sks"))
    captions = {path.read_text() for path in folder.glob("*.txt")}
    assert data.prune().removed_files == len(captions)  # those without the trigger
    other = make(folder)
    other.recipe_name = "other"
    run(other)
    assert other.prune().removed_files == 0


def test_pruning_spares_the_same_recipe_with_another_model_or_dataset(make, folder, tmp_path):
    cache = folder / ".ltx-cache"
    first, other = run(make(folder)), write_pico(tmp_path / "other", seed=1)
    kept = set(entries(first))
    assert run(make(folder, base_model=other, cache_dir=cache)).prune().removed_files == 0
    write_dataset(tmp_path / "more", clips=1, stills=0, width=64, height=64, frames=17)
    assert run(make(tmp_path / "more", cache_dir=cache)).prune().removed_files == 0
    assert kept <= entries(first).keys()


class Nothing(LightningModule):
    """Has no step to take."""

    def predict_step(self, batch, batch_idx):
        raise AssertionError("there is nothing to predict")


@pytest.mark.filterwarnings("ignore")
def test_the_trainers_launcher_runs_the_set_up_alone(make, encoded, tmp_path):
    data = make(encoded, cache_dir=tmp_path / "cache")
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        default_root_dir=tmp_path,
    )
    trainer.predict(Nothing(), datamodule=data, return_predictions=False)
    assert data.report.cache.missing == 0
