"""A workspace as it is after a year: a dataset of a thousand clips and two hundred runs.

Media are links to a few drawn videos, so that it takes seconds to make and little disk; everything that the page reads
(captions, recipes, status, metrics, sample records) is a file of its own.
"""

import itertools
import json
import os
import shutil
import time
from pathlib import Path

from datamodules.atomic import write_json
from datamodules.world import write_dataset
from ui.workspace import SHIPPED_RECIPES

PROMPTS = (
    "a yellow star moves to the right over a navy background, with a low tone",
    "a green square grows over a gray background, with a high tone",
    "a red circle spins over a teal background",
    "a blue triangle stays still over a white background",
)
_LOGGED_STEPS = range(10, 2001, 10)
_CHECKPOINTS = range(0, 2001, 250)


def write_large_workspace(root: Path, *, clips: int = 1000, runs: int = 200) -> None:
    """Write the workspace.

    Args:
        root: Directory, empty or new; `assets` in it must be made by the caller where models are wanted.
        clips: Clips of `datasets/large`.
        runs: Runs, `style-1` and so on.
    """
    drawn = root / "datasets" / "drawn"
    write_dataset(drawn)
    videos = sorted(drawn.glob("*.mp4"))
    write_large_dataset(root / "datasets" / "large", videos, clips)
    metrics = _metrics()
    for number in range(1, runs + 1):
        _write_run(root / "runs" / f"style-{number}", videos, metrics, age=(runs - number) * 3600)


def write_large_dataset(directory: Path, videos: list[Path], clips: int) -> None:
    """A folder of clips with captions, every tenth without one."""
    directory.mkdir(parents=True)
    for number, video in zip(range(clips), itertools.cycle(videos), strict=False):
        _link(video, directory / f"clip-{number:04d}.mp4")
        if number % 10:
            text = f"clip {number}, a drawn shape moves over a plain background"
            (directory / f"clip-{number:04d}.txt").write_text(text, encoding="utf-8")


def _write_run(run: Path, videos: list[Path], metrics: str, *, age: float) -> None:
    run.mkdir(parents=True)
    now = time.time() - age
    shutil.copyfile(SHIPPED_RECIPES / "style.yaml", run / "recipe.yaml")
    (run / "metrics.csv").write_text(metrics, encoding="utf-8")
    write_json(
        run / "status.json",
        {
            "schema": 1,
            "state": "finished",
            "step": 2000,
            "max_steps": 2000,
            "seconds_per_step": 1.6,
            "eta_s": 0.0,
            "loss": 0.71,
            "peak_gib": 28.0,
            "pid": 1,
            "heartbeat": now,
            "error": None,
            "suggestion": None,
        },
    )
    source = itertools.cycle(videos)
    for step in _CHECKPOINTS:
        samples = run / "samples" / f"step_{step:06d}"
        samples.mkdir(parents=True)
        for number, prompt in enumerate(PROMPTS, 1):
            stem = f"{number:02d}-{prompt.replace(',', '').replace(' ', '-')[:40]}-seed42"
            _link(next(source), samples / f"{stem}.mp4")
            record = {"prompt": prompt, "seed": 42, "step": step, "size": "128x96x25", "strength": 1.0, "fps": 24.0}
            (samples / f"{stem}.json").write_text(json.dumps(record), encoding="utf-8")
        if step:
            lora = run / "lora" / f"step_{step:06d}.safetensors"
            lora.parent.mkdir(exist_ok=True)
            lora.write_bytes(b"")
    os.utime(run, (now, now))


def _metrics() -> str:
    """The rows of a run of two thousand steps."""
    columns = ["step", "train/loss", "train/loss_video", "train/learning_rate", "val/loss", "val/loss_video"]
    rows = [",".join(columns)]
    for step in _LOGGED_STEPS:
        loss = 0.7 + 1 / (1 + step / 200) + 0.1 * ((step * 7919) % 100 / 100 - 0.5)
        held_out = f"{loss + 0.05:.6f},{loss + 0.05:.6f}" if step % 250 == 0 else ","
        rows.append(f"{step},{loss:.6f},{loss:.6f},{1e-4 * (1 - step / 2001):.8f},{held_out}")
    return "\n".join(rows) + "\n"


def _link(source: Path, target: Path) -> None:
    """A second name for a file, or a copy where the disk has no such names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
