"""Seconds from the command to the first finished step of the 22B model, with the compile cache cold and warm.

    python -m benchmarks.startup DIRECTORY [--row 24gb] [--out FILE] [--tiny] [WORDS ...]

Writes the 46 GB file of random weights into DIRECTORY if it is not there, reads it once so that the page cache is warm,
and starts `python -m ltx_module fit`'s work twice in fresh processes: first with an empty compile cache, then with what
the first has left. Random latents stand in for the dataset's cache, so `data` is the least it can be.

    imports        interpreter, torch, Lightning, this project
    instantiate    the command line parsed, module, data module and trainer made
    data           the dataset's set-up
    load           weights read, quantised and placed; adapters; optimizer
    first step     compiled and done

The host's memory is this process's own; page-locked memory of swapped blocks is not in it.
"""

import argparse
import json
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.memory import release
from benchmarks.overlays import runnable
from benchmarks.provenance import provenance
from benchmarks.random_weights import write_whole
from benchmarks.rows import BUCKET, ROOT, ROWS
from benchmarks.runs import run_apart
from benchmarks.timed_fit import drawn_model
from ltx_module.console import quiet_foreign_output

logger = logging.getLogger("ltx_module.benchmark")
RESULTS = ROOT / "benchmarks" / "results" / "startup.jsonl"
_CHUNK = 2**26


def main(arguments: Sequence[str] | None = None) -> None:
    """Start twice and append a line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.startup", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--row", choices=list(ROWS), default="24gb")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--tiny", action="store_true", help="Pico's sizes on a processor, to try the command.")
    options, settings = parser.parse_known_args(arguments)
    quiet_foreign_output()
    model = _model(options.directory, tiny=options.tiny)
    with tempfile.TemporaryDirectory() as name:
        overlay, substituted = runnable(ROWS[options.row].overlay, Path(name))
        words = ["--bucket", "128x128x9", "--tiny"] if options.tiny else ["--bucket", BUCKET]
        words += ["--base", str(model), "--config", str(overlay), *settings]
        caches = {"TORCHINDUCTOR_CACHE_DIR": f"{name}/inductor", "TRITON_CACHE_DIR": f"{name}/triton"}
        cold, warm = (phases(run_apart(words, caches)) for _ in range(2))
    record = {**provenance(), "row": options.row, "cold": cold, "warm": warm}
    append(options.out, record | {"substituted": substituted, "settings": settings})


def phases(figures: dict[str, Any]) -> dict[str, float]:
    """Seconds of each phase, of all until the first step was done, of the steps after it; GiB of the host at most."""
    times = {"imports": figures["made"] - figures["began"], **_differences(figures["phases"])}
    return {
        **times,
        "to first step": sum(times.values()),
        "step after": figures["stretches"][0]["timing"]["median_ms"] / 1000,
        "host_peak_gib": figures["host_peak_gib"],
        "load_peak_gib": figures["load_peak_gib"],
    }


def _differences(marks: dict[str, float]) -> dict[str, float]:
    """Seconds between what happened one after the other."""
    ends = list(marks.values())
    return {name: end - begin for name, begin, end in zip(marks, [0.0, *ends], ends, strict=False)}


def append(path: Path, record: dict[str, Any]) -> None:
    """Add a line to a file of results, and show it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    logger.info("%s", json.dumps(record))


def _model(directory: Path, *, tiny: bool) -> Path:
    """The file, written if it is not there, and in the page cache."""
    directory.mkdir(parents=True, exist_ok=True)
    if tiny:
        return drawn_model(directory, tiny=True)
    path = directory / "ltx-2.3-22b-random.safetensors"
    if not path.exists():
        write_whole(path)
        release()
    with path.open("rb", buffering=0) as file:
        while file.read(_CHUNK):
            pass
    return path


if __name__ == "__main__":
    main()
