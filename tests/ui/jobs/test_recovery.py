"""Servers come and go, machines restart, processes are killed: no job is lost without a word, none starts twice."""

import json
import os
import signal
import subprocess
import threading

import pytest

from tests.ui.jobs.waiting import PYTHON, SLEEP, alive, ended, environment, printed, runner_of, until
from ui.jobs.job import Job
from ui.jobs.processes import Identity, identity_of
from ui.jobs.store import Processes, write_processes

# A server: it owns a runner, submits what it is told, and looks after the queue until it is killed.
SERVER = """
import json, sys, time
from pathlib import Path
from ui.jobs.runner import Runner
from ui.workspace import Workspace
runner = Runner(Workspace(root=Path(sys.argv[1])))
for words in json.loads(sys.argv[2]):
    runner.submit("fit", "Fit", words, devices=1)
print("submitted", flush=True)
while True:
    runner.advance()
    time.sleep(0.02)
"""


@pytest.fixture
def killed_server(tmp_path):
    """Runs a server until it has submitted these commands and the first runs, then kills it with SIGKILL."""

    def run(*commands: tuple[str, ...]) -> None:
        words = [PYTHON, "-c", SERVER, str(tmp_path), json.dumps(commands)]
        server = subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, text=True)
        assert server.stdout.readline() == "submitted\n"
        reader = runner_of(tmp_path)
        until(lambda: any(reader.store.processes(view.job.id) for view in reader.views()))
        server.kill()
        server.wait()
        server.stdout.close()

    return run


def test_jobs_survive_the_death_of_the_server_and_a_new_one_goes_on_with_the_queue(killed_server, runner, tmp_path):
    wait = "import time, pathlib\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)\nprint('first done')"
    killed_server(("-c", wait), ("-c", "print('second done')"))
    second, first = runner.views()
    assert (first.state, second.state, second.position) == ("running", "queued", 1)
    runner.advance()
    assert runner.view(second.job.id).state == "queued"  # the slot is taken by a job of the dead server
    (tmp_path / "go").touch()
    until(lambda: ended(runner, second.job.id))
    assert [view.state for view in runner.views()] == ["finished", "finished"]
    assert runner.log(first.job.id) == "first done\n"
    assert runner.log(second.job.id) == "second done\n"


def test_a_new_server_stops_and_kills_what_the_old_one_started(killed_server, runner):
    killed_server(SLEEP)
    (view,) = runner.views()
    until(lambda: printed(runner, view.job.id, "ready"))
    pid = runner.store.processes(view.job.id).command.pid
    runner.kill(view.job.id)
    until(lambda: ended(runner, view.job.id))
    assert not alive(pid)
    assert runner.view(view.job.id).state == "stopped"


def test_ten_servers_on_one_workspace_start_each_job_once(tmp_path, runner):
    script = "import os; open('starts', 'a').write(os.environ['JOB'] + '\\n')"
    store = runner_of(tmp_path).store
    names = [f"job-{number}" for number in range(6)]
    for name in names:
        job_id, _ = store.new_directory()
        store.add(Job(id=job_id, kind="check", title=name, words=("-c", script), env={"JOB": name}))
    threads = [threading.Thread(target=server.advance) for server in [runner_of(tmp_path) for _ in range(10)]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: not runner.active())
    assert sorted((tmp_path / "starts").read_text().split()) == names


def test_the_command_ends_when_its_supervisor_is_killed_and_the_job_is_lost_with_words(runner):
    job = runner.submit("fit", "Fit", SLEEP, run="mia-1")
    until(lambda: printed(runner, job.id, "ready"))
    processes = runner.store.processes(job.id)
    os.kill(processes.supervisor.pid, signal.SIGKILL)
    until(lambda: ended(runner, job.id))
    assert not alive(processes.command.pid)
    view = runner.view(job.id)
    assert view.state == "lost"
    assert "vanished" in view.error.text
    assert "Resume" in view.error.fix
    assert view.ended >= view.started


def test_a_job_whose_command_outlives_its_supervisor_still_runs_and_can_be_killed(runner):
    script = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"  # as a training that finishes its step
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    job = runner.submit("fit", "Fit", ["-c", script], run="mia-1")
    until(lambda: printed(runner, job.id, "ready"))
    processes = runner.store.processes(job.id)
    os.kill(processes.supervisor.pid, signal.SIGKILL)
    until(lambda: not processes.supervisor.is_alive)
    assert runner.view(job.id).state == "running"
    with pytest.raises(ValueError, match="is running already"):
        runner.submit("fit", "Fit", SLEEP, run="mia-1")
    runner.kill(job.id)
    until(lambda: ended(runner, job.id))
    assert not alive(processes.command.pid)


def _claimed(runner, supervisor: Identity, command: Identity | None) -> str:
    """A job that was started at some time by these processes."""
    job_id, directory = runner.new_directory()
    runner.store.add(Job(id=job_id, kind="fit", title="Fit", words=("-c", "pass"), run="mia-1"))
    runner.store.claim(job_id, (0,))
    write_processes(directory, Processes(supervisor=supervisor, command=command, started=1.0))
    return job_id


def test_a_process_that_got_the_pid_of_a_dead_job_is_not_taken_for_it(runner):
    bystander = subprocess.Popen([PYTHON, *SLEEP], stdout=subprocess.DEVNULL)
    try:
        now = identity_of(bystander.pid)
        before = Identity(pid=now.pid, started=str(int(now.started) - 100), boot=now.boot)
        job_id = _claimed(runner, before, before)
        assert runner.view(job_id).state == "lost"
        runner.kill(job_id)
        runner.stop(job_id)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_after_a_restart_of_the_machine_a_job_is_lost_once_its_heartbeat_is_old(runner):
    me = identity_of(os.getpid())
    elsewhere = Identity(pid=me.pid, started=me.started, boot="another start")
    job_id = _claimed(runner, elsewhere, elsewhere)
    beat = runner.directory(job_id) / "heartbeat"
    beat.touch()
    assert runner.view(job_id).state == "running"
    os.utime(beat, (1.0, 1.0))
    assert runner.view(job_id).state == "lost"


def test_a_claimed_job_that_never_got_a_process_is_lost(runner):
    job_id, directory = runner.new_directory()
    runner.store.add(Job(id=job_id, kind="fit", title="Fit", words=("-c", "pass")))
    (directory / "claim.json").write_text('{"gpus": [], "time": 1.0, "withdrawn": false}')
    assert runner.view(job_id).state == "lost"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"id": 1}',
        '{"words": 3, "id": "x"}',
        '{"code": 1e400, "time": 1e400, "gpus": [1e400]}',
        "\x00\xff",
    ],
)
@pytest.mark.parametrize("name", ["job.json", "claim.json", "process.json", "exit.json"])
def test_half_written_and_foreign_files_break_nothing(runner, name, content):
    whole = runner.submit("check", "Check", ["-c", "pass"])
    until(lambda: ended(runner, whole.id))
    job_id, directory = runner.new_directory()
    runner.store.add(Job(id=job_id, kind="check", title="Check", words=("-c", "pass"), devices=1))
    runner.store._jobs.clear()
    (directory / name).write_text(content, encoding="latin-1")
    os.utime(directory / name, (1.0, 1.0))  # a claim without a process is given half a minute to start one
    (runner.store.root / "notes.txt").write_text("mine")
    (runner.store.root / "20260101-000000-000000-abcd").write_text("a file in place of a directory")
    assert whole.id in [view.job.id for view in runner.views()]
    runner.advance()
    until(lambda: all(view.state in ("finished", "failed", "lost", "running") for view in runner.views()))
