"""Samples a second on one card and on several.

    python -m benchmarks.scaling [--devices 2] [--row 80gb] [--steps 20] [--out FILE] [--tiny] [WORDS ...]

The overlay of the row on random weights, batch 1 on each card; the ranks are started as a user's
`--trainer.devices N` starts them. WORDS go to both runs.
"""

import argparse
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.overlays import runnable
from benchmarks.provenance import provenance
from benchmarks.rows import BUCKET, ROOT, ROWS
from benchmarks.runs import run_apart
from benchmarks.startup import append
from ltx_module.console import quiet_foreign_output

logger = logging.getLogger("ltx_module.benchmark")
RESULTS = ROOT / "benchmarks" / "results" / "scaling.jsonl"
_WARMUP = 4


def main(arguments: Sequence[str] | None = None) -> None:
    """Run on one card, then on all, and append a line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", type=int, default=2)
    parser.add_argument("--row", choices=list(ROWS), default="80gb")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--tiny", action="store_true", help="Pico's sizes on a processor, to try the command.")
    options, settings = parser.parse_known_args(arguments)
    quiet_foreign_output()
    with tempfile.TemporaryDirectory() as name:
        overlay, substituted = runnable(ROWS[options.row].overlay, Path(name))
        words = ["--steps", str(_WARMUP + options.steps), "--warmup", str(_WARMUP)]
        words += ["--bucket", "128x128x9", "--tiny"] if options.tiny else ["--bucket", BUCKET]
        words += ["--config", str(overlay), *settings]
        rates, peaks = {}, {}
        for devices in (1, options.devices):
            (stretch,) = run_apart([*words, "--trainer.devices", str(devices)])["stretches"]
            rates[devices] = devices * 1000 / stretch["timing"]["mean_ms"]
            peaks[devices] = stretch["peak_gib"]
    append(
        options.out,
        {
            **provenance(),
            "row": options.row,
            "devices": options.devices,
            "samples_per_second": rates,
            "factor": rates[options.devices] / rates[1],
            "peak_gib": peaks,
            "substituted": substituted,
            "settings": settings,
        },
    )


if __name__ == "__main__":
    main()
