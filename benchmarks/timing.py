"""Seconds of steps in a row, without making the device wait between them."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, kw_only=True)
class SeriesTiming:
    """What a series of steps took."""

    median_ms: float
    """Median over the steps, from the end of one to the end of the next."""
    mean_ms: float
    """The whole series by the clock of the host, over its steps."""


class Series:
    """Marks the ends of steps on the device's own clock, or on the host's where there is none.

    The host waits for the device twice: when the series begins and when it ends.
    """

    def __init__(self, device: torch.device) -> None:
        self._on_card = device.type == "cuda"
        self._marks: list[Any] = []
        self._begin = math.nan

    def begin(self) -> None:
        """Wait for the device, and start."""
        self._synchronise()
        self._marks.clear()
        self.mark()
        self._begin = time.perf_counter()

    def mark(self) -> None:
        """A step has ended, as far as the host knows."""
        if self._on_card:
            event: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            self._marks.append(event)
        else:
            self._marks.append(time.perf_counter())

    def end(self) -> SeriesTiming:
        """Wait for the device, and tell."""
        self._synchronise()
        seconds = time.perf_counter() - self._begin
        steps = len(self._marks) - 1
        intervals = [self._milliseconds(*pair) for pair in zip(self._marks, self._marks[1:], strict=False)]
        return SeriesTiming(median_ms=statistics.median(intervals), mean_ms=1000 * seconds / steps)

    def _milliseconds(self, left: Any, right: Any) -> float:
        return float(left.elapsed_time(right)) if self._on_card else 1000 * (right - left)

    def _synchronise(self) -> None:
        if self._on_card:
            torch.cuda.synchronize()


def time_steps(step: Callable[[], object], device: torch.device, *, warmup: int, steps: int) -> SeriesTiming:
    """Run a step over and over; the first ones do not count."""
    for _ in range(warmup):
        step()
    series = Series(device)
    series.begin()
    for _ in range(steps):
        step()
        series.mark()
    return series.end()
