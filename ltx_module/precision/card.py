"""The card a run gets: its name, what it computes in hardware, and the memory that is free on it."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch

from ltx_module.precision.execution import WeightFormat

GIB = 2**30
_FP8, _INT8 = (8, 9), (8, 0)  # compute capabilities from which a card multiplies these


@dataclass(frozen=True, kw_only=True)
class Card:
    """A CUDA device as a run finds it."""

    name: str
    free: int
    """Bytes that this process may have, those that it has included."""
    total: int
    """Bytes of the whole card."""
    capability: tuple[int, int]
    host_free: int
    """Bytes of main memory that are free."""

    @classmethod
    def of(cls, device: torch.device) -> Self | None:
        """The card behind a device; None of a CPU."""
        if device.type != "cuda":
            return None
        free, total = torch.cuda.mem_get_info(device)
        free += torch.cuda.memory_reserved(device)
        allowed = getattr(torch.cuda, "get_per_process_memory_fraction", None)  # torch 2.8
        if allowed is not None:
            free = min(free, int(allowed(device) * total))
        return cls(
            name=torch.cuda.get_device_name(device),
            free=free,
            total=total,
            capability=torch.cuda.get_device_capability(device),
            host_free=host_free(),
        )

    @property
    def formats(self) -> tuple[WeightFormat, ...]:
        """Number formats of frozen layers, the fastest first; nf4 only saves memory."""
        small: tuple[WeightFormat, ...] = ("nf4",) if importlib.util.find_spec("bitsandbytes") else ()
        if self.capability >= _FP8:
            return "fp8", *small
        return ("int8", *small) if self.capability >= _INT8 else ("bf16", *small)

    def __str__(self) -> str:
        return f"{self.name}, {self.free / GIB:.1f} GiB free"


def host_free() -> int:
    """Bytes of main memory that could be had; 0 where the system does not tell."""
    file = Path("/proc/meminfo")
    for line in file.read_text().splitlines() if file.exists() else ():
        if line.startswith("MemAvailable"):
            return int(line.split()[1]) * 1024
    return 0
