"""The machine's GPUs, from nvidia-smi; memory and load of its CPU."""

import os
import subprocess
import threading
import time
from dataclasses import dataclass, field

import psutil

_FIELDS = (
    *("index", "uuid", "name", "memory.used", "memory.total"),
    *("utilization.gpu", "temperature.gpu", "power.draw"),
)
_FRESH_SECONDS = 2.0
_SECONDS_OF_LOAD = 1.5
_RETRY_SECONDS = 60.0
_LATE_SECONDS = 30.0
"""Until it is asked again after it did not answer."""
_TIMEOUT_SECONDS = 15.0
"""Without its persistence mode, the driver of a large machine takes seconds to wake."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU at a moment; None for what it does not tell."""

    index: int
    uuid: str
    name: str
    used_gib: float | None
    total_gib: float | None
    utilisation: float | None
    """Percent of the last second in which it computed."""
    temperature: float | None
    """Degrees Celsius."""
    power: float | None
    """Watts."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The computer at a moment."""

    gpus: tuple[Gpu, ...]
    cores: int
    load: float
    """Percent of all cores since the last look."""
    used_gib: float
    """Main memory."""
    total_gib: float


@dataclass
class GpuMonitor:
    """Asks nvidia-smi, at most every two seconds; a machine without is asked again each minute."""

    command: tuple[str, ...] = ("nvidia-smi",)
    _gpus: tuple[Gpu, ...] = ()
    _until: float = 0.0
    _answered: bool = False
    _load: float = 0.0
    _load_until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def gpus(self) -> tuple[Gpu, ...]:
        """The GPUs that this process may use, in their order."""
        with self._lock:
            if time.monotonic() >= self._until:
                found = self._ask()
                self._answered = self._answered or found is not None
                self._gpus = self._gpus if found is None else found
                wait = _LATE_SECONDS if found is None else _FRESH_SECONDS if found else _RETRY_SECONDS
                self._until = time.monotonic() + wait
            return self._gpus

    @property
    def known(self) -> bool:
        """Whether it has been told what GPUs there are, so that none does not mean a late answer."""
        return self._answered

    def machine(self) -> Machine:
        """Everything that the panel shows."""
        memory = psutil.virtual_memory()
        return Machine(
            gpus=self.gpus(),
            cores=os.cpu_count() or 1,
            load=self._cpu_load(),
            used_gib=(memory.total - memory.available) / 2**30,
            total_gib=memory.total / 2**30,
        )

    def _cpu_load(self) -> float:
        """Percent of all cores since it was measured last; over less than a second that would be chance."""
        with self._lock:
            if time.monotonic() >= self._load_until:
                self._load = psutil.cpu_percent(interval=None)
                self._load_until = time.monotonic() + _SECONDS_OF_LOAD
            return self._load

    def _ask(self) -> tuple[Gpu, ...] | None:
        """What nvidia-smi says; None if it did not answer in time, so that a busy moment hides no GPU."""
        query = [*self.command, f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"]
        try:
            answer = subprocess.run(query, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return None
        except OSError:
            return None if self._gpus else ()
        if answer.returncode != 0:  # a driver that fails for a moment must not make a machine of the CPU
            return None if self._gpus else ()
        return visible(parse(answer.stdout), os.environ.get("CUDA_VISIBLE_DEVICES"))


def parse(answer: str) -> tuple[Gpu, ...]:
    """GPUs of nvidia-smi's lines; a line that is something else is passed over."""
    gpus = []
    for line in answer.splitlines():
        values = [value.strip() for value in line.split(",")]
        if len(values) == len(_FIELDS) and values[0].isdigit():
            used, total = _number(values[3]), _number(values[4])
            gpus.append(
                Gpu(
                    index=int(values[0]),
                    uuid=values[1],
                    name=values[2],
                    used_gib=None if used is None else used / 1024,
                    total_gib=None if total is None else total / 1024,
                    utilisation=_number(values[5]),
                    temperature=_number(values[6]),
                    power=_number(values[7]),
                )
            )
    return tuple(gpus)


def visible(gpus: tuple[Gpu, ...], setting: str | None) -> tuple[Gpu, ...]:
    """Those of the GPUs that `CUDA_VISIBLE_DEVICES` leaves."""
    if setting is None:
        return gpus
    names = [name.strip() for name in setting.split(",")]
    chosen = []
    for name in names:
        match = [gpu for gpu in gpus if name and (str(gpu.index) == name or gpu.uuid.startswith(name))]
        if not match:
            break  # CUDA, too, stops at the first that does not exist
        chosen.append(match[0])
    return tuple(chosen)


def _number(text: str) -> float | None:
    """A number, or None for `[N/A]`."""
    try:
        return float(text)
    except ValueError:
        return None
