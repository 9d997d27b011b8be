"""Runs are found and numbered."""

from pathlib import Path

from ltx_module.run_directory import RunDirectory, newest_run, next_run, step_of


def test_next_run_takes_the_first_free_number(tmp_path: Path):
    (tmp_path / "style-1").mkdir()
    (tmp_path / "style-3").mkdir()
    assert next_run(tmp_path, "style") == tmp_path / "style-2"


def test_newest_run_compares_numbers_not_text(tmp_path: Path):
    for name in ("style-2", "style-10", "style-extra-11"):
        (tmp_path / name).mkdir()
    assert newest_run(tmp_path, "style") == tmp_path / "style-10"
    assert newest_run(tmp_path, "motion") is None


def test_files_of_a_run_are_in_step_order_and_partial_ones_left_out(tmp_path: Path):
    run = RunDirectory(tmp_path)
    for step in (1000, 250, 20000):
        run.lora(step).parent.mkdir(exist_ok=True)
        run.lora(step).touch()
        run.state(step).parent.mkdir(exist_ok=True)
        run.state(step).with_suffix(".partial").touch()
    assert [step_of(file) for file in run.loras()] == [250, 1000, 20000]
    assert run.states() == []
