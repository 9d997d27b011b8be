"""Two processes on the CPU: disjoint clips, equal weights, one run, one exit."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.runs import ROOT, every, rows_of, status_of

pytestmark = pytest.mark.slow
TWO = ("--trainer.devices=2", "--trainer.log_every_n_steps=1", "--run=two", "--data.num_workers=0")


@pytest.fixture
def launch(arguments, tmp_path):
    """Starts `fit` on two ranks as a user would; both outputs go to a file."""

    def run(*more: str) -> subprocess.Popen:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        environment.pop("LTX_RUN", None)
        words = arguments("fit", "audio_video", *TWO, *more)
        with (tmp_path / "log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "ltx_module", *words], cwd=tmp_path, env=environment, stdout=log, stderr=log
            )

    return run


def records(directory: Path, rank: int) -> list[dict]:
    return [json.loads(line) for line in (directory / f"rank-{rank}.jsonl").read_text().splitlines()]


def test_ranks_share_the_clips_and_agree_on_the_weights(launch, tmp_path):
    recorder = {"class_path": "tests.end_to_end.record_clips.RecordClips", "init_args": {"directory": str(tmp_path)}}
    options = (every(3, "SaveLoRA", "SaveResumeState", "SampleVideos"), f"--trainer.callbacks+={json.dumps(recorder)}")
    assert launch(*options, "--trainer.max_steps=5").wait(180) == 0
    first, second = ([record for record in records(tmp_path, rank) if "clips" in record] for rank in (0, 1))
    assert (len(first), len(second)) == (5, 5)
    seen = [name for record in first + second for name in record["clips"]]
    assert len(set(seen)) == 10  # every clip of the dataset once in the epoch of ten batches
    assert any(ours["has_audio"] != theirs["has_audio"] for ours, theirs in zip(first, second, strict=True))
    assert records(tmp_path, 0)[-1] == records(tmp_path, 1)[-1]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["two"]
    assert status_of(tmp_path / "runs/two")["state"] == "finished"
    assert launch(*options, "--trainer.max_steps=7", "--ckpt_path=last").wait(180) == 0
    assert (status_of(tmp_path / "runs/two")["state"], status_of(tmp_path / "runs/two")["step"]) == ("finished", 7)
    assert [row["step"] for row in rows_of(tmp_path / "runs/two")] == [str(step) for step in range(1, 8)]
    again = [name for rank in (0, 1) for record in records(tmp_path, rank)[6:8] for name in record["clips"]]
    assert len(set(again)) == 4  # the next epoch has begun
    assert "Warning" not in (tmp_path / "log").read_text()


def test_a_rank_without_a_held_out_sound_agrees_with_the_other_and_with_a_run_alone(
    arguments, launch, demo_folder, tmp_path
):
    files = sorted(path for path in demo_folder.iterdir() if path.suffix in (".mp4", ".png"))
    held_out = {files[0], files[-1]}  # a clip for one rank, a still for the other
    rows = [f"{file},a shape,{'validation' if file in held_out else 'train'}" for file in files]
    (tmp_path / "clips.csv").write_text("\n".join(["media,caption,split", *rows]))
    data = f"--data.path={tmp_path / 'clips.csv'}"
    callbacks = every(1, "AdapterHealth", "LossBySigma", "SaveLoRA"), "--trainer.callbacks+=callbacks.SuggestStop"
    assert launch(data, "--trainer.val_check_interval=2", "--trainer.max_steps=2", *callbacks).wait(180) == 0
    (row,) = [row for row in rows_of(tmp_path / "runs/two") if "val/loss" in row]
    assert {"train/loss_since_validation", "adapter/gradient_attn1"} <= row.keys()
    words = arguments("validate", "audio_video", "--run=two", "--data.num_workers=0", data)
    one = subprocess.run(
        [sys.executable, "-m", "ltx_module", *words], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    alone = dict(line.split() for line in one.stdout.splitlines() if line.startswith("val/"))
    assert alone.keys() == {name for name in row if name.startswith("val/")}
    # the file holds bf16, the run fp32; what two steps have changed is far below either
    assert all(float(row[name]) == pytest.approx(float(value), rel=1e-3) for name, value in alone.items())


def test_sigterm_to_the_first_rank_stops_both_after_the_same_step(launch, tmp_path):
    process, run = (
        launch("--trainer.max_steps=100000", every(5000, "SaveLoRA", "SaveResumeState")),
        tmp_path / "runs/two",
    )
    end = time.monotonic() + 120
    while not (run / "metrics.csv").is_file() or len(rows_of(run)) < 3:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    status = status_of(run)
    assert status["state"] == "stopped"
    assert (run / f"checkpoints/step_{status['step']:06d}.ckpt").is_file()
    assert "Traceback" not in (tmp_path / "log").read_text()
