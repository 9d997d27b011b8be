"""SIGKILL at random moments: what was saved is whole, and a resumed run ends bit-equal to one that was left alone."""

import json
import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.end_to_end.runs import assert_equal, finish, rows_of, start, status_of, wait_until

KILLS = 25
STEPS = 24


@dataclass(frozen=True)
class Setting:
    """One way to train, which is killed again and again."""

    name: str
    every_n_steps: int
    options: tuple[str, ...]

    @property
    def arguments(self) -> tuple[str, ...]:
        period = {"every_n_steps": self.every_n_steps}
        callbacks = [
            {"class_path": "callbacks.DropCaptions", "init_args": {"probability": 0.3}},
            {"class_path": "callbacks.LossBySigma", "init_args": {"every_n_steps": 5}},
            {"class_path": "callbacks.AdapterHealth", "init_args": {"every_n_steps": 5}},
            {"class_path": "callbacks.AdapterEMA"},
            {"class_path": "callbacks.SaveLoRA", "init_args": period},
            {"class_path": "callbacks.SaveResumeState", "init_args": period},
        ]
        return (
            f"--trainer.max_steps={STEPS}",
            "--trainer.log_every_n_steps=1",
            "--model.lora.dropout=0.1",
            "--model.lora.rank=4",
            "--model.lora.targets=[attn1.to_q,attn2.to_v,audio_attn1.to_q,audio_to_video_attn.to_k]",
            "--model.gradient_checkpointing=false",
            f"--trainer.callbacks={json.dumps(callbacks)}",
            *self.options,
        )


SETTINGS = (
    Setting("plain", 2, ("--data.num_workers=0",)),
    Setting("accumulating", 3, ("--trainer.accumulate_grad_batches=2", "--data.num_workers=0")),
    Setting(
        "validating",
        2,
        ("--data.num_workers=1", "--data.validation_fraction=0.2", "--trainer.val_check_interval=5"),
    ),
)


def state_of(run: Path) -> dict[str, Any]:
    """What the last resume state holds, without the counters of how often the run was begun."""
    state = torch.load(run / f"checkpoints/step_{STEPS:06d}.ckpt", weights_only=True)
    loader = state["loops"]["fit_loop"]["state_dict"]["combined_loader"]
    parts = ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "callbacks", "loss_balance")
    return {"loader": loader, **{part: state[part] for part in parts}}


def differing(left: Any, right: Any, path: str = "") -> list[str]:
    """Paths of all leaves that are not bit-equal."""
    if isinstance(left, torch.Tensor):
        return [] if torch.equal(left, right) else [path]
    if isinstance(left, dict):
        names = left.keys() | right.keys()
        return [leaf for name in names for leaf in differing(left.get(name), right.get(name), f"{path}/{name}")]
    if isinstance(left, list):
        return [
            leaf
            for number, pair in enumerate(zip(left, right, strict=True))
            for leaf in differing(*pair, f"{path}[{number}]")
        ]
    return [] if left == right else [f"{path}: {left} != {right}"]


@pytest.mark.slow
def test_killed_runs_resume_bit_equal(arguments, tmp_path):
    moments = random.Random(20)
    seconds: dict[str, float] = {}
    for setting in SETTINGS:
        for attempt in ("encode", "whole"):  # the first fills the cache, so that the second is timed alone
            begin = time.monotonic()
            command = arguments("fit", "audio_video", *setting.arguments, f"--run={setting.name}-{attempt}")
            assert finish(start(command, tmp_path, tmp_path / "log")) == 0
            seconds[setting.name] = time.monotonic() - begin
    landed = {"before the first state": 0, "between two states": 0, "after the end": 0}
    for number in range(KILLS):
        setting = SETTINGS[number % len(SETTINGS)]
        whole, run = tmp_path / f"runs/{setting.name}-whole", tmp_path / f"runs/kill-{number}"
        command = arguments("fit", "audio_video", *setting.arguments, f"--run={run.name}")
        process = start(command, tmp_path, tmp_path / f"log-{number}")
        share = moments.uniform(0, 1.05) if number % 5 == 0 else moments.uniform(0.35, 1)  # most while it trains
        process.join(share * seconds[setting.name])
        process.kill()
        process.join()
        if process.exitcode == 0:
            landed["after the end"] += 1
        else:
            landed["between two states" if list(run.glob("checkpoints/*.ckpt")) else "before the first state"] += 1
        for file in run.glob("lora/step_*.safetensors"):
            load_file(file)
        assert finish(start([*command, "--ckpt_path=last"], tmp_path, tmp_path / f"log-{number}")) == 0
        assert differing(state_of(whole), state_of(run)) == []
        lora = f"lora/step_{STEPS:06d}.safetensors"
        assert_equal(load_file(whole / lora), load_file(run / lora))
        rows, expected = rows_of(run), {row["step"]: row for row in rows_of(whole)}
        assert all(row.items() <= expected.pop(row["step"]).items() for row in rows)  # no step has two rows
        assert len(expected) <= 1  # a kill between a state and its row costs the row, or the validation of that step
        assert status_of(run)["state"] == "finished"
    assert landed["between two states"] > KILLS / 2, landed


@pytest.mark.slow
def test_killing_preprocess_loses_at_most_the_clip_in_hand(arguments, demo_folder, tmp_path):
    clips, cache = tmp_path / "clips", tmp_path / "clips/.ltx-cache"
    shutil.copytree(demo_folder, clips, ignore=shutil.ignore_patterns(".ltx-cache"))
    command = arguments("preprocess", "audio_video", f"--data.path={clips}", "--data.buckets=[128x128x33,128x128x1]")
    done = 0
    for attempt in range(4):
        process = start(command, tmp_path, tmp_path / f"log-{attempt}")
        enough = done + 2
        wait_until(lambda enough=enough: len(list(cache.glob("video/*/*.safetensors"))) >= enough, process)
        process.kill()
        process.join()
        entries = list(cache.glob("video/*/*.safetensors"))
        assert all(load_file(entry)["latents"].isfinite().all() for entry in entries)
        assert len(entries) >= done + 2
        done = len(entries)
    assert finish(start(command, tmp_path, tmp_path / "log")) == 0
    assert f"encoding video: {10 - done} clips" in (tmp_path / "log").read_text()
