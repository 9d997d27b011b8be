"""Which of the waiting jobs may start now, and on which GPUs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ui.jobs.job import Job


@dataclass(frozen=True, kw_only=True)
class Start:
    """A job that may start."""

    job: Job
    gpus: tuple[int, ...]
    """Indices of its GPUs; the slot 0 stands for a machine without GPU."""


def slots_of(gpus: Sequence[int]) -> tuple[int, ...]:
    """What can be given to jobs: the GPUs, or the one slot of a machine without."""
    return tuple(gpus) or (0,)


def needed(job: Job, slots: Sequence[int]) -> int:
    """Slots that a job takes; where there is one for want of a GPU, it takes that one."""
    return min(job.devices, len(slots))


def startable(waiting: Sequence[Job], slots: Sequence[int], taken: Collection[int]) -> list[Start]:
    """The jobs that start now.

    Jobs that need no GPU start at once. The others start in their order: one that waits for more GPUs than are free
    keeps later ones waiting, so that it is not overtaken for ever.

    Args:
        waiting: Jobs in the queue, oldest first.
        slots: All that can be given.
        taken: What running jobs hold.
    """
    free = [slot for slot in slots if slot not in taken]
    starts: list[Start] = []
    blocked = False
    for job in waiting:
        count = needed(job, slots)
        if count == 0:
            starts.append(Start(job=job, gpus=()))
        elif not blocked and count <= len(free):
            starts.append(Start(job=job, gpus=tuple(free[:count])))
            free = free[count:]
        else:
            blocked = True
    return starts
