"""A run that keeps the average of its adapter: what it delivers, and that training does not notice."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from ltx_module.cli import main
from tests.end_to_end.runs import RECIPES, assert_equal, every, rows_of, weights

OPTIONS = (
    *("--trainer.max_steps=6", "--trainer.log_every_n_steps=1", "--trainer.val_check_interval=3"),
    *("--data.validation_fraction=0.2", "--model.lr_scheduler=null", "--model.optimizer.init_args.lr=1.0e-2"),
    "--model.lora.targets=[attn2.to_q]",
    every(3, "SaveLoRA", "SaveResumeState"),
    '--trainer.callbacks+={"class_path": "callbacks.SampleVideos", "init_args": {"every_n_steps": 6}}',
    "--trainer.callbacks+=callbacks.ExportComfyUI",  # compares the file with the adapter, and fails where they differ
)
AVERAGE = ("--config", str(RECIPES / "overlays/ema.yaml"))


@pytest.fixture(scope="module")
def runs(arguments, tmp_path_factory) -> Path:
    """Three runs of six steps: `plain`, `whole` with the average, and `halves` too, stopped after its first step."""
    directory = tmp_path_factory.mktemp("average")
    (directory / "runs/halves/control").mkdir(parents=True)
    (directory / "runs/halves/control/stop").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        patch.setattr("sys.argv", ["ltx_module"])
        patch.setenv("LTX_RUN", "")
        main(arguments("fit", "style", *OPTIONS, "--run=plain"))
        main(arguments("fit", "style", *OPTIONS, *AVERAGE, "--run=whole"))
        main(arguments("fit", "style", *OPTIONS, *AVERAGE, "--run=halves"))
        main(arguments("fit", "style", *OPTIONS, *AVERAGE, "--run=halves", "--ckpt_path=last"))
    return directory / "runs"


def averages(run: Path, step: int) -> dict[str, torch.Tensor]:
    """The averages in a resume state."""
    callbacks = torch.load(run / "checkpoints" / f"step_{step:06d}.ckpt", weights_only=True)["callbacks"]
    return callbacks["AdapterEMA"]["values"]


def test_training_does_not_notice_the_average(runs):
    assert_equal(weights(runs / "plain", 6), weights(runs / "whole", 6))


def test_lora_files_hold_the_average_and_say_so(runs):
    path = runs / "whole/lora/step_000006.safetensors"
    saved = {name.removeprefix("diffusion_model."): tensor for name, tensor in load_file(path).items()}
    assert_equal(saved, {name: tensor.bfloat16() for name, tensor in averages(runs / "whole", 6).items()})
    raw = {name: tensor.bfloat16() for name, tensor in weights(runs / "whole", 6).items()}
    assert not all(torch.equal(saved[name], raw[name]) for name in raw)
    with safe_open(path, "pt") as file:
        assert file.metadata()["ema_decay"] == "0.999"


def test_samples_and_validation_use_the_average(runs):
    (plain,), (averaged,) = ((runs / run / "samples/step_000006").glob("*.mp4") for run in ("plain", "whole"))
    assert plain.read_bytes() != averaged.read_bytes()
    plain, averaged = (
        [row["val/loss"] for row in rows_of(runs / run) if "val/loss" in row] for run in ("plain", "whole")
    )
    assert len(plain) == len(averaged) == 2
    assert all(ours != theirs for ours, theirs in zip(plain, averaged, strict=True))


def test_a_stopped_run_goes_on_with_its_average_bit_for_bit(runs):
    assert_equal(averages(runs / "whole", 6), averages(runs / "halves", 6))
    assert_equal(weights(runs / "whole", 6), weights(runs / "halves", 6))
    whole, halves = (load_file(runs / f"{name}/lora/step_000006.safetensors") for name in ("whole", "halves"))
    assert_equal(whole, halves)
