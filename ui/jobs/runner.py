"""Starts, watches and ends the commands of the page; everything it knows lies on the disk."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from datamodules.atomic import read_json
from ui.jobs.gpus import GpuMonitor
from ui.jobs.job import Job, JobView, Kind
from ui.jobs.log_tail import read_tail
from ui.jobs.processes import kill_tree
from ui.jobs.queue import slots_of, startable
from ui.jobs.states import JobStates
from ui.jobs.store import INTERRUPT, KILL, LOG, NOT_STARTED, STOPPING, JobStore, write_exit
from ui.workspace import Workspace

logger = logging.getLogger(__name__)
_CODE = Path(__file__).resolve().parents[2]
_TAIL_BYTES = 20_000
_SECRETS = ("LTX_STUDIO_",)
_OF_OTHER_RUNS = ("LTX_RUN", "RANK", "LOCAL_RANK", "WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")


class Runner:
    """The jobs of a workspace: a queue in order, GPUs handed out, processes that outlive the server.

    Any number of runners, in any number of servers, may share a workspace.

    Args:
        workspace: Commands run in its root; jobs lie in `jobs/` of its state directory.
        python: The interpreter.
        monitor: Tells the GPUs.
    """

    def __init__(
        self, workspace: Workspace, *, python: str = sys.executable, monitor: GpuMonitor | None = None
    ) -> None:
        self.workspace = workspace
        self.python = python
        self.monitor = monitor or GpuMonitor()
        self.store = JobStore(workspace.state / "jobs")
        self.states = JobStates(self.store)
        self._supervisors: list[subprocess.Popen[bytes]] = []

    def new_directory(self) -> tuple[str, Path]:
        """A fresh id and its directory, for a caller who puts input files there before `submit(..., job_id=)`."""
        return self.store.new_directory()

    def directory(self, job_id: str) -> Path:
        """Directory of a job."""
        return self.store.directory(job_id)

    def submit(
        self,
        kind: Kind,
        title: str,
        words: Sequence[str],
        *,
        subject: str = "",
        run: str | None = None,
        devices: int = 0,
        env: Mapping[str, str] | None = None,
        unique: str | None = None,
        job_id: str | None = None,
    ) -> Job:
        """Put a command into the queue, and start it if it may.

        Args:
            kind: What it does.
            title: One line for people.
            words: The command after `python`.
            subject: The dataset or run that it is about.
            run: Name of the run that it writes to.
            devices: GPUs that it waits for; 0 starts at once. A machine without has one slot.
            env: Variables beside those of the server.
            unique: Key of which one job at most is queued or running; by default a fit's run.
            job_id: Id from `new_directory`.

        Raises:
            ValueError: If a job with this key is active, or the machine has too few GPUs.
        """
        self._require_gpus(title, devices)
        key = unique if unique is not None else f"fit:{run}" if kind == "fit" and run else ""
        job = Job(
            id=job_id or self.store.new_directory()[0],
            kind=kind,
            title=title,
            words=tuple(words),
            subject=subject,
            run=run,
            devices=devices,
            created=time.time(),
            env=dict(env or {}),
            unique=key,
        )
        self._add(job)
        self.advance()
        return job

    def advance(self) -> None:
        """Start what may start now; a full disk keeps jobs waiting and is logged."""
        try:
            self._advance()
        except OSError as error:
            logger.warning("no job can be started: %s", error)

    def _advance(self) -> None:
        self._supervisors = [process for process in self._supervisors if process.poll() is None]
        queued = [view.job for view in self.states.active() if view.state == "queued"]
        if not queued:
            return
        indices = [gpu.index for gpu in self.monitor.gpus()] if any(job.devices for job in queued) else []
        with self.store.locked():
            active = self.states.active()
            waiting = [view.job for view in reversed(active) if view.state == "queued"]
            if not self.monitor.known:
                waiting = [job for job in waiting if not job.devices]
            taken = [gpu for view in active if view.state == "running" for gpu in view.gpus]
            for start in startable(waiting, slots_of(indices), taken):
                self._start(start.job, start.gpus, on_gpu=bool(indices))
        self.store.prune(self.states.ended())

    def view(self, job_id: str) -> JobView:
        """A job now.

        Raises:
            ValueError: If there is no such job.
        """
        view = self.states.view(job_id)
        if view is None:
            raise ValueError(f"The job {job_id} is no longer kept: reload the page.")
        if view.state != "queued":
            return view
        return next((one for one in self.states.with_positions(self.states.active()) if one.job.id == job_id), view)

    def views(
        self,
        *,
        kinds: Collection[Kind] | None = None,
        subject: str | None = None,
        run: str | None = None,
        limit: int = 50,
    ) -> list[JobView]:
        """The newest jobs, those in the queue with their places; ended ones are read once and remembered."""
        views: list[JobView] = []
        for job_id in self.store.ids():
            job = self.store.job(job_id)
            if job is None or (kinds is not None and job.kind not in kinds):
                continue
            if (subject is not None and job.subject != subject) or (run is not None and job.run != run):
                continue
            view = self.states.view(job_id)
            if view is not None:
                views.append(view)
            if len(views) == limit:
                break
        return self.states.with_positions(views) if any(view.state == "queued" for view in views) else views

    def active(self) -> list[JobView]:
        """All that is queued or running, newest first."""
        return self.states.with_positions(self.states.active())

    def log(self, job_id: str, max_bytes: int = _TAIL_BYTES) -> str:
        """The end of what a job printed, as a terminal shows it."""
        return read_tail(self.store.directory(job_id) / LOG, max_bytes)

    def stop(self, job_id: str) -> str:
        """Ask a job to end well, or take it out of the queue.

        A training in its steps finishes the running one and saves, through its run's `control/stop`; everything else
        gets one SIGINT, as Ctrl-C gives it.

        Returns:
            What happens now, in words.
        """
        view = self.view(job_id)
        if view.state == "queued" and self.store.claim(job_id, withdrawn=True):
            return "Taken out of the queue."
        if not self.view(job_id).active:
            return "It has ended already."
        if self._is_training(view.job):
            control = self.workspace.runs / str(view.job.run) / "control"
            control.mkdir(exist_ok=True)
            (control / "stop").touch()
            (self.store.directory(job_id) / STOPPING).touch()
            return "It finishes the running step, saves and ends."
        (self.store.directory(job_id) / INTERRUPT).touch()
        return "It has been asked to end; what is finished is kept."

    def kill(self, job_id: str) -> str:
        """End all processes of a job at once; what was not saved is lost. Says what happens."""
        view = self.view(job_id)
        if view.state == "queued":
            return self.stop(job_id)
        if not view.active:
            return "It has ended already."
        (self.store.directory(job_id) / KILL).touch()
        processes = self.store.processes(job_id)
        if processes is not None and processes.command is not None and processes.command.is_alive:
            kill_tree(processes.command.pid)
        return "All its processes are ended; what was saved is kept."

    def _require_gpus(self, title: str, devices: int) -> None:
        """Refuse a job that would wait for ever; a machine without GPU gives its one slot instead.

        Raises:
            ValueError: If the machine has GPUs, but not so many.
        """
        gpus = len(self.monitor.gpus()) if devices > 1 else 0
        if 0 < gpus < devices:
            raise ValueError(
                f"{title} wants {devices} GPUs, but this machine has {gpus}: set `trainer.devices: {gpus}`."
            )

    def _add(self, job: Job) -> None:
        """Put a job into the queue, unless one with its key is active.

        Raises:
            ValueError: If there is one.
        """
        with self.store.locked():
            twins = (view for view in self.states.active() if job.unique and view.job.unique == job.unique)
            if (twin := next(twins, None)) is not None:
                self.store.remove(job.id)
                doing = "waits in the queue" if twin.state == "queued" else "is running"
                raise ValueError(f"{twin.job.title} {doing} already: stop it first, or wait until it has ended.")
            self.store.add(job)

    def _is_training(self, job: Job) -> bool:
        """Whether a fit is in its steps, where it looks at `control/`; while it samples, a signal is heard sooner."""
        if job.kind != "fit" or not job.run:
            return False
        status = read_json(self.workspace.runs / job.run / "status.json")
        processes = self.store.processes(job.id)
        if not isinstance(status, dict) or processes is None or processes.command is None:
            return False
        return status.get("state") in ("training", "saving") and status.get("pid") == processes.command.pid

    def _start(self, job: Job, gpus: tuple[int, ...], *, on_gpu: bool) -> None:
        """Start a job that nobody else has taken; the caller holds the lock."""
        if not self.store.claim(job.id, gpus):
            return
        directory = self.store.directory(job.id)
        with (directory / LOG).open("ab") as log:
            try:
                process = subprocess.Popen(
                    [self.python, "-m", "ui.jobs.supervise", str(directory), str(self.workspace.root)],
                    cwd=_CODE,
                    env=self._environment(job, gpus if on_gpu else ()),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                log.write(f"error: the command cannot be started: {error}\n".encode())
                write_exit(directory, NOT_STARTED)
                return
        self._supervisors.append(process)

    @staticmethod
    def _environment(job: Job, gpus: tuple[int, ...]) -> dict[str, str]:
        """The server's variables without its secrets and without another training's; the job's own; its GPUs."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_SECRETS) and name not in _OF_OTHER_RUNS
        }
        path = os.pathsep.join(filter(None, [kept.get("PYTHONPATH"), str(_CODE)]))
        devices = {
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # the order of nvidia-smi's indices
            "CUDA_VISIBLE_DEVICES": ",".join(map(str, gpus)),
        }
        return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **job.env, **(devices if gpus else {})}
