"""What the tests of jobs share: fake GPUs, short commands, and waiting for what real processes do."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ui.jobs.gpus import Gpu, GpuMonitor
from ui.jobs.processes import identity_of
from ui.jobs.runner import Runner
from ui.workspace import Workspace

ROOT = Path(__file__).parents[3]
SLEEP = ("-c", "import time; print('ready', flush=True); time.sleep(60)")


class FakeGpus(GpuMonitor):
    """A machine with so many GPUs."""

    def __init__(self, count: int) -> None:
        super().__init__(_answered=True)
        self.count = count

    def gpus(self) -> tuple[Gpu, ...]:
        return tuple(
            Gpu(
                index=index,
                uuid=f"GPU-{index}",
                name="Fake",
                used_gib=1.0,
                total_gib=80.0,
                utilisation=5.0,
                temperature=40.0,
                power=90.0,
            )
            for index in range(self.count)
        )


def runner_of(root: Path, gpus: int = 0) -> Runner:
    return Runner(Workspace(root=root), monitor=FakeGpus(gpus))


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Look every few milliseconds until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def ended(runner: Runner, job_id: str) -> bool:
    runner.advance()
    return not runner.view(job_id).active


def alive(pid: int) -> bool:
    return identity_of(pid) is not None


def printed(runner: Runner, job_id: str, word: str) -> bool:
    return word in runner.log(job_id)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


PYTHON = sys.executable
