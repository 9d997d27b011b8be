"""The rows of the table of training steps, and the lines in which their measurements are kept."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
STEPS = ROOT / "benchmarks" / "results" / "steps.jsonl"
BUCKET = "960x544x49"
BLOCKS = 48


@dataclass(frozen=True, kw_only=True)
class Row:
    """A card's size, the overlay for it, and what is asked of it."""

    name: str
    usable_gib: float
    """What the allocator may hold on the smallest usual card of that size, half a GiB of it left to CUDA."""
    rank: int
    goal_of_peer: float
    """Step over the peer's, at most."""
    goal_gib: float
    """Peak memory, at most."""

    @property
    def overlay(self) -> Path:
        """The overlay that a user names."""
        return ROOT / "recipes" / "overlays" / f"gpu_{self.name}.yaml"


ROWS = {
    row.name: row
    for row in (
        Row(name="141gb", usable_gib=139.0, rank=32, goal_of_peer=0.23, goal_gib=120.0),
        Row(name="80gb", usable_gib=78.5, rank=32, goal_of_peer=0.26, goal_gib=74.0),
        Row(name="48gb", usable_gib=44.4, rank=32, goal_of_peer=0.35, goal_gib=44.0),
        Row(name="32gb", usable_gib=31.3, rank=32, goal_of_peer=0.42, goal_gib=29.0),
        Row(name="24gb", usable_gib=23.5, rank=16, goal_of_peer=0.48, goal_gib=21.5),
        Row(name="16gb", usable_gib=15.5, rank=16, goal_of_peer=0.96, goal_gib=14.5),
    )
}


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """A row as it was measured: one line of `steps.jsonl`."""

    row: str
    date: str
    gpu: str
    torch: str
    cuda: str | None
    commit: str | None
    bucket: str
    rank: int
    blocks: int
    steps: int
    """Timed ones."""
    execution: dict[str, Any]
    """Number format, recomputed and swapped blocks, compilation: what the overlay came to."""
    optimizer: str
    limit_gib: float | None
    """What the allocator was allowed; None is all of the card."""
    fits: bool
    """Whether the run stayed below the row's limit."""
    step_ms: float
    """Median."""
    mean_ms: float
    first_step_s: float
    load_s: float
    load_peak_gib: float
    peak_gib: float
    """The most that tensors took, loading included."""
    planned_gib: float
    """The step's peak by the project's own estimate."""
    reserved_gib: float
    outside_gib: float
    """Of the card, in use outside the allocator."""
    loss: float
    tflop: float
    """Arithmetic of a step."""
    floor_ms: float
    ceilings_tflops: dict[str, float]
    peer_ms: float | None
    """None where the peer was not measured in the same run."""
    peer_gib: float | None
    peer_adapters: str | None
    substituted: list[str] = field(default_factory=list)
    """What of the overlay could not be used here, and what stood in for it."""
    settings: list[str] = field(default_factory=list)
    """Settings given besides the overlay; such a line is not the row's, and enters no table."""

    @property
    def of_floor(self) -> float:
        """Fraction of the floor that was reached."""
        return self.floor_ms / self.step_ms

    @property
    def of_peer(self) -> float | None:
        """Step over the peer's."""
        return None if self.peer_ms is None else self.step_ms / self.peer_ms

    def append_to(self, path: Path) -> None:
        """Add the line to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(self)) + "\n")


def read_records(path: Path = STEPS) -> list[StepRecord]:
    """All lines of a file, oldest first.

    Raises:
        ValueError: If a line is not one of these records.
    """
    if not path.exists():
        return []
    known = {each.name for each in fields(StepRecord)}
    records = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        values = json.loads(line)
        if values.keys() != known:
            differing = ", ".join(sorted(values.keys() ^ known))
            raise ValueError(
                f"{path}:{number} is not a measured row: it lacks or does not know {differing}. Measure the row again"
                " with `python -m benchmarks.step` and delete the line."
            )
        records.append(StepRecord(**values))
    return records


def newest(records: Iterable[StepRecord]) -> dict[str, StepRecord]:
    """The last line of each row that was measured as it is shipped, in the order of the table."""
    last = {record.row: record for record in records if not record.settings and record.blocks == BLOCKS}
    return {name: last[name] for name in ROWS if name in last}
