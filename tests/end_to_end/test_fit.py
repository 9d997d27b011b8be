"""`fit` on real files and the embedded model: what it leaves behind, and how it goes on."""

import csv
import json
import re

import av
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tests.end_to_end.runs import SHORT, assert_equal, every, rows_of, weights


def test_a_run_leaves_loras_samples_logs_and_an_export(cli):
    here = cli(
        "fit",
        "audio_video",
        *SHORT,
        every(3, "SaveLoRA", "SaveResumeState", "SampleVideos"),
        "--trainer.callbacks+=callbacks.ExportComfyUI",
    )
    run = here / "runs" / "audio_video-1"
    assert [path.name for path in sorted((run / "lora").iterdir())] == [
        "step_000003.safetensors",
        "step_000006.safetensors",
    ]
    assert [path.name for path in sorted((run / "samples").iterdir())] == ["step_000000", "step_000003", "step_000006"]
    status = json.loads((run / "status.json").read_text())
    assert (status["state"], status["step"], status["error"]) == ("finished", 6, None)
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows if row["train/loss"]] == ["1", "2", "3", "4", "5", "6"]
    assert len(list((run / "export").glob("*.json"))) == 3  # two workflows, and what the check found
    assert list(run.glob("events.out.tfevents.*"))


def test_samples_are_videos_with_sound_and_a_record(cli):
    here = cli("fit", "audio_video", *SHORT, every(6, "SampleVideos"))
    video = next((here / "runs/audio_video-1/samples/step_000006").glob("*.mp4"))
    with av.open(str(video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 9
    with av.open(str(video)) as container:
        seconds = sum(frame.samples for frame in container.decode(audio=0)) / 48_000
    assert seconds == pytest.approx(9 / 24, abs=0.05)
    record = json.loads(video.with_suffix(".json").read_text())
    assert record["prompt"] == "demoshape a red circle moves left"
    assert record["step"] == 6
    assert len(record["sigmas"]) == 3


def test_lora_files_say_what_they_are(cli):
    here = cli("fit", "style", *SHORT, every(6, "SaveLoRA"))
    path = here / "runs/style-1/lora/step_000006.safetensors"
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert (metadata["trigger"], metadata["step"], metadata["rank"]) == ("demoshape", "6", "32")
    assert all(name.startswith("diffusion_model.transformer_blocks.") for name in load_file(path))


def test_training_moves_lora_b_and_nothing_else_is_saved(cli):
    here = cli("fit", "style", *SHORT, every(6, "SaveResumeState"))
    state = weights(here / "runs/style-1", 6)
    assert all(".lora_A." in name or ".lora_B." in name for name in state)
    assert all(tensor.abs().sum() > 0 for name, tensor in state.items() if ".lora_B." in name)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(cli, tmp_path, workers):
    options = (
        *SHORT,
        every(2, "SaveLoRA", "SaveResumeState"),
        f"--data.num_workers={workers}",
        "--model.lora.dropout=0.1",
    )
    cli("fit", "audio_video", *options, "--run=whole")
    control = tmp_path / "runs/halves/control"
    control.mkdir(parents=True)
    (control / "stop").touch()
    cli("fit", "audio_video", *options, "--run=halves")
    status = json.loads((tmp_path / "runs/halves/status.json").read_text())
    assert (status["state"], status["step"]) == ("stopped", 1)
    cli("fit", "audio_video", *options, "--run=halves", "--ckpt_path=last")
    assert_equal(weights(tmp_path / "runs/whole", 6), weights(tmp_path / "runs/halves", 6))
    whole, halves = (load_file(tmp_path / f"runs/{name}/lora/step_000006.safetensors") for name in ("whole", "halves"))
    assert_equal(whole, halves)


def test_accumulated_gradients_survive_a_stop(cli, tmp_path):
    options = (*SHORT, every(6, "SaveResumeState"), "--trainer.accumulate_grad_batches=2")
    cli("fit", "style", *options, "--run=whole")
    (tmp_path / "runs/halves/control").mkdir(parents=True)
    (tmp_path / "runs/halves/control/stop").touch()
    cli("fit", "style", *options, "--run=halves")
    cli("fit", "style", *options, "--run=halves", "--ckpt_path=last")
    assert_equal(weights(tmp_path / "runs/whole", 6), weights(tmp_path / "runs/halves", 6))


def test_sampling_does_not_shift_training(cli, tmp_path):
    cli("fit", "style", *SHORT, every(6, "SaveResumeState", "SaveLoRA"), "--run=plain")
    distilled = f"--sample.distilled_lora={tmp_path / 'runs/plain/lora/step_000006.safetensors'}"
    fast = ("--sample.preset=fast", "--sample.steps=null", distilled)
    for name, settings in (("guided", ()), ("distilled", fast)):
        cli("fit", "style", *SHORT, every(2, "SampleVideos", "SaveResumeState"), f"--run={name}", *settings)
        assert len(list((tmp_path / f"runs/{name}/samples").glob("*/*.mp4"))) == 4  # steps 0, 2, 4 and 6
        assert_equal(weights(tmp_path / "runs/plain", 6), weights(tmp_path / f"runs/{name}", 6))


def test_a_finished_run_goes_on_when_given_more_steps(cli, tmp_path, capsys):
    options = (every(3, "SaveLoRA", "SaveResumeState"), "--run=longer")
    cli("fit", "style", "--trainer.max_steps=3", "--model.lr_scheduler.init_args.warmup_steps=0", *options)
    cli(
        "fit",
        "style",
        "--trainer.max_steps=6",
        "--model.lr_scheduler.init_args.warmup_steps=0",
        *options,
        "--ckpt_path=last",
    )
    assert (tmp_path / "runs/longer/lora/step_000006.safetensors").is_file()
    shown = capsys.readouterr().err
    assert "trainer.max_steps: 3 -> 6" in shown
    assert "the learning rate falls until step 6" in shown


def test_a_resume_shows_a_new_rate_and_uses_it(cli, tmp_path, capsys):
    options = ("--trainer.max_steps=4", every(2, "SaveResumeState"), "--run=rate", "--model.lr_scheduler=null")
    (tmp_path / "runs/rate/control").mkdir(parents=True)
    (tmp_path / "runs/rate/control/stop").touch()
    cli("fit", "style", *options)
    cli("fit", "style", *options, "--ckpt_path=last", "--model.optimizer.init_args.lr=3.0e-4")
    assert "model.optimizer.init_args.lr: 0.0001 -> 0.0003" in capsys.readouterr().err
    state = torch.load(tmp_path / "runs/rate/checkpoints/step_000004.ckpt", weights_only=True)
    assert state["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(3.0e-4)


def test_a_resume_with_another_rank_is_refused_and_the_run_stays(cli, tmp_path, capsys):
    options = (*SHORT, every(6, "SaveResumeState"), "--run=fixed")
    cli("fit", "style", *options)
    before = (tmp_path / "runs/fixed/recipe.yaml").read_text()
    with pytest.raises(SystemExit) as exit_info:
        cli("fit", "style", *options, "--ckpt_path=last", "--model.lora.rank=8")
    assert exit_info.value.code == 2
    assert "`model.lora.rank` was 32" in capsys.readouterr().err
    assert (tmp_path / "runs/fixed/recipe.yaml").read_text() == before


def test_a_second_fit_never_touches_the_first_run(cli, tmp_path):
    cli("fit", "style", *SHORT, every(6, "SaveLoRA"))
    first = (tmp_path / "runs/style-1/lora/step_000006.safetensors").read_bytes()
    cli("fit", "style", *SHORT, every(6, "SaveLoRA"), "--seed_everything=7")
    assert (tmp_path / "runs/style-1/lora/step_000006.safetensors").read_bytes() == first
    assert (tmp_path / "runs/style-2/lora/step_000006.safetensors").is_file()


def test_the_saved_recipe_replays_to_the_same_weights(cli, tmp_path):
    from ltx_module.cli import main

    cli("fit", "style", *SHORT, every(6, "SaveLoRA"))
    main(["fit", "--config", "runs/style-1/recipe.yaml"])
    first, second = (load_file(tmp_path / f"runs/style-{n}/lora/step_000006.safetensors") for n in (1, 2))
    assert_equal(first, second)


def test_keep_last_keeps_the_newest_files(cli, tmp_path):
    callbacks = json.dumps([{"class_path": "callbacks.SaveLoRA", "init_args": {"every_n_steps": 2, "keep_last": 1}}])
    cli("fit", "style", *SHORT, f"--trainer.callbacks={callbacks}")
    assert [path.name for path in (tmp_path / "runs/style-1/lora").iterdir()] == ["step_000006.safetensors"]


def test_a_fit_validates_on_held_out_clips_and_never_on_its_own(cli, tmp_path):
    options = ("--trainer.max_steps=4", "--trainer.log_every_n_steps=1", "--trainer.val_check_interval=2")
    cli("fit", "style", *options, every(4, "SaveLoRA"), "--run=none")
    cli("fit", "style", *options, every(4, "SaveLoRA"), "--run=some", "--data.validation_fraction=0.2")
    assert all("val/loss" not in row for row in rows_of(tmp_path / "runs/none"))
    assert [row["step"] for row in rows_of(tmp_path / "runs/some") if "val/loss" in row] == ["2", "4"]


def test_a_step_without_sound_has_no_loss_of_sound_in_the_log(cli, tmp_path):
    cli("fit", "audio_video", "--trainer.max_steps=10", "--trainer.log_every_n_steps=1", every(10, "SaveLoRA"))
    rows = rows_of(tmp_path / "runs/audio_video-1")
    assert sum("train/loss_audio" not in row for row in rows) == 2  # the two stills among the ten clips of an epoch
    assert all("train/loss_video" in row for row in rows)


def test_a_clip_that_no_adapter_learns_from_is_named(cli, capsys):
    with pytest.raises(SystemExit) as exit_info:
        cli("fit", "audio_video", "--trainer.max_steps=10", every(10, "SaveLoRA"), "--model.lora.targets=audio")
    assert exit_info.value.code == 2
    assert re.search(r"`model\.lora\.targets` learns from .*still\.png, which is", capsys.readouterr().err)
