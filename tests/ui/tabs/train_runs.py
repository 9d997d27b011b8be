"""Runs for the tests of the train page, written without training anything."""

import json
import os
import time
from pathlib import Path
from typing import Any

RECIPE = """trainer:
  max_steps: 90
  default_root_dir: runs/mia-1
model:
  base_model: models/ltx-2.3-22b-dev.safetensors
data:
  path: datasets/mia
"""
METRICS = "step,train/loss,train/loss_video,val/loss\n10,1.5,1.0,\n20,1.2,0.8,0.9\n"


def write_run(root: Path, name: str, state: str, **status: Any) -> Path:
    """A run of a workspace that has got as far as training."""
    run = root / "runs" / name
    run.mkdir(parents=True)
    (run / "recipe.yaml").write_text(RECIPE)
    (run / "metrics.csv").write_text(METRICS)
    content = {"state": state, "step": 20, "max_steps": 90, "loss": 0.5, "seconds_per_step": 2.0, "eta_s": 140.0}
    content |= {"pid": os.getpid(), "heartbeat": time.time() + 5, "peak_gib": None, "error": None} | status
    (run / "status.json").write_text(json.dumps(content))
    return run
