"""A fit of a shipped recipe and overlay on random weights and random latents, through the project's command line.

    python -m benchmarks.timed_fit FIGURES.json [--base FILE] [--bucket 960x544x49] [--steps 6] [WORDS ...]

Everything is what `python -m ltx_module fit` does with the same files, except that the weights are drawn when they are
read (unless --base names a file), no clip is looked at, and a clock is among the callbacks. Further WORDS go to the
recipe, as in `--model.swap_blocks 20`.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from typing_extensions import override

from benchmarks.memory import HostMemory
from benchmarks.random_data import RandomLatents, Stretch
from benchmarks.random_weights import config_of, drawn_when_read, write_header
from benchmarks.step_clock import StepClock
from datamodules.geometry import Bucket
from ltx_module.checkpoint import Checkpoint
from ltx_module.cli import RecipeCLI, run_command
from ltx_module.command_line import parser_words
from ltx_module.console import quiet_foreign_output
from ltx_module.module import LTXModule

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "recipes" / "audio_video.yaml"
_STEP = ROOT / "benchmarks" / "step.yaml"
_TINY = ROOT / "benchmarks" / "tiny.yaml"


class RandomTextModule(LTXModule):
    """The module without a text encoder: contexts are random."""

    @override
    def require_files(self) -> None:
        """Check the base model alone."""
        Checkpoint(self.base_model)


class _TimedCLI(RecipeCLI):
    """The command line with a clock among the callbacks."""

    def __init__(self, clock: StepClock, stretches: Sequence[Stretch], *args: Any, **kwargs: Any) -> None:
        self.clock, self.stretches = clock, stretches
        super().__init__(*args, **kwargs)

    @override
    def after_instantiate_classes(self) -> None:
        super().after_instantiate_classes()
        self.datamodule.stretches = self.stretches
        self.trainer.callbacks.append(self.clock)  # the last one: a step ends when all the others have acted
        self.clock.note("instantiate")


def timed_fit(words: Sequence[str], clock: StepClock, stretches: Sequence[Stretch], base_model: Path) -> None:
    """Fit once; the clock has the figures afterwards, also of the stretches before a failure.

    Args:
        words: What stands behind the recipe: overlays and settings.
        clock: Made for the same stretches.
        stretches: Buckets and their steps.
        base_model: A file, whole or of a header alone.
    """
    quiet_foreign_output()
    with tempfile.TemporaryDirectory() as directory, drawn_when_read():
        command = [
            *("fit", "--config", str(RECIPE), "--config", str(_STEP), "--trainer.devices", "1", *words),
            *("--model.base_model", str(base_model), "--model.text_encoder", directory),
            *("--data.path", directory, "--trainer.default_root_dir", f"{directory}/run"),
            *("--data.buckets", json.dumps([str(stretch.bucket) for stretch in stretches])),
            *("--trainer.max_steps", str(sum(stretch.steps for stretch in stretches))),
        ]
        cli: Any = partial(_TimedCLI, clock, stretches)
        try:
            run_command(parser_words(command), ["fit"], cli=cli, model=RandomTextModule, data=RandomLatents)
        finally:
            clock.let_go()


def drawn_model(directory: Path, *, tiny: bool = False, blocks: int | None = None) -> Path:
    """A base model whose weights are drawn when they are read."""
    path = directory / "ltx-2.3-random.safetensors"
    write_header(path, config_of(tiny=tiny, blocks=blocks))
    return path


def tiny_words(tiny: bool) -> list[str]:
    """What a try on a processor adds to a recipe."""
    return ["--config", str(_TINY)] if tiny else []


def main(arguments: Sequence[str] | None = None) -> None:
    """One run in this process, for benchmarks that need a fresh one or several."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.timed_fit", description=__doc__)
    parser.add_argument("figures", type=Path)
    parser.add_argument("--base", type=Path)
    parser.add_argument("--bucket", default="960x544x49")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--tiny", action="store_true")
    made = time.time()
    options, words = parser.parse_known_args(arguments)
    stretches = [Stretch(bucket=Bucket.parse(options.bucket), steps=options.steps)]
    clock = StepClock(stretches, options.warmup)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        base = options.base or drawn_model(directory, tiny=options.tiny, blocks=options.blocks)
        host = stack.enter_context(HostMemory())
        timed_fit([*words, *tiny_words(options.tiny)], clock, stretches, base)
    figures = {
        "made": made,
        "phases": clock.phases,
        "stretches": [asdict(each) for each in clock.figures],
        "host_peak_gib": host.peak_gib,
        "load_peak_gib": clock.load_peak_gib,
        "execution": clock.execution,
        "optimizer": clock.optimizer,
    }
    if int(os.environ.get("LOCAL_RANK", "0")) == 0 and int(os.environ.get("RANK", "0")) == 0:
        options.figures.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
