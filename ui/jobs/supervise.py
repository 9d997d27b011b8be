"""Run a job's command, outlive the page, note how it ends: `python -m ui.jobs.supervise DIRECTORY CWD`.

The supervisor leads a session of its own, so that neither the end of the server nor Ctrl-C in its terminal reaches the
job. The command leads a process group, its output goes to log.txt. On Linux the supervisor adopts whatever the command
leaves behind and ends it, and the command gets SIGTERM should the supervisor itself be killed.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from datamodules.atomic import read_json
from ui.jobs.processes import identity_of, kill_tree
from ui.jobs.store import (
    HEARTBEAT,
    INTERRUPT,
    KILL,
    LOG,
    NOT_STARTED,
    JobStore,
    Processes,
    write_exit,
    write_processes,
)

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_POLL_SECONDS = 0.2
_HEARTBEAT_SECONDS = 2.0
_SECONDS_TO_LEAVE = 5.0


def main(directory: Path, cwd: Path) -> int:
    """Supervise the job of a directory until nothing of it is left; the exit code is that of its command."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    job = JobStore(directory.parent).job(directory.name)
    me = identity_of(os.getpid())
    if job is None or me is None:
        return NOT_STARTED
    started = time.time()
    try:
        child = _start(job.words, directory, cwd)
    except OSError as error:
        with (directory / LOG).open("a", encoding="utf-8") as log:
            log.write(f"error: the command cannot be started: {error}\n")
        write_exit(directory, NOT_STARTED)
        return NOT_STARTED
    write_processes(directory, Processes(supervisor=me, command=identity_of(child.pid), started=started))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: child.send_signal(signal.SIGTERM))
    signal.signal(signal.SIGINT, lambda *_: None)
    code = _watch(child, directory)
    _end_the_rest(child.pid, directory)
    _insist(lambda: write_exit(directory, code, _run_state(cwd, job.run)))
    return code


def _start(words: tuple[str, ...], directory: Path, cwd: Path) -> "subprocess.Popen[bytes]":
    with (directory / LOG).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=_prepare,
        )


def _prepare() -> None:
    """In the child: end with the supervisor, and hear Ctrl-C even where a shell has turned it off for the server."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _watch(child: "subprocess.Popen[bytes]", directory: Path) -> int:
    """Wait for the command; beat, and pass on what is asked for on the way."""
    interrupted, last_beat = False, 0.0
    while True:
        if time.monotonic() - last_beat >= _HEARTBEAT_SECONDS:
            last_beat = time.monotonic()
            _beat(directory)
        if (directory / KILL).exists():
            kill_tree(child.pid)
        elif not interrupted and (directory / INTERRUPT).exists():
            interrupted = True  # once only: the second Ctrl-C leaves a training without saving
            child.send_signal(signal.SIGINT)
        try:
            return child.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _beat(directory: Path) -> None:
    try:
        (directory / HEARTBEAT).touch()
    except OSError:
        return  # a full disk; the pid says the same


def _end_the_rest(group: int, directory: Path) -> None:
    """Wait for what the command has left behind, such as other ranks, then end it."""
    patience = 0.0 if (directory / KILL).exists() else _SECONDS_TO_LEAVE
    left = psutil.wait_procs(_remaining(), timeout=patience)[1]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            kill_tree(process.pid, number)
        left = psutil.wait_procs(_remaining(), timeout=patience)[1]
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _remaining() -> list[psutil.Process]:
    children: list[psutil.Process] = psutil.Process().children(recursive=True)
    return children


def _run_state(cwd: Path, run: str | None) -> str:
    """State that the job's run tells of itself; empty where there is none."""
    status = read_json(cwd / "runs" / run / "status.json") if run else None
    return str(status.get("state", "")) if isinstance(status, dict) else ""


def _insist(write: Callable[[], None]) -> None:
    """Write, and try again for half a minute where the disk is full."""
    end = time.monotonic() + 30
    while True:
        try:
            return write()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2])))
