"""Runs with samples, as the trainer and its verbs leave them, without training anything."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROMPTS = ("a-red-car", "a-blue-boat")


def record(**changes: Any) -> dict[str, Any]:
    """A sample's json."""
    return {
        "adapters": [],
        "fps": 24.0,
        "preset": "quality",
        "prompt": "MIA a red car",
        "seed": 42,
        "sigmas": [1.0, 0.5, 0.0],
        "size": "128x96x25",
        "streams": "av",
        "strength": 1.0,
    } | changes


def write_samples(folder: Path, prompts: Sequence[str] = PROMPTS, *, seed: int = 42, suffix: str = ".mp4") -> None:
    """A video, here a few bytes, and a json a prompt."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, words in enumerate(prompts, start=1):
        path = folder / f"{number:02d}-{words}-seed{seed}"
        path.with_name(path.name + suffix).write_bytes(b"media")
        text = json.dumps(record(prompt=f"MIA {words.replace('-', ' ')}", seed=seed))
        path.with_name(f"{path.name}.json").write_text(text)


def write_run(
    run: Path, steps: Sequence[int] = (0, 30, 60), prompts: Sequence[str] = PROMPTS, *, seed: int = 42
) -> Path:
    """A finished run: recipe, LoRA files and samples of some steps."""
    (run / "lora").mkdir(parents=True)
    (run / "recipe.yaml").write_text("seed_everything: 42\n")
    for step in steps:
        write_samples(run / "samples" / f"step_{step:06d}", prompts, seed=seed)
        if step:
            (run / "lora" / f"step_{step:06d}.safetensors").write_bytes(b"lora")
    return run
