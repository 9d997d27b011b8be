"""The verb `evaluate` on random weights: what it makes, what it writes, what it says, and that it goes on after a stop.

That its verdict is right is shown on the trained pico, in tests/evaluation/test_bad_loras.py.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ltx_module.cli import main
from ltx_module.module import LTXModule
from tests.end_to_end.runs import ROOT, SHORT, every, files_below

SMALL = (
    *("--evaluate.seeds=1", "--evaluate.captions=1", "--evaluate.strengths=[0.5,1.0]", "--evaluate.clips=1"),
    '--evaluate.off_topic=["a cat sleeps"]',
)
PER_CHECKPOINT = 1 + 1 + 1 + 1  # a caption with and without the trigger, off-topic, novel
SWEPT = 1 + 1  # the caption and the novel prompt, at strength 0.5


@pytest.fixture(scope="module")
def trained(arguments, tmp_path_factory) -> Path:
    """A directory with a run of two steps and a LoRA after each, at a rate that shows."""
    directory = tmp_path_factory.mktemp("trained")
    options = (*SHORT, "--trainer.max_steps=2", "--model.lr_scheduler=null", "--model.optimizer.init_args.lr=1.0e-2")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        patch.setattr("sys.argv", ["ltx_module"])
        main(arguments("fit", "audio_video", *options, every(1, "SaveLoRA")))
    return directory


@pytest.fixture
def evaluate(arguments, trained, monkeypatch, capsys) -> Callable[..., str]:
    """Runs the verb beside the trained run and returns what it printed."""
    monkeypatch.chdir(trained)
    monkeypatch.setattr("sys.argv", ["ltx_module"])

    def run(*more: str, recipe: str = "audio_video") -> str:
        capsys.readouterr()
        main(arguments("evaluate", recipe, *SMALL, *more))
        shown = capsys.readouterr()
        return shown.out + shown.err

    return run


@pytest.fixture
def sampled(monkeypatch) -> list[str]:
    """Names of the samples that are really made."""
    made: list[str] = []
    original = LTXModule.sample

    def sample(self, request, given=None):
        made.append(request.name)
        return original(self, request, given)

    monkeypatch.setattr(LTXModule, "sample", sample)
    return made


def result(directory: Path) -> dict:
    return json.loads((directory / "evaluation.json").read_text(encoding="utf-8"))


def test_a_run_is_evaluated_at_its_steps_and_everything_lies_below_it(evaluate, trained, sampled):
    metrics = (trained / "runs/audio_video-1/metrics.csv").read_bytes()
    shown = evaluate("--data.validation_fraction=0.2", "--evaluate.captions=2")
    directory = trained / "runs/audio_video-1/evaluation"
    content = result(directory)
    names = [checkpoint["name"] for checkpoint in content["checkpoints"]]
    assert sorted(names) == ["step_000001", "step_000002"]
    assert [checkpoint["rank"] for checkpoint in content["checkpoints"]] == [1, 2]
    assert len(sampled) == len(content["samples"]) == 3 * (PER_CHECKPOINT + 2) + SWEPT + 1  # a second caption
    assert f"{len(sampled)} samples" in shown
    assert {sample["file"] for sample in content["samples"]} == {
        f"samples/{name}" for name in files_below(directory / "samples") if name.endswith(".mp4")
    }
    assert all((directory / sample["file"]).with_suffix(".json").is_file() for sample in content["samples"])
    assert (directory / "evaluation.html").is_file()
    assert not (directory / ".pending").exists()
    assert content["verdict"]["summary"] in shown
    assert (trained / "runs/audio_video-1/metrics.csv").read_bytes() == metrics
    events = EventAccumulator(str(trained / "runs/audio_video-1")).Reload()
    assert [event.step for event in events.Scalars("evaluate/adoption")] == [1, 2]
    assert_described(content)


def assert_described(content: dict) -> None:
    """Every metric of a checkpoint has its label, and strengths and losses stand where the page looks for them."""
    [first, _] = content["checkpoints"]
    wanted = {"adoption", "leak", "steering", "gain_train", "gain_held_out_audio", "spectral_distance"}
    assert wanted <= first["scores"].keys() <= content["metrics"].keys()
    assert first["by_strength"].keys() == {"0.5", "1"}
    assert first["held_out_loss"].keys() == first["base_held_out_loss"].keys() == {"video", "audio"}


def test_named_files_are_compared_and_a_strength_belongs_to_its_file(evaluate, tmp_path):
    file = "runs/audio_video-1/lora/step_000002.safetensors"
    evaluate(f"--out={tmp_path}", "--lora", file, "--lora", f"{file}:0.5")
    content = result(tmp_path)
    by_name = {checkpoint["name"]: checkpoint for checkpoint in content["checkpoints"]}
    assert by_name.keys() == {"step_000002", "step_000002@0.5"}
    whole, half = by_name["step_000002"], by_name["step_000002@0.5"]
    assert half["losses"]["train"]["1"]["video"] == pytest.approx(whole["losses"]["train"]["0.5"]["video"])
    record = json.loads(next((tmp_path / "samples/step_000002@0.5@1").glob("*.json")).read_text())
    assert record["lora"] == [{"file": file, "strength": 0.5}]


@pytest.mark.slow
def test_two_ranks_share_the_samples_and_agree_with_one_alone(evaluate, arguments, trained, tmp_path):
    more = ("--data.validation_fraction=0.2", "--data.num_workers=0")
    words = arguments("evaluate", "audio_video", *SMALL, *more, "--trainer.devices=2", f"--out={tmp_path / 'two'}")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("LTX_RUN", None)
    subprocess.run([sys.executable, "-m", "ltx_module", *words], cwd=trained, env=environment, check=True)
    evaluate(*more, f"--out={tmp_path / 'one'}")
    one, two = (result(tmp_path / name) for name in ("one", "two"))
    for ours, theirs in zip(one["checkpoints"], two["checkpoints"], strict=True):
        assert ours["scores"] == pytest.approx(theirs["scores"], abs=1e-4)  # threads add up in another order
    assert [sample["file"] for sample in one["samples"]] == [sample["file"] for sample in two["samples"]]


def test_without_sound_or_held_out_clips_there_are_no_scores_of_them(evaluate, arguments, tmp_path):
    main(arguments("fit", "style", "--trainer.max_steps=1", every(1, "SaveLoRA")))
    shown = evaluate(f"--out={tmp_path}", recipe="style")
    content = result(tmp_path)
    assert not any(sample["has_audio"] for sample in content["samples"])
    assert not content["metrics"].keys() & {"adoption_audio", "gain_train_audio", "level", "spectral_distance"}
    assert "gain_held_out" not in content["metrics"]
    assert "Whether it is overfit is unknown" in shown


def test_an_evaluation_that_was_stopped_goes_on_with_what_it_lacks(evaluate, tmp_path, sampled, monkeypatch):
    original = LTXModule.sample

    def stopped(self, request, given=None):
        if len(sampled) == 5:
            raise KeyboardInterrupt
        return original(self, request, given)

    with monkeypatch.context() as patch:
        patch.setattr(LTXModule, "sample", stopped)
        with pytest.raises(BaseException):  # noqa: B017, PT011 - Lightning turns it into an exit
            evaluate(f"--out={tmp_path}")
    done = list(sampled)
    assert len(done) == 5
    evaluate(f"--out={tmp_path}")
    assert len(sampled) == len(set(sampled)) == 3 * PER_CHECKPOINT + SWEPT
    again = len(sampled)
    evaluate(f"--out={tmp_path}")  # finished: nothing is kept that could be out of date
    assert len(sampled) == 2 * again


def test_a_run_without_a_lora_is_refused_with_the_way_out(evaluate, trained, tmp_path, capsys):
    shutil.copytree(trained / "runs/audio_video-1", trained / "runs/bare", dirs_exist_ok=True)
    shutil.rmtree(trained / "runs/bare/lora")
    with pytest.raises(SystemExit):
        evaluate("--run=bare", f"--out={tmp_path}")
    assert "has no LoRA yet" in capsys.readouterr().err
    shutil.rmtree(trained / "runs/bare")
