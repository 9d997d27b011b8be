import builtins
import json
import shutil
from pathlib import Path

import pytest

from tests.ui.runs.written_run import record, write_run, write_samples
from ui.runs import sample_folders
from ui.runs.samples import MAX_COLUMNS, MAX_ROWS, GridRequest, run_grid


def names(grid) -> list[str]:
    return [column.name for column in grid.columns]


def cell(grid, column: str, words: str):
    return next(
        one for (row, folder), one in grid.cells.items() if folder.rpartition("/")[2] == column and row.words == words
    )


def test_prompts_are_rows_and_checkpoints_columns_with_the_base_first(workspace, runs):
    write_run(runs / "mia-1")
    grid = run_grid(workspace, GridRequest(run="mia-1"))
    assert grid.view == "checkpoints"
    assert names(grid) == ["step_000000", "step_000030", "step_000060"]
    assert [row.words for row in grid.rows] == ["a-red-car", "a-blue-boat"]
    found = cell(grid, "step_000030", "a-red-car")
    assert found.url.startswith("media/runs/mia-1/samples/step_000030/01-a-red-car-seed42.mp4?v=")
    assert found.poster.startswith("poster/runs/mia-1/samples/step_000030/01-a-red-car-seed42.mp4?v=")
    assert (found.record.prompt, found.kind, found.problem) == ("MIA a red car", "video", "")


def test_strengths_of_a_checkpoint_stand_beside_the_base_that_was_made_with_them(workspace, runs):
    run = write_run(runs / "mia-1")
    for strength in ("0.5", "1.5"):
        write_samples(run / "samples" / f"step_000060@{strength}")
    bare = run / "samples" / "step_000060@0.5" / "01-a-red-car-seed42-without-lora.mp4"
    bare.write_bytes(b"base")
    grid = run_grid(workspace, GridRequest(run="mia-1", view="strengths"))
    assert grid.checkpoint == "step_000060"
    assert names(grid) == ["step_000000", "step_000060@0.5", "step_000060", "step_000060@1.5"]
    assert cell(grid, "step_000000", "a-red-car").file == "samples/step_000060@0.5/01-a-red-car-seed42-without-lora.mp4"
    assert cell(grid, "step_000000", "a-blue-boat").file == "samples/step_000000/02-a-blue-boat-seed42.mp4"


def test_partners_without_lora_are_the_base_where_nothing_was_sampled_before_training(workspace, runs):
    run = write_run(runs / "mia-1", steps=(30,))
    write_samples(run / "samples" / "step_000030@1")
    (run / "samples" / "step_000030@1" / "01-a-red-car-seed42-without-lora.mp4").write_bytes(b"base")
    grid = run_grid(workspace, GridRequest(run="mia-1", view="all"))
    assert names(grid) == ["base", "step_000030", "step_000030@1"]


def test_the_strength_that_most_checkpoints_have_is_shown_of_an_evaluation(workspace, runs):
    run = write_run(runs / "mia-1")
    for name in ("base", "step_000030@1", "step_000060@1", "step_000060@0.5"):
        write_samples(run / "evaluation" / "samples" / name)
    grid = run_grid(workspace, GridRequest(run="mia-1", source="evaluation"))
    assert names(grid) == ["base", "step_000030@1", "step_000060@1"]
    assert grid.checkpoints == ("step_000030", "step_000060")
    strengths = run_grid(workspace, GridRequest(run="mia-1", source="evaluation", view="strengths"))
    assert names(strengths) == ["base", "step_000060@0.5", "step_000060@1"]


def test_all_folders_can_be_seen_at_once(workspace, runs):
    run = write_run(runs / "mia-1")
    write_samples(run / "samples" / "step_000060@1+other@0.5")
    grid = run_grid(workspace, GridRequest(run="mia-1", view="all"))
    assert names(grid)[-1] == "step_000060@1+other@0.5"


def test_seeds_can_be_told_apart(workspace, runs):
    run = write_run(runs / "mia-1")
    write_samples(run / "samples" / "step_000060", seed=7)
    assert run_grid(workspace, GridRequest(run="mia-1")).seeds == (7, 42)
    assert {row.seed for row in run_grid(workspace, GridRequest(run="mia-1", seed=7)).rows} == {7}
    assert len(run_grid(workspace, GridRequest(run="mia-1", seed=99)).rows) == 4  # a seed that is gone hides nothing


def test_many_checkpoints_come_in_windows_of_bounded_work(workspace, runs, monkeypatch):
    prompts = [f"prompt-{number}" for number in range(30)]
    write_run(runs / "mia-1", steps=range(0, 1000, 10), prompts=prompts)
    opened, listed = [], []
    real_open, real_scandir = Path.open, sample_folders.os.scandir
    monkeypatch.setattr(
        Path, "open", lambda path, *rest, **more: (opened.append(path), real_open(path, *rest, **more))[1]
    )
    monkeypatch.setattr(sample_folders.os, "scandir", lambda path: (listed.append(path), real_scandir(path))[1])
    grid = run_grid(workspace, GridRequest(run="mia-1"))
    assert len(grid.columns) == MAX_COLUMNS + 1  # and the base
    assert len(grid.rows) == MAX_ROWS
    assert len(opened) <= (MAX_COLUMNS + 1) * MAX_ROWS
    assert len(listed) <= MAX_COLUMNS + 2
    assert grid.column_window.number == grid.column_window.windows - 1
    assert names(grid)[-1] == "step_000990"
    first = run_grid(workspace, GridRequest(run="mia-1", column_window=0, row_window=2))
    assert names(first)[:2] == ["step_000000", "step_000010"]
    assert [row.number for row in first.rows] == list(range(19, 31))


def test_windows_out_of_range_are_the_nearest(workspace, runs):
    write_run(runs / "mia-1")
    grid = run_grid(workspace, GridRequest(run="mia-1", column_window=99, row_window=-5))
    assert (grid.column_window.number, grid.row_window.number) == (0, 0)
    assert len(grid.cells) == 6


def test_sounds_have_no_poster(workspace, runs):
    run = write_run(runs / "mia-1", steps=(30,), prompts=())
    write_samples(run / "samples" / "step_000030", suffix=".wav")
    found = cell(run_grid(workspace, GridRequest(run="mia-1")), "step_000030", "a-red-car")
    assert (found.kind, found.poster) == ("sound", "")
    assert found.url.endswith(".wav?v=" + found.url.rpartition("=")[2])


def test_what_is_broken_is_named_and_the_rest_shown(workspace, runs):
    run = write_run(runs / "mia-1")
    folder = run / "samples" / "step_000030"
    (folder / "01-a-red-car-seed42.mp4").unlink()
    (folder / "02-a-blue-boat-seed42.json").write_text("{")
    (run / "samples" / "step_000060" / "01-a-red-car-seed42.mp4").write_bytes(b"")
    grid = run_grid(workspace, GridRequest(run="mia-1"))
    gone = cell(grid, "step_000030", "a-red-car")
    assert (gone.url, "missing" in gone.problem, gone.record.seed) == ("", True, 42)
    unread = cell(grid, "step_000030", "a-blue-boat")
    assert "cannot be read" in unread.problem
    assert unread.url
    assert "empty" in cell(grid, "step_000060", "a-red-car").problem


def test_links_that_lead_out_of_the_run_are_not_followed(workspace, runs, tmp_path):
    secret = tmp_path / "secret"
    write_samples(secret)
    (secret / "01-a-red-car-seed42.json").write_text(json.dumps(record(prompt="a secret")))
    run = write_run(runs / "mia-1")
    folder = run / "samples" / "step_000030"
    for suffix in (".mp4", ".json"):
        (folder / f"01-a-red-car-seed42{suffix}").unlink()
        (folder / f"01-a-red-car-seed42{suffix}").symlink_to(secret / f"01-a-red-car-seed42{suffix}")
    (run / "samples" / "step_000090").symlink_to(secret)
    grid = run_grid(workspace, GridRequest(run="mia-1"))
    found = cell(grid, "step_000030", "a-red-car")
    assert (found.url, found.poster, found.record.prompt) == ("", "", "")
    assert "leads out" in found.problem
    assert "a secret" not in repr(grid)
    assert not any(folder.endswith("step_000090") for _, folder in grid.cells)


def test_a_link_to_another_run_is_not_followed_either(workspace, runs):
    write_run(runs / "other-1")
    run = write_run(runs / "mia-1")
    shutil.rmtree(run / "samples" / "step_000030")
    (run / "samples" / "step_000030").symlink_to(runs / "other-1" / "samples" / "step_000030")
    grid = run_grid(workspace, GridRequest(run="mia-1"))
    assert all(folder != "samples/step_000030" for _, folder in grid.cells)


@pytest.mark.parametrize("name", ["..", ".", "", "../mia-1", "/etc", "a/b", "missing", "x\0y"])
def test_a_name_that_is_no_run_is_refused(workspace, runs, name):
    write_run(runs / "mia-1")
    with pytest.raises(ValueError, match="run"):
        run_grid(workspace, GridRequest(run=name))


def test_a_run_that_is_a_link_out_of_the_runs_is_refused(workspace, runs, tmp_path):
    write_run(tmp_path / "elsewhere")
    (runs / "mia-1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="outside"):
        run_grid(workspace, GridRequest(run="mia-1"))


def test_a_folder_with_too_many_files_is_listed_in_part_and_says_so(workspace, runs, monkeypatch):
    write_run(runs / "mia-1")
    monkeypatch.setattr(sample_folders, "MAX_NAMES", 2)
    assert "first 2 files" in " ".join(run_grid(workspace, GridRequest(run="mia-1")).problems)


def test_videos_are_never_opened_for_the_grid(workspace, runs, monkeypatch):
    write_run(runs / "mia-1")
    opened = []
    real = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, *rest, **more: (opened.append(path.suffix), real(path, *rest, **more))[1]
    )
    monkeypatch.setattr(builtins, "open", lambda *_, **__: pytest.fail("opened a file by name"))
    run_grid(workspace, GridRequest(run="mia-1"))
    assert set(opened) == {".json"}


def test_a_run_without_samples_has_an_empty_grid(workspace, runs):
    (runs / "mia-1").mkdir()
    grid = run_grid(workspace, GridRequest(run="mia-1"))
    assert (grid.columns, grid.rows, grid.cells) == ((), (), {})
