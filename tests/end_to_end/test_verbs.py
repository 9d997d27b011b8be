"""The verbs around `fit`, on one trained run: what they say, what they write, and that they write nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from ltx_module.checkpoint import Checkpoint
from ltx_module.cli import main
from tests.end_to_end.runs import assert_equal, every, files_below

RUN = Path("runs/audio_video-1")
NEWEST = f"{RUN}/lora/step_000004.safetensors"
SAMPLE = "01-a-red-circle-moves-left-seed42"


@pytest.fixture(scope="module")
def trained(arguments, tmp_path_factory) -> Path:
    """A directory with a run of four steps, at a rate that shows, which the tests must leave as it is."""
    directory = tmp_path_factory.mktemp("trained")
    options = ("--trainer.max_steps=4", "--model.lr_scheduler=null", "--model.optimizer.init_args.lr=1.0e-2")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        patch.setattr("sys.argv", ["ltx_module"])
        main(arguments("fit", "audio_video", *options, every(2, "SaveLoRA", "SaveResumeState")))
    return directory


@pytest.fixture
def verb(arguments, trained, monkeypatch, capsys) -> Callable[..., str]:
    """Runs a verb beside the trained run and returns what it printed."""
    monkeypatch.chdir(trained)
    monkeypatch.setattr("sys.argv", ["ltx_module"])

    def run(name: str, *more: str) -> str:
        capsys.readouterr()
        main(arguments(name, "audio_video", *more))
        shown = capsys.readouterr()
        return shown.out + shown.err

    return run


def pictures(path: Path) -> torch.Tensor:
    with av.open(str(path)) as container:
        return torch.stack([torch.from_numpy(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)])


def numbers(shown: str) -> dict[str, float]:
    lines = [line.split() for line in shown.splitlines() if line.startswith("val/")]
    return {name: float(value) for name, value in lines}


def test_check_reports_without_weights_and_leaves_no_trace(verb, trained, tmp_path, monkeypatch):
    for component in ("transformer", "text_connectors", "video_vae", "audio_vae", "vocoder"):
        monkeypatch.delattr(Checkpoint, f"load_{component}")
    before = files_below(trained / "runs")
    shown = verb("check", f"--json={tmp_path / 'check.json'}")
    assert "10 clips to train on, 0 held out, 0 dropped" in shown
    report = json.loads((tmp_path / "check.json").read_text())
    assert report["data"]["clips"] == {"train": 10, "validation": 0, "dropped": 0}
    assert report["data"]["cache"]["missing"] == 0
    assert report["work"]["bucket"] == "64x64x9"
    trained_numbers = sum(tensor.numel() for tensor in load_file(trained / NEWEST).values())
    assert sum(report["work"]["trainable"].values()) == trained_numbers
    assert f"trains {trained_numbers / 1e6:.2f} M parameters" in shown
    assert (report["max_steps"], report["recipe"]) == (500, "audio_video")
    assert files_below(trained / "runs") == before


def test_the_stated_disk_holds_what_a_run_writes(verb, trained, tmp_path):
    callbacks = every(2, "SaveLoRA", "SaveResumeState")
    verb("check", f"--json={tmp_path / 'check.json'}", "--trainer.max_steps=4", callbacks)
    stated = json.loads((tmp_path / "check.json").read_text())["run_bytes"]
    written = sum(path.stat().st_size for name in ("lora", "checkpoints") for path in (trained / RUN / name).iterdir())
    assert written < stated < 2 * written  # one state more, while it is written


def test_preprocess_encodes_once_decodes_for_a_look_and_prunes(verb, demo_folder, tmp_path, monkeypatch):
    clips, cache = tmp_path / "clips", tmp_path / "clips/.ltx-cache"
    shutil.copytree(demo_folder, clips, ignore=shutil.ignore_patterns(".ltx-cache"))
    data = f"--data.path={clips}"
    assert "encoding video: 10 clips" in verb("preprocess", data)
    first = files_below(cache)
    shown = verb("preprocess", data, "--decode", "--run=look")
    assert "encoding" not in shown
    assert files_below(cache) == first
    decoded = files_below(Path("runs/look/decoded"))
    assert [Path(name).suffix for name in decoded].count(".mp4") == 8
    assert [Path(name).suffix for name in decoded].count(".png") == 2
    assert len(pictures(Path("runs/look/decoded") / next(name for name in decoded if name.endswith(".mp4")))) == 9
    shutil.rmtree("runs/look")
    pruned = verb("preprocess", data, "--data.buckets=[96x64x9,64x64x1]", "--prune")
    assert "pruned 8 cache files" in pruned  # the video latents of the bucket that is gone; sound is the same
    assert "encoding video: 8 clips" in verb("preprocess", data)


def test_validate_compares_loras_on_the_same_numbers(verb):
    held_out = "--data.validation_fraction=0.2"
    newest = verb("validate", held_out)
    assert "8 clips to train on, 2 held out" in newest
    assert numbers(verb("validate", held_out, f"--lora={NEWEST}")) == numbers(newest)
    half, base = (numbers(verb("validate", held_out, "--lora", lora)) for lora in (f"{NEWEST}:0.5", "none"))
    assert len({result["val/loss"] for result in (numbers(newest), half, base)}) == 3


def test_validate_without_held_out_clips_uses_the_training_clips_and_says_so(verb):
    shown = verb("validate")
    assert "no clip is held out: validation uses the training clips" in shown
    levels = ("0.20", "0.40", "0.60", "0.80", "0.95")
    assert list(numbers(shown)) == [
        *("val/loss", "val/loss_video", "val/loss_audio"),
        *(f"val/loss_{modality}_sigma_{level}" for modality in ("video", "audio") for level in levels),
    ]


def test_validate_uses_the_clips_that_the_manifest_holds_out(verb, demo_folder, tmp_path):
    names = sorted(path.name for path in demo_folder.glob("*.mp4"))
    results = []
    for held_out in names[:2]:
        rows = [f"{demo_folder / name},a shape,{'validation' if name == held_out else 'train'}" for name in names]
        (tmp_path / "clips.csv").write_text("\n".join(["media,caption,split", *rows]))
        shown = verb("validate", f"--data.path={tmp_path / 'clips.csv'}", "--lora=none")
        assert "7 clips to train on, 1 held out" in shown
        assert "no clip is held out" not in shown
        results.append(numbers(shown)["val/loss"])
    assert results[0] != results[1]


def test_sample_writes_the_newest_lora_beside_the_base(verb, tmp_path):
    out = f"--out={tmp_path / 'first'}"
    verb("sample", out, "--sample.without_lora")
    assert files_below(tmp_path / "first") == [
        f"{SAMPLE}{ending}" for ending in ("-without-lora.json", "-without-lora.mp4", ".json", ".mp4")
    ]
    record = json.loads((tmp_path / f"first/{SAMPLE}.json").read_text())
    assert record["lora"] == [{"file": NEWEST, "strength": 1.0}]
    assert (record["seed"], record["prompt"]) == (42, "demoshape a red circle moves left")
    verb("sample", f"--out={tmp_path / 'second'}")
    assert (tmp_path / f"second/{SAMPLE}.mp4").read_bytes() == (tmp_path / f"first/{SAMPLE}.mp4").read_bytes()
    verb("sample", f"--out={tmp_path / 'base'}", "--lora=none")
    base, without = (pictures(tmp_path / f"{name}.mp4") for name in (f"base/{SAMPLE}", f"first/{SAMPLE}-without-lora"))
    assert torch.equal(base, without)
    assert not torch.equal(base, pictures(tmp_path / f"first/{SAMPLE}.mp4"))


def test_strengths_of_several_loras_add_up(verb, tmp_path):
    two = ("--lora", f"{NEWEST}:0.25", "--lora", f"{NEWEST}:0.25")
    verb("sample", f"--out={tmp_path / 'two'}", *two)
    verb("sample", f"--out={tmp_path / 'one'}", f"--lora={NEWEST}:0.5")
    verb("sample", f"--out={tmp_path / 'recipe'}", "--sample.strength=0.5")
    two, one, recipe = (pictures(tmp_path / f"{name}/{SAMPLE}.mp4").int() for name in ("two", "one", "recipe"))
    for other in (recipe, two):  # of 255: H.264 in threads is not exact, and spreads how the sum of two is rounded
        assert (other - one).float().abs().mean() < 0.5
    labels = json.loads((tmp_path / f"two/{SAMPLE}.json").read_text())["lora"]
    assert labels == [{"file": NEWEST, "strength": 0.25}] * 2


def test_fast_previews_with_a_distilled_lora(verb, tmp_path):
    fast = ("--sample.preset=fast", "--sample.steps=null", f"--sample.distilled_lora={NEWEST}")
    verb("sample", f"--out={tmp_path}", "--lora=none", *fast)
    record = json.loads((tmp_path / f"{SAMPLE}.json").read_text())
    assert (len(record["sigmas"]), record["preset"], record["distilled_lora"]) == (9, "fast", NEWEST)


def test_samples_go_to_a_folder_named_after_what_made_them(verb, trained):
    verb("sample", f"--lora={RUN}/lora/step_000002.safetensors:0.5")
    assert f"step_000002@0.5/{SAMPLE}.mp4" in files_below(trained / RUN / "samples")
    shutil.rmtree(trained / RUN / "samples")


def test_export_writes_a_file_that_equals_the_adapter_and_two_filled_workflows(verb, tmp_path):
    shown = verb("export", f"--out={tmp_path}", "--dtype=fp32")
    assert "check: all" in shown
    name = "audio_video-1-000004"
    endings = ("-fast.json", "-quality.json", ".check.json", ".safetensors")
    assert files_below(tmp_path) == ["README.md", *(f"{name}{ending}" for ending in endings)]
    assert_equal(load_file(tmp_path / f"{name}.safetensors"), load_file(NEWEST))
    found = json.loads((tmp_path / f"{name}.check.json").read_text())
    assert found["keys_loaded"] == len(load_file(NEWEST))
    assert found["max_difference"] < found["effect"]
    with safe_open(tmp_path / f"{name}.safetensors", "pt") as file:
        metadata = file.metadata()
    assert metadata["modelspec.title"] == name
    for preset in ("fast", "quality"):
        graph = json.loads((tmp_path / f"{name}-{preset}.json").read_text())
        text = json.dumps(graph)
        for filled in (f"{name}.safetensors", "demoshape a red circle moves left", "ltx-2.3-pico.safetensors"):
            assert filled in text
        inputs = [node["inputs"] for node in graph.values()]
        assert any((given.get("width"), given.get("height"), given.get("length")) == (64, 64, 9) for given in inputs)
        linked = [value[0] for given in inputs for value in given.values() if isinstance(value, list)]
        assert set(linked) <= graph.keys()
