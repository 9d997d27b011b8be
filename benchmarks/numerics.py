"""Does training in fewer bits follow training in bf16? Loss curves of the embedded model, number format by format.

    python -m benchmarks.numerics DIRECTORY [--steps 300] [--formats fp8 int8] [--device cuda] [WORDS ...]

DIRECTORY gets drawn clips and a run for each format, all with the same seeds, so that each step sees the same clips,
noise levels and noise. The loss of the steps is smoothed (a running mean over 25) and compared with that of bf16:

    deviation = mean |loss - loss_bf16| / (max loss_bf16 - min loss_bf16)

What a deviation is worth tells that of `--formats fp32`, whose frozen weights are not rounded at all.
"""

import argparse
import csv
import json
import logging
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

logger = logging.getLogger("ltx_module.benchmark")
ROOT = Path(__file__).parents[1]
_WINDOW = 25
_LIMIT = 0.01


def main(arguments: Sequence[str] | None = None) -> None:
    """Train in each format and write `numerics.json`."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(prog="python -m benchmarks.numerics", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--formats", nargs="+", default=["fp8", "int8"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options, words = parser.parse_known_args(arguments)
    clips = options.directory / "clips"
    if not clips.exists():
        _python(
            "datamodules.world", str(clips), "--concept", "style", "--clips", "12", "--stills", "0", "--frames", "25"
        )
    curves = {name: _train(name, options, words) for name in ("bf16", *options.formats)}
    figures = {name: deviation(curves[name], curves["bf16"]) for name in options.formats}
    result = {"steps": options.steps, "device": options.device, "torch": torch.__version__, "deviation": figures}
    (options.directory / "numerics.json").write_text(json.dumps({**result, "losses": curves}, indent=1))
    for name, figure in figures.items():
        logger.info("%s: %.3f %% of the range of bf16's curve (limit 1 %%)", name, 100 * figure)
    if any(figure > _LIMIT for figure in figures.values()):
        raise SystemExit(1)


def deviation(losses: Sequence[float], wanted: Sequence[float]) -> float:
    """Mean distance of two smoothed curves over the range of the second."""
    one, other = _smoothed(losses), _smoothed(wanted)
    return float((one - other).abs().mean() / (other.max() - other.min()))


def _smoothed(losses: Sequence[float]) -> torch.Tensor:
    return torch.tensor(losses, dtype=torch.float64).unfold(0, _WINDOW, 1).mean(-1)


def _train(number_format: str, options: argparse.Namespace, words: Sequence[str]) -> list[float]:
    """One run; the loss of each step."""
    run = options.directory / f"run-{number_format}"
    if not (run / "metrics.csv").exists():
        _python(
            *("ltx_module", "fit", "--config", str(ROOT / "recipes/audio_video.yaml")),
            *(
                "--config",
                str(ROOT / "recipes/overlays/pico.yaml"),
                "--config",
                str(ROOT / "recipes/overlays/smoke.yaml"),
            ),
            *("--data.path", str(options.directory / "clips"), "--trainer.default_root_dir", str(run)),
            *("--trainer.max_steps", str(options.steps), "--trainer.callbacks", "[]", "--sample.prompts", "[]"),
            *("--trainer.accelerator", "gpu" if options.device == "cuda" else "cpu"),
            *("--trainer.precision", "bf16-mixed", "--model.dtype", number_format, *words),
        )
    with (run / "metrics.csv").open() as file:
        losses = [float(row["train/loss"] or math.nan) for row in csv.DictReader(file)]
    assert len(losses) == options.steps, f"{run} has {len(losses)} steps"
    return losses


def _python(module: str, *words: str) -> None:
    subprocess.run([sys.executable, "-m", module, *words], check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
