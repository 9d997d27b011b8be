"""How a step grows: seconds and GiB against tokens and against the adapters' rank, as JSON and as a plot.

    python -m benchmarks.growth [--row 24gb] [--blocks N] [--steps 4] [--ranks 8 128] [--tiny] [WORDS ...]

The overlay of the row on random weights, as in benchmarks.step, but without a limit on memory: 512 to 16384 video
tokens one after the other in one run at the row's rank, then ranks 8 to 128 in a run each on 2048 tokens. With --blocks
the model has fewer blocks; results and plot then say so, and nothing is scaled up. Writes growth.json into
benchmarks/results and growth.svg into docs.
"""

import argparse
import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import memory
from benchmarks.overlays import runnable
from benchmarks.plot import Panel, plot
from benchmarks.provenance import provenance
from benchmarks.random_data import Stretch
from benchmarks.random_weights import config_of
from benchmarks.rows import ROOT, ROWS
from benchmarks.step import is_out_of_memory
from benchmarks.step_clock import StepClock, StretchFigures
from benchmarks.timed_fit import drawn_model, timed_fit, tiny_words
from datamodules.geometry import Bucket, LatentSpec
from ltx_module.console import quiet_foreign_output

logger = logging.getLogger("ltx_module.benchmark")
_BUCKETS = ("512x512x9", "512x512x25", "512x512x57", "512x512x121", "1024x1024x57", "1024x1024x121")
"""512, 1024, 2048, 4096, 8192 and 16384 video tokens."""
_TINY_BUCKETS = ("64x64x9", "64x64x25")
_RANKS = (8, 16, 32, 64, 128)
_RANKS_ON = 2
"""Which of the buckets the ranks are measured on, or the last one."""
_WARMUP = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the figures and draw them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", choices=list(ROWS), default="24gb")
    parser.add_argument("--blocks", type=int, help="Fewer blocks than the model has.")
    parser.add_argument("--steps", type=int, default=4, help="Timed steps at each point.")
    parser.add_argument("--buckets", nargs="*", help="Other buckets than those of 512 to 16384 tokens.")
    parser.add_argument("--ranks", type=int, nargs="*", default=_RANKS)
    parser.add_argument("--out", type=Path, default=ROOT, help="Directory that holds benchmarks/results and docs.")
    parser.add_argument("--tiny", action="store_true", help="Pico's sizes on a processor, to try the command.")
    options, settings = parser.parse_known_args(arguments)
    quiet_foreign_output()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        model = drawn_model(directory, tiny=options.tiny, blocks=options.blocks)
        overlay, substituted = runnable(ROWS[options.row].overlay, directory)
        words = ["--config", str(overlay), *tiny_words(options.tiny), *settings]
        buckets = options.buckets or (_TINY_BUCKETS if options.tiny else _BUCKETS)
        at_rank = buckets[: _RANKS_ON + 1][-1:]
        tokens = _measure(words, ROWS[options.row].rank, buckets, options.steps, model)
        ranks = [_measure(words, rank, at_rank, options.steps, model) for rank in options.ranks]
    blocks = config_of(tiny=options.tiny, blocks=options.blocks)["transformer"]["num_layers"]
    about = {"row": options.row, "blocks": blocks, "substituted": substituted, "settings": settings}
    figures = {
        **provenance(),
        **about,
        "tokens": tokens,
        "ranks": [point for points in ranks for point in points],
    }
    write(figures, options.out)


def _measure(words: Sequence[str], rank: int, buckets: Sequence[str], steps: int, model: Path) -> list[dict[str, Any]]:
    """The steps of each bucket in one run; those before the memory did not suffice."""
    stretches = [Stretch(bucket=Bucket.parse(bucket), steps=_WARMUP + steps) for bucket in buckets]
    clock = StepClock(stretches, _WARMUP)
    memory.release()
    try:
        timed_fit([*words, "--model.lora.rank", str(rank), "--model.lora.alpha", str(rank)], clock, stretches, model)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        logger.warning("memory does not suffice for %s at rank %d", buckets[len(clock.figures)], rank)
    for figures in clock.figures:
        logger.info("rank %d, %s", rank, json.dumps(asdict(figures)))
    return [{"rank": rank, "execution": clock.execution, **_point(figures)} for figures in clock.figures]


def _point(figures: StretchFigures) -> dict[str, Any]:
    return {
        "bucket": figures.bucket,
        "video_tokens": LatentSpec().tokens(Bucket.parse(figures.bucket)),
        "step_ms": figures.timing.median_ms,
        "peak_gib": figures.peak_gib,
        "first_step_s": figures.first_step_s,
    }


def write(figures: dict[str, Any], root: Path) -> None:
    """Write the figures, and their plot."""
    results, documents = root / "benchmarks" / "results", root / "docs"
    for directory in (results, documents):
        directory.mkdir(parents=True, exist_ok=True)
    (results / "growth.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    panels = []
    for points, key, other in (
        (figures["tokens"], "video_tokens", "rank"),
        (figures["ranks"], "rank", "video_tokens"),
    ):
        for value, unit in (("step_ms", "ms a step"), ("peak_gib", "GiB at the peak")):
            if points:
                line = [(point[key], point[value]) for point in points]
                label = f"{key} ({other}: {points[0][other]})".replace("_", " ")
                panels.append(
                    Panel(
                        title=unit, x_label=label, points=line, by_doublings=(key, value) == ("video_tokens", "step_ms")
                    )
                )
    title = f"gpu_{figures['row']}, {figures['blocks']} blocks, {figures['gpu']}, {figures['date']}"
    (documents / "growth.svg").write_text(plot(title, panels), encoding="utf-8")
    logger.info("%s", json.dumps(figures))


if __name__ == "__main__":
    main()
