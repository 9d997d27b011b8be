"""What has become of a job, as its files and processes show it."""

import time
from dataclasses import replace

from ui.jobs.job import Job, JobView, State
from ui.jobs.log_tail import read_tail
from ui.jobs.store import INTERRUPT, KILL, LOG, STOPPING, Claim, Exit, JobStore, Processes
from ui.runs.failures import LOST, explain

_SECONDS_TO_START = 30.0
_SILENCE_SECONDS = 20.0
_TAIL_BYTES = 20_000
_ENDED_WELL = (130, 143)
"""What our commands exit with after Ctrl-C and SIGTERM, once the step is saved."""


class JobStates:
    """Looks at jobs; one that has ended never changes and is read once.

    Args:
        store: The jobs.
    """

    def __init__(self, store: JobStore) -> None:
        self.store = store
        self._ended: dict[str, JobView] = {}

    def view(self, job_id: str) -> JobView | None:
        """A job as its files show it; None where there is none."""
        if job_id in self._ended:
            return self._ended[job_id]
        job, claim = self.store.job(job_id), self.store.claim_of(job_id)
        if job is None or claim is None:
            return None if job is None else JobView(job=job, state="queued")
        processes = self.store.processes(job_id)
        started = claim.time if processes is None else processes.started
        if not claim.withdrawn and self.store.exit(job_id) is None and self._lives(job_id, claim, processes):
            stopping = self._asked_to_end(job_id)
            return JobView(job=job, state="running", started=started, gpus=claim.gpus, stopping=stopping)
        view = self._ending(JobView(job=job, state="lost", started=None if claim.withdrawn else started), claim)
        if processes is not None or view.state != "lost":  # a supervisor may yet report on a very slow machine
            self._ended[job_id] = view
        return view

    def active(self) -> list[JobView]:
        """All that is queued or running, newest first, without places."""
        views = [self.view(job_id) for job_id in self.store.ids() if job_id not in self._ended]
        return [view for view in views if view is not None and view.active]

    def ended(self) -> list[str]:
        """Ids of the jobs known to have ended, newest first."""
        return [job_id for job_id in self.store.ids() if job_id in self._ended]

    def with_positions(self, views: list[JobView]) -> list[JobView]:
        """The views, where those in the queue know their place."""
        if not any(view.state == "queued" for view in views):
            return views
        waiting = [view.job.id for view in reversed(self.active()) if view.state == "queued"]
        places = {job_id: place for place, job_id in enumerate(waiting, 1)}
        return [replace(view, position=places.get(view.job.id)) for view in views]

    def _lives(self, job_id: str, claim: Claim, processes: Processes | None) -> bool:
        """Whether something of a claimed job runs, or has not had the time to begin."""
        if processes is None:
            return time.time() - claim.time < _SECONDS_TO_START
        if processes.supervisor.is_here:
            return processes.living is not None
        beat = self.store.heartbeat(job_id)  # on another machine, or before a restart of this one
        return beat is not None and time.time() - beat < _SILENCE_SECONDS

    def _ending(self, view: JobView, claim: Claim) -> JobView:
        """The view of a job that runs no more; its exit may have been noted since we looked."""
        job = view.job
        if claim.withdrawn:
            return replace(view, state="stopped", ended=claim.time)
        end = self.store.exit(job.id)
        if end is None:
            ended = self.store.heartbeat(job.id) or claim.time
            return replace(view, ended=ended, gpus=claim.gpus, error=LOST)
        tail = "" if end.code == 0 else read_tail(self.store.directory(job.id) / LOG, _TAIL_BYTES)
        state = self._final_state(job, end, tail)
        error = explain(tail, end.code) if state == "failed" else None
        return replace(view, state=state, ended=end.time, exit_code=end.code, gpus=claim.gpus, error=error)

    def _final_state(self, job: Job, end: Exit, tail: str) -> State:
        """Whether an exit code means success, an end that was asked for, or a failure."""
        code, asked = end.code, self._asked_to_end(job.id)
        if code == 0:
            return "stopped" if end.run_state == "stopped" else "finished"
        if job.kind == "doctor" and code == 1 and "Traceback" not in tail:
            return "finished"  # it has findings
        if code in _ENDED_WELL or (asked and (code < 0 or "KeyboardInterrupt" in tail)):
            return "stopped"
        return "failed"

    def _asked_to_end(self, job_id: str) -> bool:
        directory = self.store.directory(job_id)
        return any((directory / name).exists() for name in (STOPPING, INTERRUPT, KILL))
