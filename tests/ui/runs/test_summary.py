"""What a run is said to be doing, and the list of runs."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ui.jobs.job import Job, JobView
from ui.runs.failures import Failure
from ui.runs.summary import newest_fits, newest_runs, run_summary

RECIPE = """# lightning.pytorch==2.6.6
trainer:
  max_steps: 90
model:
  base_model: models/ltx-2.3-22b-dev.safetensors
  lora:
    rank: 8
data:
  path: datasets/mia
  sets: null
"""


def write(runs: Path, name: str, *, recipe: bool = True, **status) -> Path:
    run = runs / name
    run.mkdir(parents=True)
    if recipe:
        (run / "recipe.yaml").write_text(RECIPE)
    content = {"state": "training", "step": 30, "max_steps": 90, "loss": 0.5, "seconds_per_step": 2.0, "eta_s": 120.0}
    content |= {"pid": os.getpid(), "heartbeat": time.time(), "error": None, "suggestion": None} | status
    (run / "status.json").write_text(json.dumps(content))
    return run


def fit(run: str, state: str, **values) -> JobView:
    job = Job(id=values.pop("id", "20260101-000000-000000-aaaa"), kind="fit", title=f"Train {run}", words=(), run=run)
    return JobView(job=job, state=state, **values)


def test_a_run_that_trains_tells_its_figures(workspace, runs):
    write(runs, "mia-1", peak_gib=27.5, suggestion={"text": "stop at 250", "best_step": 250, "lora": "x"})
    summary = run_summary(workspace, "mia-1", {})
    assert (summary.state, summary.step, summary.max_steps, summary.eta_s) == ("training", 30, 90, 120.0)
    assert (summary.loss, summary.seconds_per_step, summary.peak_gib) == (0.5, 2.0, 27.5)
    assert (summary.base_model, summary.data) == ("models/ltx-2.3-22b-dev.safetensors", "datasets/mia")
    assert summary.suggestion == "stop at 250"
    assert summary.progress == pytest.approx(1 / 3)


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return process.pid


@pytest.mark.parametrize("state", ["checking", "encoding", "training", "sampling", "saving"])
def test_a_run_whose_process_is_gone_is_interrupted_and_says_how_to_go_on(workspace, runs, state):
    write(runs, "mia-1", state=state, pid=dead_pid(), heartbeat=time.time() - 60)
    summary = run_summary(workspace, "mia-1", {})
    assert summary.state == "interrupted"
    assert summary.error.fix
    assert not summary.working
    assert summary.eta_s is None


def test_an_interruption_says_what_resuming_would_do(workspace, runs):
    run = write(runs, "mia-1", pid=dead_pid(), heartbeat=time.time() - 60)
    assert "starts it at step 0" in run_summary(workspace, "mia-1", {}).error.fix
    (run / "checkpoints").mkdir()
    (run / "checkpoints/step_000030.ckpt").touch()
    assert "from the last saved state" in run_summary(workspace, "mia-1", {}).error.fix
    write(runs, "mia-2", recipe=False, state="encoding", pid=dead_pid(), heartbeat=time.time() - 60)
    assert "Start it again" in run_summary(workspace, "mia-2", {}).error.fix


def test_a_run_of_a_terminal_that_was_asked_to_stop_is_ending(workspace, runs):
    run = write(runs, "mia-1")
    assert not run_summary(workspace, "mia-1", {}).stopping
    (run / "control").mkdir()
    (run / "control/stop").touch()
    assert run_summary(workspace, "mia-1", {}).stopping


def test_a_long_silence_of_a_living_process_is_no_interruption(workspace, runs):
    write(runs, "mia-1", state="encoding", heartbeat=time.time() + 2)  # encoding writes no heartbeat
    assert run_summary(workspace, "mia-1", {}).state == "encoding"


def test_a_process_that_is_younger_than_the_last_word_has_only_got_the_pid(workspace, runs):
    write(runs, "mia-1", pid=os.getpid(), heartbeat=1000.0)
    assert run_summary(workspace, "mia-1", {}).state == "interrupted"


def test_a_killed_job_interrupts_its_run_at_once(workspace, runs):
    write(runs, "mia-1", pid=dead_pid())
    view = fit("mia-1", "stopped", started=1.0, ended=time.time() + 1, exit_code=-9)
    assert run_summary(workspace, "mia-1", {"mia-1": view}).state == "interrupted"


def test_a_run_in_the_queue_is_listed_before_it_has_a_directory(workspace):
    view = fit("mia-2", "queued", position=1)
    (summary,), total = newest_runs(workspace, {"mia-2": view}, limit=10)
    assert (summary.name, summary.state, total) == ("mia-2", "queued", 1)
    assert run_summary(workspace, "mia-2", {"mia-2": view}).state == "queued"


def test_a_resumed_run_is_starting_until_it_has_written_its_status(workspace, runs):
    write(runs, "mia-1", state="stopped", heartbeat=1000.0)
    view = fit("mia-1", "running", started=2000.0)
    assert run_summary(workspace, "mia-1", {"mia-1": view}).state == "starting"


def test_a_failed_run_tells_the_words_of_its_status(workspace, runs):
    write(runs, "mia-1", state="failed", error={"text": "`data.path` is x", "fix": "give a folder"})
    view = fit("mia-1", "failed", ended=time.time() + 1, error=Failure(text="code 2", fix=""))
    for fits in ({}, {"mia-1": view}):
        summary = run_summary(workspace, "mia-1", fits)
        assert summary.state == "failed"
        assert summary.error == Failure(text="`data.path` is x", fix="give a folder")


def test_a_run_that_failed_before_it_had_a_directory_is_listed_with_its_cause(workspace):
    view = fit("mia-1", "failed", error=Failure(text="no such option", fix="see --help"))
    (summary,), _ = newest_runs(workspace, {"mia-1": view}, limit=10)
    assert (summary.state, summary.error.text) == ("failed", "no such option")


def test_a_refused_resume_leaves_the_state_and_tells_why(workspace, runs):
    write(runs, "mia-1", state="finished", heartbeat=1000.0)
    view = fit("mia-1", "failed", ended=2000.0, error=Failure(text="rank changed", fix="undo it"))
    summary = run_summary(workspace, "mia-1", {"mia-1": view})
    assert (summary.state, summary.error.text) == ("finished", "rank changed")


def test_the_crash_of_an_unfinished_run_is_told_from_its_job(workspace, runs):
    write(runs, "mia-1", pid=dead_pid())
    view = fit("mia-1", "failed", ended=time.time() + 1, exit_code=-9, error=Failure(text="killed", fix="memory"))
    summary = run_summary(workspace, "mia-1", {"mia-1": view})
    assert (summary.state, summary.error.text) == ("failed", "killed")


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"x"', '{"state": 3, "step": "a"}', "[" * 100_000])
def test_a_broken_status_breaks_nothing(workspace, runs, content):
    run = write(runs, "mia-1")
    (run / "status.json").write_text(content)
    assert run_summary(workspace, "mia-1", {}).state == "interrupted"


def test_working_runs_come_first_then_the_newest(workspace, runs):
    for number, name in enumerate(["old", "new", "busy"]):
        run = write(runs, name, state="finished")
        os.utime(run / "recipe.yaml", (1000 + number if name != "busy" else 1, 1000 + number if name != "busy" else 1))
    fits = {"busy": fit("busy", "running", started=0.0)}
    summaries, _ = newest_runs(workspace, fits, limit=10)
    assert [summary.name for summary in summaries] == ["busy", "new", "old"]


def test_of_200_runs_only_those_shown_are_opened(workspace, runs, monkeypatch):
    for number in range(200):
        run = write(runs, f"mia-{number}", state="finished")
        os.utime(run / "recipe.yaml", (number, number))
    (runs / "notes.txt").write_text("mine")
    (runs / "empty").mkdir()
    opened: list[Path] = []
    original = Path.open

    def counted(path, *args, **kwargs):
        opened.append(path)
        return original(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", counted)
    summaries, total = newest_runs(workspace, {}, limit=10, offset=20)
    assert total == 200
    assert [summary.name for summary in summaries] == [f"mia-{number}" for number in range(179, 169, -1)]
    assert len(opened) <= 2 * 10


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 400, "NaN", "true", '"7"'])
@pytest.mark.parametrize("key", ["step", "max_steps", "heartbeat", "pid", "eta_s"])
def test_numbers_that_are_none_are_passed_over(workspace, runs, key, number):
    run = write(runs, "mia-1")
    content = {"state": '"training"', "pid": "1", "heartbeat": "1", "step": "1", "max_steps": "2"} | {key: number}
    (run / "status.json").write_text("{" + ", ".join(f'"{name}": {value}' for name, value in content.items()) + "}")
    summary = run_summary(workspace, "mia-1", {})
    assert summary.state == "interrupted"
    assert summary.eta_s is None


@pytest.mark.parametrize("name", ["../x", "", ".", "..", "a/b", "/etc", "nothing"])
def test_what_is_no_run_is_refused(workspace, name):
    with pytest.raises(ValueError, match="run"):
        run_summary(workspace, name, {})


def test_no_runs_at_all(tmp_path):
    from ui.workspace import Workspace

    assert newest_runs(Workspace(root=tmp_path), {}, limit=10) == ([], 0)


def test_the_newest_fit_of_a_run_counts():
    newer, older = fit("mia-1", "running", id="b"), fit("mia-1", "failed", id="a")
    assert newest_fits([newer, older]) == {"mia-1": newer}
