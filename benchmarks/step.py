"""A training step as a user of each card gets it, beside the peer's, the card's ceiling and the arithmetic floor.

    python -m benchmarks.step --row 24gb [--row 80gb ... | --row all] [--steps 10] [--out FILE] [--blocks N] [--tiny]
                              [WORDS ...]

Each row is recipes/overlays/gpu_<row>.yaml over recipes/audio_video.yaml on random weights of full size, 960x544x49
with sound, batch 1, AdamW and clipping, run by the project's own command line, within the memory of a card of that size
(on a larger one; where that fails, once more without a limit, and the line says so). All rows of a command share one
measurement of the peer for each rank. A line a row goes to benchmarks/results/steps.jsonl as soon as it is measured.
Further WORDS go to the recipe, as in `--model.swap_blocks 20`. Lines with such words or fewer blocks enter no table.
"""

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch

from benchmarks import memory
from benchmarks.ceiling import ceilings
from benchmarks.flops import Tokens, step_flops
from benchmarks.overlays import runnable
from benchmarks.peer import PeerFigures, Shapes, measure_peer
from benchmarks.provenance import provenance
from benchmarks.random_data import Stretch
from benchmarks.random_weights import config_of
from benchmarks.rows import BUCKET, ROWS, STEPS, Row, StepRecord
from benchmarks.step_clock import StepClock
from benchmarks.timed_fit import drawn_model, timed_fit, tiny_words
from datamodules.geometry import AudioLatentSpec, Bucket, LatentSpec
from ltx_module.console import quiet_foreign_output
from ltx_module.failures import GPUMemoryError
from ltx_module.model import LTXConfig

logger = logging.getLogger("ltx_module.benchmark")
_FPS = 24.0
_LEFT_OVER_GIB = 0.5
_TINY_BUCKET = "128x128x9"
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What the rows of a command share."""

    directory: Path
    model: Path
    bucket: Bucket
    steps: int
    warmup: int
    tiny: bool
    blocks: int | None
    settings: list[str]
    ceilings: dict[str, float]
    peers: dict[int, PeerFigures]

    @property
    def tokens(self) -> Tokens:
        """Of an item."""
        audio = AudioLatentSpec().length(self.bucket.duration(_FPS))
        return Tokens(video=LatentSpec().tokens(self.bucket), audio=audio, text=128 if self.tiny else 1024)

    @property
    def config(self) -> dict[str, Any]:
        """The `transformer` section of the model's config."""
        section: dict[str, Any] = config_of(tiny=self.tiny, blocks=self.blocks)["transformer"]
        return section


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the peer, then each row, and append a line for it.

    Raises:
        SystemExit: If a row could not be measured; the others are.
    """
    options, settings = _parser().parse_known_args(arguments)
    quiet_foreign_output()
    names = list(ROWS) if "all" in options.row else list(dict.fromkeys(options.row))
    device = torch.device("cpu" if options.tiny else "cuda")
    with tempfile.TemporaryDirectory() as directory:
        measurement = Measurement(
            directory=Path(directory),
            model=drawn_model(Path(directory), tiny=options.tiny, blocks=options.blocks),
            bucket=Bucket.parse(_TINY_BUCKET if options.tiny else BUCKET),
            steps=options.steps,
            warmup=options.warmup,
            tiny=options.tiny,
            blocks=options.blocks,
            settings=settings,
            ceilings=ceilings(device, (64,)) if options.tiny else ceilings(device),
            peers={},
        )
        logger.info("ceilings, TFLOP/s: %s", measurement.ceilings)
        memory.release()
        if options.peer_steps:
            ranks = list(dict.fromkeys(ROWS[name].rank for name in names))
            measurement.peers.update(_peers(measurement, ranks, device, options.peer_steps))
        failed = [name for name in names if not _measure(ROWS[name], measurement, options.out)]
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.step", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", action="append", choices=[*ROWS, "all"], required=True)
    parser.add_argument("--steps", type=int, default=10, help="Timed steps of a row.")
    parser.add_argument("--warmup", type=int, default=3, help="Steps before them.")
    parser.add_argument("--peer-steps", type=int, default=5, help="Timed steps of the peer; 0 leaves it out.")
    parser.add_argument("--out", type=Path, default=STEPS)
    parser.add_argument("--blocks", type=int, help="Fewer blocks than the model has, to try the command.")
    parser.add_argument("--tiny", action="store_true", help="Pico's sizes on a processor, to try the command.")
    return parser


def _peers(measurement: Measurement, ranks: Sequence[int], device: torch.device, steps: int) -> dict[int, PeerFigures]:
    _, frames, height, width = LatentSpec().shape(measurement.bucket)
    shapes = Shapes(grid=(frames, height, width), tokens=measurement.tokens)
    measure = partial(measure_peer, measurement.config, shapes, ranks, device, steps=steps)
    peers = _attempted("the peer", measure) or {}
    logger.info("peer: %s", {rank: asdict(figures) for rank, figures in peers.items()})
    return peers


def _measure(row: Row, measurement: Measurement, out: Path) -> bool:
    """Measure a row and keep its line."""
    record = _attempted(f"the row {row.name}", partial(measure_row, row, measurement))
    if record is not None:
        record.append_to(out)
        logger.info("%s", json.dumps(asdict(record)))
    return record is not None


def _attempted(name: str, measure: Callable[[], Result]) -> Result | None:
    """A measurement, or None: whatever fails must not cost the others their turn on the card."""
    try:
        return measure()
    except Exception:
        logger.exception("%s could not be measured", name)
        return None


def measure_row(row: Row, measurement: Measurement) -> StepRecord:
    """Run a row within the memory of its card, or, where it does not fit, without a limit.

    Raises:
        RuntimeError: If the card still holds something of the run before, so that nothing could be said of memory.
    """
    if (left := memory.release()) > _LEFT_OVER_GIB:
        raise RuntimeError(f"{left:.1f} GiB are still held from before: measure the rows one in a command.")
    overlay, substituted = runnable(row.overlay, measurement.directory)
    clock = _fit(row, overlay, measurement, row.usable_gib)
    limit: float | None = row.usable_gib
    if clock is None:
        logger.warning("%s does not fit into %.1f GiB: once more without a limit", row.name, row.usable_gib)
        memory.release()
        limit, clock = None, _fit(row, overlay, measurement, None)
    if clock is None:
        raise RuntimeError(f"the row {row.name} does not fit this card at all.")
    return _record(row, measurement, clock, limit, substituted)


def _fit(row: Row, overlay: Path, measurement: Measurement, limit_gib: float | None) -> StepClock | None:
    """Fit once; None where memory did not suffice."""
    stretches = [Stretch(bucket=measurement.bucket, steps=measurement.warmup + measurement.steps)]
    clock = StepClock(stretches, measurement.warmup)
    words = [
        *("--config", str(overlay), *tiny_words(measurement.tiny)),
        *("--model.lora.rank", str(row.rank), "--model.lora.alpha", str(row.rank), *measurement.settings),
    ]
    with nullcontext() if measurement.tiny else memory.limited_to(limit_gib):
        try:
            timed_fit(words, clock, stretches, measurement.model)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            logger.warning("%s: %s", row.name, error)
            return None
    return clock


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether the card was full or too small by the plan, whatever the error has been made into since."""
    while error is not None:
        if isinstance(error, torch.OutOfMemoryError | GPUMemoryError) or "`model` does not fit" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _record(
    row: Row, measurement: Measurement, clock: StepClock, limit: float | None, substituted: list[str]
) -> StepRecord:
    figures, peer, rates = clock.figures[0], measurement.peers.get(row.rank), measurement.ceilings
    flops = step_flops(LTXConfig.from_metadata(measurement.config), measurement.tokens, row.rank)
    frozen_rate = rates.get(clock.execution["dtype"], rates["bf16"])
    return StepRecord(
        row=row.name,
        **provenance(),  # type: ignore[arg-type]
        bucket=figures.bucket,
        rank=row.rank,
        blocks=measurement.config["num_layers"],
        steps=measurement.steps,
        execution=clock.execution,
        optimizer=clock.optimizer,
        limit_gib=limit,
        fits=limit is not None,
        step_ms=figures.timing.median_ms,
        mean_ms=figures.timing.mean_ms,
        first_step_s=figures.first_step_s,
        load_s=clock.phases["load"] - clock.phases["data"],
        load_peak_gib=clock.load_peak_gib,
        peak_gib=max(figures.peak_gib, clock.load_peak_gib),
        planned_gib=clock.planned_gib,
        reserved_gib=max(figures.reserved_gib, clock.load_reserved_gib),
        outside_gib=memory.outside_allocator(),
        loss=figures.loss,
        tflop=flops.total * 1e-12,
        floor_ms=flops.floor_ms(frozen_rate, rates["bf16"]),
        ceilings_tflops=measurement.ceilings,
        peer_ms=None if peer is None else peer.step_ms,
        peer_gib=None if peer is None else peer.peak_gib,
        peer_adapters=None if peer is None else peer.adapters,
        substituted=substituted,
        settings=measurement.settings,
    )


if __name__ == "__main__":
    main()
