"""Each optimizer of docs/optimizers.md in a recipe: two halves of a run are the whole."""

import json
import shutil

import pytest

from tests.end_to_end.runs import ROOT, assert_equal, every, weights

pytestmark = pytest.mark.slow
EIGHT_BITS = {"min_8bit_size": 256}  # smaller tensors keep their moments in fp32, and pico has no larger ones
OPTIMIZERS = {
    "torch.optim.AdamW": {"lr": 1e-3},
    "bitsandbytes.optim.AdamW8bit": {"lr": 1e-3, **EIGHT_BITS},
    "bitsandbytes.optim.PagedAdamW8bit": {"lr": 1e-3, **EIGHT_BITS},
    "bitsandbytes.optim.Lion": {"lr": 1e-4},
    "bitsandbytes.optim.Lion8bit": {"lr": 1e-4, **EIGHT_BITS},
    "torch.optim.Adafactor": {"lr": 1e-3},
    "prodigyopt.Prodigy": {"lr": 1.0, "d0": 1e-4},
}


def test_the_guide_names_them_all():
    guide = (ROOT / "docs/optimizers.md").read_text()
    assert [name for name in OPTIMIZERS if f"`{name}`" not in guide] == []


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_resumed_run_is_the_same_as_an_uninterrupted_one(cli, name):
    optimizer = json.dumps({"class_path": name, "init_args": OPTIMIZERS[name]})
    options = (
        *("--trainer.max_steps=4", "--model.preservation=null", "--model.lora.targets=[attn2.to_q]"),
        *("--model.lr_scheduler=null", f"--model.optimizer={optimizer}", every(2, "SaveResumeState")),
    )
    runs = cli("fit", "style", *options, "--run=whole") / "runs"
    shutil.copytree(runs / "whole", runs / "halves")
    (runs / "halves/checkpoints/step_000004.ckpt").unlink()
    cli("fit", "style", *options, "--run=halves", "--ckpt_path=last")
    whole, halfway = weights(runs / "whole", 4), weights(runs / "whole", 2)
    assert_equal(weights(runs / "halves", 4), whole)
    assert any((whole[key] != halfway[key]).any() for key in whole)
