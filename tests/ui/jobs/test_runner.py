"""Jobs as real processes: how they start, what they inherit, how they end."""

import json
import signal
import threading

import pytest

from tests.ui.jobs.waiting import SLEEP, alive, ended, printed, runner_of, until


def test_a_job_runs_in_the_workspace_and_its_output_and_code_are_kept(runner, tmp_path):
    job = runner.submit("doctor", "Look", ["-c", "import os; print(os.getcwd()); print('done')"])
    until(lambda: ended(runner, job.id))
    view = runner.view(job.id)
    assert (view.state, view.exit_code, view.error) == ("finished", 0, None)
    assert runner.log(job.id) == f"{tmp_path}\ndone\n"
    assert view.started <= view.ended
    assert view.command == """python -c 'import os; print(os.getcwd()); print('"'"'done'"'"')'"""


def test_a_failed_job_tells_its_own_words_and_way_out(runner):
    words = ["-c", "import sys; sys.stderr.write('error: no clips\\nway out: add some\\n'); sys.exit(2)"]
    job = runner.submit("check", "Check", words)
    until(lambda: ended(runner, job.id))
    view = runner.view(job.id)
    assert (view.state, view.exit_code) == ("failed", 2)
    assert (view.error.text, view.error.fix) == ("no clips", "add some")


def test_findings_of_the_doctor_are_no_failure(runner):
    job = runner.submit("doctor", "Doctor", ["-c", "print('2 findings'); raise SystemExit(1)"])
    until(lambda: ended(runner, job.id))
    assert (runner.view(job.id).state, runner.view(job.id).exit_code) == ("finished", 1)


def test_a_job_inherits_the_environment_without_the_secrets_of_the_page(runner, monkeypatch):
    monkeypatch.setenv("LTX_STUDIO_AUTH", "me:hush-4711")
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setenv("HF_HOME", "/somewhere")
    job = runner.submit(
        "check", "Check", ["-c", "import json, os; print(json.dumps(dict(os.environ)))"], env={"MINE": "1"}
    )
    until(lambda: ended(runner, job.id))
    seen = json.loads(runner.log(job.id, 200_000))
    assert "hush-4711" not in json.dumps(seen)
    assert "LOCAL_RANK" not in seen
    assert (seen["HF_HOME"], seen["MINE"]) == ("/somewhere", "1")
    assert "hush-4711" not in "".join(path.read_text() for path in runner.directory(job.id).iterdir())


def test_only_this_user_can_read_what_a_job_was_given(runner):
    job = runner.submit("check", "Check", ["-c", "pass"], env={"KEY": "x"})
    assert runner.directory(job.id).stat().st_mode & 0o077 == 0


def test_files_may_be_put_into_the_directory_of_a_job_before_it_starts(runner):
    job_id, directory = runner.new_directory()
    (directory / "recipe.yaml").write_text("a: 1\n")
    words = ["-c", "import sys; print(open(sys.argv[1]).read())", str(directory / "recipe.yaml")]
    assert runner.submit("check", "Check", words, job_id=job_id).id == job_id
    until(lambda: ended(runner, job_id))
    assert "a: 1" in runner.log(job_id)


def test_ending_a_job_ends_all_its_processes_even_those_with_a_session_of_their_own(runner):
    script = (
        "import subprocess, sys, time\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "print(subprocess.Popen(sleep).pid, subprocess.Popen(sleep, start_new_session=True).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    job = runner.submit("fit", "Fit", ["-c", script])
    until(lambda: printed(runner, job.id, "\n"))
    workers = [int(word) for word in runner.log(job.id).split()]
    main = runner.store.processes(job.id).command.pid
    assert all(alive(pid) for pid in (main, *workers))
    runner.kill(job.id)
    until(lambda: ended(runner, job.id))
    assert not any(alive(pid) for pid in (main, *workers))
    assert runner.view(job.id).state == "stopped"


@pytest.mark.slow
def test_what_a_finished_command_leaves_behind_is_ended(runner):
    script = (
        "import subprocess, sys\n"
        "code = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(120)'\n"
        "print(subprocess.Popen([sys.executable, '-c', code], start_new_session=True).pid, flush=True)\n"
    )
    job = runner.submit("check", "Check", ["-c", script])
    until(lambda: ended(runner, job.id), 40)
    assert not alive(int(runner.log(job.id)))
    assert runner.view(job.id).state == "finished"


def test_stop_interrupts_once_however_often_it_is_pressed(runner):
    script = (
        "import signal, time\n"
        "seen = []\n"
        "signal.signal(signal.SIGINT, lambda *_: seen.append(1))\n"
        "print('ready', flush=True)\n"
        "while not seen: time.sleep(0.01)\n"
        "time.sleep(1)\n"
        "print('interrupts:', len(seen), flush=True)\n"
        "raise SystemExit(130)\n"
    )
    job = runner.submit("fit", "Fit", ["-c", script])
    until(lambda: printed(runner, job.id, "ready"))
    for _ in range(5):
        assert runner.stop(job.id) == "It has been asked to end; what is finished is kept."
    assert runner.view(job.id).stopping
    until(lambda: ended(runner, job.id))
    assert "interrupts: 1" in runner.log(job.id)
    assert (runner.view(job.id).state, runner.view(job.id).exit_code) == ("stopped", 130)
    assert runner.stop(job.id) == "It has ended already."


def test_stop_is_heard_where_a_shell_has_turned_ctrl_c_off_for_the_server(runner):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        job = runner.submit("caption", "Caption", SLEEP)
    finally:
        signal.signal(signal.SIGINT, before)
    until(lambda: printed(runner, job.id, "ready"))
    runner.stop(job.id)
    until(lambda: ended(runner, job.id))
    assert runner.view(job.id).state == "stopped"


def test_a_training_is_stopped_through_its_run_so_that_it_finishes_the_step(runner, tmp_path):
    script = (
        "import json, os, pathlib, time\n"
        "run = pathlib.Path('runs/mia-1'); run.mkdir(parents=True)\n"
        "say = lambda state: (run / 'status.json').write_text(json.dumps({'state': state, 'pid': os.getpid()}))\n"
        "say('training'); print('ready', flush=True)\n"
        "while not (run / 'control/stop').exists(): time.sleep(0.01)\n"
        "say('stopped')\n"
    )
    job = runner.submit("fit", "Fit", ["-c", script], run="mia-1")
    until(lambda: printed(runner, job.id, "ready"))
    assert runner.stop(job.id) == "It finishes the running step, saves and ends."
    assert runner.view(job.id).stopping
    until(lambda: ended(runner, job.id))
    assert (runner.view(job.id).state, runner.view(job.id).exit_code) == ("stopped", 0)
    (tmp_path / "runs/mia-1/status.json").write_text('{"state": "finished"}')  # as after a resume
    assert runner_of(tmp_path).view(job.id).state == "stopped"


def test_a_training_that_another_process_does_is_not_stopped_through_the_run(runner, tmp_path):
    run = tmp_path / "runs/mia-1"
    run.mkdir(parents=True)
    (run / "status.json").write_text(json.dumps({"state": "training", "pid": 1}))
    job = runner.submit("fit", "Fit", SLEEP, run="mia-1")
    until(lambda: printed(runner, job.id, "ready"))
    runner.stop(job.id)
    until(lambda: ended(runner, job.id))
    assert not (run / "control").exists()


def test_a_second_click_starts_nothing(runner):
    first = runner.submit("fit", "Training mia-1", SLEEP, run="mia-1")
    with pytest.raises(ValueError, match="Training mia-1 is running already"):
        runner.submit("fit", "Training mia-1", SLEEP, run="mia-1")
    assert [view.job.id for view in runner.views()] == [first.id]


def test_of_many_clicks_at_once_one_wins(runner):
    outcomes: list[str] = []

    def click() -> None:
        try:
            runner.submit("doctor", "Doctor", SLEEP, unique="doctor:mia")
            outcomes.append("started")
        except ValueError:
            outcomes.append("refused")

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 7 + ["started"]


def test_a_key_is_free_again_when_its_job_has_ended(runner):
    first = runner.submit("check", "Check", ["-c", "pass"], unique="check:mia")
    until(lambda: ended(runner, first.id))
    second = runner.submit("check", "Check", ["-c", "pass"], unique="check:mia")
    assert second.id > first.id


def test_a_command_that_cannot_start_fails_with_words(tmp_path):
    from ui.jobs.runner import Runner
    from ui.workspace import Workspace

    runner = Runner(Workspace(root=tmp_path), python="/nowhere/python")
    job = runner.submit("check", "Check", ["-c", "pass"])
    view = runner.view(job.id)
    assert (view.state, view.exit_code) == ("failed", 127)
    assert "cannot be started" in view.error.text


@pytest.mark.parametrize("job_id", ["../../etc", "", "20260101-000000-000000-zzzz", "a" * 200])
def test_what_is_no_job_is_refused(runner, job_id):
    with pytest.raises(ValueError, match="reload the page"):
        runner.view(job_id)
    with pytest.raises(ValueError, match="reload the page"):
        runner.log(job_id)
