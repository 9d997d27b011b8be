"""One process, two with the whole model and two with half of it each train the same adapter from the same data.

Two ranks with one clip each are compared with one process that accumulates two clips a step, in fp32: the batches, the
noise, the noise levels, dropped captions, learning rates and averaged gradients are then the same numbers, so nothing
may differ. The model is not preserved here: whether it is, is drawn anew for each rank's batch.
"""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.end_to_end.runs import RECIPES, ROOT, assert_equal, every, finish, start, start_ranks, status_of, weights

pytestmark = pytest.mark.slow
OPTIONS = (
    *("--trainer.max_steps=4", "--trainer.log_every_n_steps=1", "--trainer.precision=32-true", "--model.dtype=fp32"),
    *("--model.preservation=null", "--model.audio_loss_weight=0.3", "--model.lora.dropout=0.1", "--data.num_workers=0"),
    *("--model.lr_scheduler.init_args.warmup_steps=1", "--data.validation_fraction=0.3"),
    every(2, "SaveLoRA", "SaveResumeState", "AdapterHealth", "LossBySigma"),
    '--trainer.callbacks+={"class_path": "callbacks.SampleVideos", "init_args": {"every_n_steps": 4}}',
    *("--config", str(RECIPES / "overlays/ema.yaml")),
)
ALONE = ("--trainer.devices=1", "--trainer.accumulate_grad_batches=2")
TWO = ("--trainer.devices=2",)
SHARDED = (*TWO, "--config", str(RECIPES / "overlays/fsdp.yaml"))


@pytest.fixture(scope="module")
def directory(arguments, tmp_path_factory) -> Path:
    """The runs `alone` and `two`, of four steps each."""
    directory = tmp_path_factory.mktemp("ranks")
    log = directory / "log"
    assert finish(start(arguments("fit", "audio_video", *OPTIONS, *ALONE, "--run=alone"), directory, log)) == 0
    ranks = start_ranks(arguments("fit", "audio_video", *OPTIONS, *TWO, "--run=two"), directory)
    assert [finish(rank) for rank in ranks] == [0, 0]
    return directory


@pytest.fixture
def halfway(directory):
    """Copies a run and takes it back to its second step."""

    def copy(name: str, to: str) -> Path:
        run = directory / "runs" / to
        shutil.copytree(directory / "runs" / name, run)
        (run / "checkpoints/step_000004.ckpt").unlink()
        return run

    return copy


def column(run: Path, name: str) -> list[str]:
    with (run / "metrics.csv").open(newline="") as file:
        return [row.get(name, "") for row in csv.DictReader(file)]


def optimizer_state(run: Path) -> dict[str, torch.Tensor]:
    state = torch.load(run / "checkpoints/step_000004.ckpt", weights_only=True)["optimizer_states"][0]["state"]
    return {f"{number}/{name}": tensor for number, values in state.items() for name, tensor in values.items()}


def assert_same(run: Path, expected: Path) -> None:
    assert_equal(weights(run, 4), weights(expected, 4))
    assert_equal(optimizer_state(run), optimizer_state(expected))
    loras = [load_file(each / "lora/step_000004.safetensors") for each in (run, expected)]
    assert_equal(*loras)  # the average, and not what is trained
    assert (status_of(run)["state"], status_of(run)["step"]) == ("finished", 4)


def test_two_ranks_train_what_one_process_trains_with_twice_the_micro_batches(directory):
    alone, two = directory / "runs/alone", directory / "runs/two"
    assert_same(two, alone)
    assert column(two, "train/learning_rate") == column(alone, "train/learning_rate")
    assert len(set(column(two, "train/learning_rate"))) == 4
    for name in ("adapter/gradient_attn1", "adapter/update_audio_attn1"):
        assert column(two, name) == column(alone, name)
    assert [float(loss) for loss in column(two, "val/loss") if loss] == pytest.approx(
        [float(loss) for loss in column(alone, "val/loss") if loss], rel=1e-6
    )
    assert [path.name for path in sorted((two / "samples").rglob("*.mp4"))] == [
        path.name for path in sorted((alone / "samples").rglob("*.mp4"))
    ]
    assert "Traceback" not in (directory / "log-0").read_text() + (directory / "log-1").read_text()


def test_ranks_with_a_part_of_the_model_go_on_from_the_state_of_one_with_all_of_it(arguments, directory, halfway):
    run = halfway("alone", "sharded")
    ranks = start_ranks(
        arguments("fit", "audio_video", *OPTIONS, *SHARDED, "--run=sharded", "--ckpt_path=last"), directory
    )
    assert [finish(rank) for rank in ranks] == [0, 0]
    assert_same(run, directory / "runs/alone")
    told, expected = (
        [float(row) for row in column(each, "adapter/relative_attn1") if row]
        for each in (run, directory / "runs/alone")
    )
    assert told == pytest.approx(expected, rel=1e-5)  # sums of a norm's parts, in another order


def test_one_process_goes_on_from_the_state_of_two(arguments, directory, halfway):
    run = halfway("two", "again")
    words = arguments("fit", "audio_video", *OPTIONS, *ALONE, "--run=again", "--ckpt_path=last")
    assert finish(start(words, directory, directory / "log")) == 0
    assert_same(run, directory / "runs/alone")


@pytest.mark.parametrize("verb", ["preprocess", "validate", "sample"])
def test_ranks_with_a_part_of_the_model_run_the_other_verbs_together(arguments, directory, verb):
    more = ('--sample.prompts=["a red circle", "a blue square", "a dot"]', "--out=made") if verb == "sample" else ()
    words = arguments(verb, "audio_video", *OPTIONS, *SHARDED, "--run=two", *more)
    assert [finish(rank) for rank in start_ranks(words, directory)] == [0, 0]
    told = [(directory / f"log-{rank}").read_text() for rank in (0, 1)]
    if verb == "validate":
        assert told[0].count("val/loss ") == 1
        assert "val/loss " not in told[1]
    if verb == "sample":
        assert len(list((directory / "made").glob("*.mp4"))) == 3


def test_the_error_of_one_rank_ends_all_and_is_what_the_run_says(arguments, tmp_path):
    raising = {"class_path": "tests.end_to_end.record_clips.RaiseOnRank", "init_args": {"rank": 1}}
    raiser = f"--trainer.callbacks+={json.dumps(raising)}"
    words = arguments("fit", "audio_video", *OPTIONS, *TWO, raiser, "--run=broken")
    ranks = start_ranks(words, tmp_path)
    assert all(finish(rank, seconds=60) not in (0, None) for rank in ranks)
    status = status_of(tmp_path / "runs/broken")
    assert (status["state"], status["error"]["text"]) == ("failed", "rank 1 has had enough")
    assert "error on rank 1: rank 1 has had enough" in (tmp_path / "log-1").read_text()


def test_ranks_of_several_machines_must_be_told_the_name_of_the_run(arguments, tmp_path):
    ranks = start_ranks(arguments("fit", "audio_video", *OPTIONS, *TWO), tmp_path)
    assert [finish(rank) for rank in ranks] == [2, 2]
    assert "--run" in (tmp_path / "log-0").read_text()
    assert not (tmp_path / "runs").exists()


def test_two_machines_run_it_as_the_guide_says(arguments, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = (*OPTIONS[:-2], "--trainer.max_steps=2", "--trainer.devices=1", "--trainer.num_nodes=2")
    words = arguments("fit", "audio_video", *options)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("LTX_RUN", None)
    node = ("--nnodes=2", "--nproc-per-node=1", "--master-addr=127.0.0.1", f"--master-port={port}", "--rdzv-id=both")
    torchrun = (sys.executable, "-m", "torch.distributed.run", *node)
    with (tmp_path / "log").open("w") as log:
        machines = [
            subprocess.Popen(
                [*torchrun, f"--node-rank={rank}", "-m", "ltx_module", *words],
                cwd=tmp_path,
                env=environment,
                stdout=log,
                stderr=log,
            )
            for rank in (0, 1)
        ]
        assert [machine.wait(180) for machine in machines] == [0, 0], (tmp_path / "log").read_text()
    run = tmp_path / "runs/audio_video-both"
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["audio_video-both"]
    assert (status_of(run)["state"], status_of(run)["step"]) == ("finished", 2)
    assert (tmp_path / "log").read_text().count("step 2/2") == 1
