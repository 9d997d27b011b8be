"""The advice to stop in whole runs: it reaches the status file, can end the run, and outlives a resume."""

import json

import pytest

from tests.end_to_end.runs import rows_of, status_of

PATIENT = {"patience": 1, "tolerance": 0.9}  # no two validations of a short run differ by so much
EVERY = {"every_n_steps": 2}


def options(**advice: object) -> tuple[str, ...]:
    callbacks = [
        {"class_path": "callbacks.AdapterHealth", "init_args": EVERY},
        {"class_path": "callbacks.SaveLoRA", "init_args": EVERY},
        {"class_path": "callbacks.SaveResumeState", "init_args": EVERY},
        {"class_path": "callbacks.SuggestStop", "init_args": PATIENT | advice},
    ]
    return (
        *("--trainer.max_steps=9", "--trainer.log_every_n_steps=1", "--trainer.val_check_interval=2"),
        *("--data.validation_fraction=0.2", f"--trainer.callbacks={json.dumps(callbacks)}"),
        "--run=advised",
    )


@pytest.fixture
def run(tmp_path):
    return tmp_path / "runs/advised"


def test_advice_to_stop_is_obeyed_when_told_to_and_known_after_a_resume(cli, run, capsys):
    cli("fit", "style", *options(stop=True))
    status = status_of(run)
    assert (status["state"], status["step"]) == ("stopped", 5)  # validated at 2 and 4, one step to save
    assert (run / "lora/step_000005.safetensors").is_file()
    held_out = {int(row["step"]): float(row["val/loss"]) for row in rows_of(run) if "val/loss" in row}
    assert held_out.keys() == {2, 4}
    best = min(held_out, key=held_out.__getitem__)
    assert status["suggestion"]["best_step"] == best
    assert f"best at step {best}" in capsys.readouterr().err
    assert status["suggestion"]["lora"] == f"runs/advised/lora/step_{best:06d}.safetensors"
    cli("fit", "style", *options(), "--ckpt_path=last")
    shown = capsys.readouterr().err
    assert f"best at step {best}" in shown.partition("val/")[0]
    assert (status_of(run)["state"], status_of(run)["step"]) == ("finished", 9)
    assert [row["step"] for row in rows_of(run) if "val/loss" in row] == ["2", "4", "6", "8"]
    assert all("train/loss_since_validation" in row for row in rows_of(run) if "val/loss" in row)


def test_every_group_of_the_recipe_s_targets_has_its_columns(cli, run):
    cli("fit", "audio_video", *options(), "--trainer.max_steps=2")
    (row,) = [row for row in rows_of(run) if any(name.startswith("adapter/") for name in row)]
    groups = {
        *("attn1", "attn2", "audio_attn1", "audio_attn2"),
        *("audio_to_video_attn", "video_to_audio_attn"),
    }
    quantities = ("update", "rms", "relative", "gradient")
    expected = {f"adapter/{quantity}_{group}" for quantity in quantities for group in groups}
    assert {name for name in row if name.startswith("adapter/")} == expected
    assert all(float(row[name]) > 0 for name in expected)
