"""The empty files that a page or a script puts into a run's `control/` directory."""

from tests.end_to_end.runs import SHORT, every, files_below, status_of


def test_save_and_sample_act_after_the_step_and_the_run_goes_on(cli, tmp_path, capsys):
    control = tmp_path / "runs/mine/control"
    control.mkdir(parents=True)
    for name in ("save", "sample"):
        (control / name).touch()
    callbacks = every(100, "SaveLoRA", "SaveResumeState", "SampleVideos")
    cli("fit", "style", *SHORT, callbacks, "--run=mine")
    assert [path.name for path in sorted((tmp_path / "runs/mine/lora").iterdir())] == [
        "step_000001.safetensors",
        "step_000006.safetensors",
    ]
    assert sorted(path.name for path in (tmp_path / "runs/mine/samples").iterdir()) == [
        "step_000000",
        "step_000001",
        "step_000006",
    ]
    assert files_below(control) == []
    assert status_of(tmp_path / "runs/mine")["state"] == "finished"
    assert "control: save" in capsys.readouterr().err


def test_stop_saves_and_says_how_to_go_on(cli, tmp_path, capsys):
    control = tmp_path / "runs/mine/control"
    control.mkdir(parents=True)
    (control / "stop").touch()
    cli("fit", "style", *SHORT, every(100, "SaveLoRA", "SaveResumeState"), "--run=mine")
    assert status_of(tmp_path / "runs/mine")["state"] == "stopped"
    assert "fit --config runs/mine/recipe.yaml --ckpt_path last" in capsys.readouterr().err
    assert (tmp_path / "runs/mine/checkpoints/step_000001.ckpt").is_file()
