"""Runs as training leaves them, made by hand in a moment, and a runner that starts nothing."""

import json
import struct
from pathlib import Path

from datamodules.atomic import write_json
from ui.jobs.job import Job, JobView
from ui.runs.failures import Failure
from ui.workspace import Workspace

ROOT = Path(__file__).parents[3]
BLOCK = "transformer_blocks.0.attn1.to_q"

RECIPE = """\
# how it was trained
seed_everything: 42
model:
  base_model: models/base.safetensors
  streams: {streams}
  frozen: null
  conditions: {conditions}
  lora: {{ rank: 2, alpha: 2, targets: video }}
  optimizer:
    class_path: torch.optim.AdamW
    init_args: {{ lr: 1.0e-4 }}
data:
  path: datasets/mine
  trigger: SKS
  buckets: [128x96x25, 96x128x25]
  reference_downscale_factor: {factor}
  fps: 24.0
sample:
  prompts: {prompts}
  preset: quality
  steps: 10
  size: {size}
  seed: 7
trainer:
  max_steps: 4
  devices: auto
  accelerator: cpu
"""

REFERENCE = "[{class_path: ltx_module.diffusion.conditioning.Reference, init_args: {probability: 1.0}}]"


def write_safetensors(path, shapes, metadata=None):
    """A file of zeros in the safetensors format; `shapes` by name, in bf16."""
    header, offset = {"__metadata__": metadata or {}}, 0
    for name, shape in shapes.items():
        size = 2
        for number in shape:
            size *= number
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(offset))
    return path


def write_lora(path, *, module=BLOCK, rank=2, width=8, metadata=None):
    """A LoRA file for one layer."""
    stem = f"diffusion_model.{module}"
    shapes = {f"{stem}.lora_A.weight": (rank, width), f"{stem}.lora_B.weight": (width, rank)}
    return write_safetensors(path, shapes, metadata)


def write_run(root, name="mine-1", *, steps=(10, 20), **values):
    """A finished run with LoRA files of some steps."""
    run = root / "runs" / name
    filled = {"streams": "av", "conditions": "null", "factor": 1, "prompts": "[a red ball]", "size": "128x96x25"}
    run.mkdir(parents=True)
    (run / "recipe.yaml").write_text(RECIPE.format(**{**filled, **values}))
    for step in steps:
        write_lora(run / "lora" / f"step_{step:06d}.safetensors")
    write_json(run / "status.json", {"state": "finished", "step": max(steps, default=0), "seconds_per_step": 0.5})
    return run


def write_base(root):
    """A base model that has the layer of `write_lora`."""
    shapes = {f"model.diffusion_model.{BLOCK}.weight": (8, 8), "vae.decoder.weight": (4, 4)}
    return write_safetensors(root / "models" / "base.safetensors", shapes)


def workspace_at(root, **options):
    return Workspace(root=root, **options)


class StillRunner:
    """Takes jobs and leaves them as they are told to be."""

    def __init__(self, root):
        self.root, self.jobs, self.states, self.stopped = root, {}, {}, []

    def new_directory(self):
        self.root.mkdir(parents=True, exist_ok=True)
        identity = f"20260101-000000-{len(list(self.root.iterdir())):06d}-abcd"
        (self.root / identity).mkdir()
        return identity, self.root / identity

    def submit(self, kind, title, words, *, job_id=None, unique=None, **options):
        if any(job.unique == unique and self.view(job.id).active for job in self.jobs.values()):
            raise ValueError(f"{title} is running already: stop it first.")
        identity = job_id or self.new_directory()[0]
        job = Job(id=identity, kind=kind, title=title, words=tuple(words), unique=unique or "", **options)
        self.jobs[identity] = job
        self.states.setdefault(identity, "queued")
        return job

    def view(self, identity):
        if identity not in self.jobs:
            raise ValueError("no such job")
        state = self.states[identity]
        error = Failure(text="The GPU's memory is full.", fix="Use a smaller size.") if state == "failed" else None
        return JobView(job=self.jobs[identity], state=state, position=1 if state == "queued" else None, error=error)

    def views(self, *, kinds=None, run=None, limit=50, **_):
        found = [self.view(one) for one, job in self.jobs.items() if run in (None, job.run)]
        return [view for view in reversed(found) if kinds is None or view.job.kind in kinds][:limit]

    def log(self, identity, max_bytes=20_000):
        return f"log of {identity}"[:max_bytes]

    def stop(self, identity):
        self.stopped.append(identity)
        return "It has been asked to end."
