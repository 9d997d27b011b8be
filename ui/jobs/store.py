"""Jobs on the disk: one directory each, whose files say everything that is known.

    job.json        what is to be run; written once
    claim.json      who took it out of the queue, with which GPUs; made by whoever comes first, never changed
    process.json    pids and start times of the supervisor and of the command
    heartbeat       its time of change is at most a few seconds old while the supervisor lives
    interrupt kill  empty files: what the supervisor is asked to do; `stopping`: what the run itself was asked
    exit.json       how the command ended
    log.txt         what it printed

A job is queued while nobody has claimed it. Claiming creates a file that must not exist yet, so that of two servers, or
of a start and a withdrawal, one wins.
"""

import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from datamodules.atomic import read_json, write_json
from ui.jobs.job import Job
from ui.jobs.processes import Identity

JOB, CLAIM, PROCESS, EXIT = "job.json", "claim.json", "process.json", "exit.json"
HEARTBEAT, LOG = "heartbeat", "log.txt"
STOPPING, INTERRUPT, KILL = "stopping", "interrupt", "kill"
NOT_STARTED = 127
"""Exit code of a command that could not be started, as in a shell."""
KEPT_JOBS = 200
"""Ended jobs that are kept."""

_ID = re.compile(r"\d{8}-\d{6}-\d{6}-[0-9a-f]{4}$")
_ABANDONED_SECONDS = 24 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A job that was taken out of the queue."""

    gpus: tuple[int, ...]
    time: float
    withdrawn: bool
    """Whether it was taken out without being started."""


@dataclass(frozen=True, kw_only=True)
class Processes:
    """The processes of a job."""

    supervisor: Identity
    command: Identity | None
    """None if it could not be started."""
    started: float

    @property
    def living(self) -> Identity | None:
        """One of them that runs, the supervisor first."""
        both = [self.supervisor, self.command]
        return next((one for one in both if one is not None and one.is_alive), None)


@dataclass(frozen=True, kw_only=True)
class Exit:
    """How a command ended."""

    code: int
    time: float
    run_state: str = ""
    """What the run's status.json said then; a later job of the run will change it."""


class JobStore:
    """Reads and writes the directories of jobs below one directory; foreign and broken files are passed over.

    Args:
        root: The directory; made when it is first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._jobs: dict[str, Job] = {}
        self._exits: dict[str, Exit] = {}

    def directory(self, job_id: str) -> Path:
        """The directory of a job.

        Raises:
            ValueError: If this is not the id of a job.
        """
        if not _ID.match(job_id):
            raise ValueError(f"`{job_id[:80]}` is not a job: reload the page.")
        return self.root / job_id

    def new_directory(self) -> tuple[str, Path]:
        """A fresh id, later than all before, and its directory, which only this user can read."""
        self.root.mkdir(parents=True, exist_ok=True)
        while True:
            now = time.time_ns()
            stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now // 10**9))
            job_id = f"{stamp}-{now % 10**9 // 1000:06d}-{secrets.token_hex(2)}"
            try:
                (self.root / job_id).mkdir(mode=0o700)
            except FileExistsError:
                continue
            return job_id, self.root / job_id

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other thread and server from changing the queue; a killed process lets go."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def ids(self) -> list[str]:
        """Ids of all directories, newest first; none is opened."""
        try:
            with os.scandir(self.root) as entries:
                return sorted((entry.name for entry in entries if _ID.match(entry.name)), reverse=True)
        except FileNotFoundError:
            return []

    def add(self, job: Job) -> None:
        """Put a job into the queue."""
        write_json(self.directory(job.id) / JOB, asdict(job))
        self._jobs[job.id] = job

    def job(self, job_id: str) -> Job | None:
        """The job of a directory; None where there is none or its file is broken."""
        if job_id not in self._jobs:
            record = _read(self.directory(job_id) / JOB)
            try:
                known = {field.name for field in fields(Job)}
                job = Job(**{key: value for key, value in record.items() if key in known})
                self._jobs[job_id] = _typed(job)
            except (TypeError, ValueError, OverflowError):
                return None
        return self._jobs[job_id]

    def claim(self, job_id: str, gpus: tuple[int, ...] = (), *, withdrawn: bool = False) -> bool:
        """Take a job out of the queue; False if somebody else was faster."""
        content = json.dumps({"gpus": gpus, "time": time.time(), "withdrawn": withdrawn})
        path = self.directory(job_id) / CLAIM
        try:
            file = path.open("x", encoding="utf-8")
        except FileExistsError:
            return False
        try:
            with file:
                file.write(content)
        except OSError:
            path.unlink()  # a full disk: it waits on
            raise
        return True

    def claim_of(self, job_id: str) -> Claim | None:
        """Who took it; None while it waits."""
        path = self.directory(job_id) / CLAIM
        record = _read(path)
        try:
            gpus = tuple(int(gpu) for gpu in record["gpus"])
            return Claim(gpus=gpus, time=float(record["time"]), withdrawn=bool(record["withdrawn"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            return Claim(gpus=(), time=path.stat().st_mtime, withdrawn=False) if path.exists() else None

    def processes(self, job_id: str) -> Processes | None:
        """Its processes; None before the supervisor has written them."""
        record = _read(self.directory(job_id) / PROCESS)
        try:
            command = record["command"]
            return Processes(
                supervisor=Identity(**record["supervisor"]),
                command=None if command is None else Identity(**command),
                started=float(record["started"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    def exit(self, job_id: str) -> Exit | None:
        """How it ended; None while it has not, or if nobody could note it."""
        if job_id not in self._exits:
            record = _read(self.directory(job_id) / EXIT)
            try:
                state = str(record.get("run_state", ""))
                self._exits[job_id] = Exit(code=int(record["code"]), time=float(record["time"]), run_state=state)
            except (KeyError, TypeError, ValueError, OverflowError):
                return None
        return self._exits[job_id]

    def heartbeat(self, job_id: str) -> float | None:
        """When the supervisor was last heard of, seconds since the epoch."""
        try:
            return (self.directory(job_id) / HEARTBEAT).stat().st_mtime
        except OSError:
            return None

    def remove(self, job_id: str) -> None:
        """Delete a job's directory."""
        shutil.rmtree(self.directory(job_id), ignore_errors=True)
        self._jobs.pop(job_id, None)
        self._exits.pop(job_id, None)

    def prune(self, ended: list[str]) -> None:
        """Delete the oldest of the ended jobs beyond those kept, and directories that were made and never used.

        Args:
            ended: Ids of jobs that have ended, newest first.
        """
        for job_id in ended[KEPT_JOBS:]:
            self.remove(job_id)
        for job_id in self.ids():
            path = self.root / job_id
            if self.job(job_id) is None and time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                self.remove(job_id)


def write_processes(directory: Path, processes: Processes) -> None:
    """Note the processes of a job."""
    write_json(directory / PROCESS, asdict(processes))


def write_exit(directory: Path, code: int, run_state: str = "") -> None:
    """Note how the command ended, and what its run said then."""
    write_json(directory / EXIT, asdict(Exit(code=code, time=time.time(), run_state=run_state)))


def _typed(job: Job) -> Job:
    """A job as it was read, with what JSON has no type for.

    Raises:
        ValueError: If a field does not hold what it should.
    """
    values = {field.name: getattr(job, field.name) for field in fields(Job)}
    values["words"] = tuple(str(word) for word in values["words"])
    values["env"] = {str(key): str(value) for key, value in dict(values["env"]).items()}
    values["created"], values["devices"] = float(values["created"]), int(values["devices"])
    if not all(isinstance(values[name], str) for name in ("id", "kind", "title", "subject", "unique")):
        raise ValueError("a field of job.json is not text")
    return Job(**values)


def _read(path: Path) -> dict[str, Any]:
    """An object of a JSON file; empty where there is none."""
    try:
        content = read_json(path)
    except (OSError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
