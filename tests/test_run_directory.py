"""Runs are found and numbered."""

import os
from pathlib import Path

from datamodules.atomic import write_json
from ltx_module.run_directory import RunDirectory, newest_run, next_run, step_of


def test_next_run_takes_the_first_free_number(tmp_path: Path):
    (tmp_path / "style-1").mkdir()
    (tmp_path / "style-3").mkdir()
    assert next_run(tmp_path, "style") == tmp_path / "style-2"


def test_newest_run_compares_numbers_not_text(tmp_path: Path):
    for name in ("style-2", "style-10", "style-extra-11"):
        (tmp_path / name).mkdir()
        RunDirectory(tmp_path / name).recipe.touch()
    assert newest_run(tmp_path, "style") == tmp_path / "style-10"
    assert newest_run(tmp_path, "motion") is None


def test_a_run_that_was_refused_gives_its_number_to_the_next_and_is_not_the_newest(tmp_path: Path):
    for number, state in ((1, "finished"), (2, "failed"), (3, "encoding")):
        run = RunDirectory(tmp_path / f"style-{number}")
        write_json(run.status, {"state": state})
    RunDirectory(tmp_path / "style-1").recipe.touch()
    assert next_run(tmp_path, "style") == tmp_path / "style-2"
    assert newest_run(tmp_path, "style") == tmp_path / "style-1"
    write_json(RunDirectory(tmp_path / "style-2").status, {"state": "training"})
    assert next_run(tmp_path, "style") == tmp_path / "style-4"


def test_the_recipe_in_force_is_that_of_the_latest_resume(tmp_path: Path):
    run = RunDirectory(tmp_path)
    assert run.latest_recipe == run.recipe
    names = ("recipe.yaml", "recipe-resumed-step_000900.yaml", "recipe-resumed-step_50.yaml")
    for time, name in enumerate(names):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time, time))
    assert run.latest_recipe.name == "recipe-resumed-step_50.yaml"


def test_files_of_a_run_are_in_step_order_and_partial_ones_left_out(tmp_path: Path):
    run = RunDirectory(tmp_path)
    for step in (1000, 250, 20000):
        run.lora(step).parent.mkdir(exist_ok=True)
        run.lora(step).touch()
        run.state(step).parent.mkdir(exist_ok=True)
        run.state(step).with_suffix(".partial").touch()
    assert [step_of(file) for file in run.loras()] == [250, 1000, 20000]
    assert run.states() == []


def test_two_runs_started_together_never_share_a_directory(tmp_path: Path):
    assert [next_run(tmp_path, "style").name for _ in range(3)] == ["style-1", "style-2", "style-3"]
