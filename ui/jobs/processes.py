"""Which process is meant: a pid is reused, a pid with its start time is not."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A process of a machine since its last start."""

    pid: int
    started: str
    """Start time in the kernel's clock ticks since boot; where there is no /proc, seconds since the epoch."""
    boot: str
    """Which start of which machine."""

    @property
    def is_here(self) -> bool:
        """Whether the process was started on this machine since it was last switched on."""
        return self.boot == boot()

    @property
    def is_alive(self) -> bool:
        """Whether that very process still runs; a zombie does not."""
        return self.is_here and _start_time(self.pid) == self.started


def boot() -> str:
    """Name of this start of this machine."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return str(int(psutil.boot_time()))


def identity_of(pid: int) -> Identity | None:
    """The process that has this pid now; None where there is none."""
    started = _start_time(pid)
    return None if started is None else Identity(pid=pid, started=started, boot=boot())


def kill_tree(pid: int, number: int = signal.SIGKILL) -> None:
    """Signal a process, its group if it leads one, and all that descend from it.

    Args:
        pid: The process; that it is the one meant has been checked.
        number: The signal.
    """
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    try:
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
    except ProcessLookupError:
        pass
    for process in family:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _start_time(pid: int) -> str | None:
    """Start time of a living process; None for none and for a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None if Path("/proc/self/stat").exists() else _portable_start_time(pid)
    fields = stat[stat.rindex(")") + 2 :].split()  # the name before it may hold anything
    return None if fields[0] in "ZX" else fields[19]


def _portable_start_time(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return None
