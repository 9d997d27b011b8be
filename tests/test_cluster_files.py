"""The Slurm script of docs/cluster, with a stand-in for `srun`."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
JOB = {"SLURM_JOB_NAME": "ltx-recipes", "SLURM_JOB_ID": "7", "SLURM_NTASKS_PER_NODE": "4", "SLURM_NNODES": "2"}
JOB["SLURM_CPUS_PER_TASK"] = "8"


@pytest.fixture
def submit(tmp_path):
    (tmp_path / "srun").write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    (tmp_path / "srun").chmod(0o755)

    def run(*words: str, **environment: str) -> list[str]:
        path = f"{tmp_path}:{os.environ['PATH']}"
        done = subprocess.run(
            [shutil.which("bash") or "bash", str(ROOT / "docs/cluster/train.slurm"), *words],
            cwd=tmp_path,
            env={**JOB, "PATH": path, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    return run


def test_a_job_is_one_run_on_all_its_gpus(submit):
    words = submit("--config", "recipes/style.yaml")
    assert words[:2] == ["--cpus-per-task=8", "--kill-on-bad-exit=1"]
    assert words[words.index("fit") :] == [
        *("fit", "--config", "recipes/style.yaml", "--run", "ltx-recipes-7"),
        *("--trainer.devices", "4", "--trainer.num_nodes", "2"),
    ]


def test_a_job_submitted_again_goes_on_from_the_newest_state(submit, tmp_path):
    (tmp_path / "runs/mine/checkpoints").mkdir(parents=True)
    assert "--ckpt_path" not in submit(RUN="mine")
    (tmp_path / "runs/mine/checkpoints/step_000250.ckpt").touch()
    assert submit(RUN="mine")[-2:] == ["--ckpt_path", "last"]
