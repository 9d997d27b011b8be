"""The benchmarks of a step, run on pico's sizes: the peer, our own command line, and what a line holds."""

import gc
import sys

import pytest
import torch

import benchmarks.rows
from benchmarks.flops import Tokens
from benchmarks.overlays import runnable
from benchmarks.peer import Shapes, _adapt, _build, _inputs, _Step
from benchmarks.random_weights import config_of, drawn_when_read, write_header
from benchmarks.rows import read_records
from benchmarks.step import is_out_of_memory, main
from ltx_module.checkpoint import Checkpoint
from ltx_module.model import LTXTransformer

TINY = ("--tiny", "--blocks", "3", "--steps", "2", "--warmup", "1")


@pytest.fixture
def overlays(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmarks.rows, "ROOT", tmp_path)
    directory = tmp_path / "recipes" / "overlays"
    directory.mkdir(parents=True)
    return directory


def alive():
    """Transformers that something still holds."""
    gc.collect()
    return sum(type(each) is LTXTransformer for each in gc.get_objects())


def test_a_line_tells_what_the_overlay_came_to_and_a_row_that_fails_costs_the_others_nothing(overlays, tmp_path):
    (overlays / "gpu_24gb.yaml").write_text("model: {gradient_checkpointing: 3}\n")
    (overlays / "tiny.yaml").write_text("model: {gradient_checkpointing: 2}\n")
    out, before = tmp_path / "steps.jsonl", alive()
    words = ["--config", str(overlays / "tiny.yaml"), "--trainer.gradient_clip_val", "0.5"]
    with pytest.raises(SystemExit, match="not measured: 141gb"):  # it has no overlay
        main(["--row", "141gb", "--row", "24gb", *TINY, "--peer-steps", "0", "--out", str(out), *words])
    (record,) = read_records(out)
    assert (record.row, record.rank, record.bucket, record.fits) == ("24gb", 16, "128x128x9", True)
    assert record.execution["checkpointed_blocks"] == 2
    assert record.settings == words
    assert record.step_ms > 0
    assert 0 < record.loss < 100
    assert record.peer_ms is None
    assert alive() <= before  # else the next row would have less room than its card


def test_the_peer_learns_in_every_layer_and_leaves_its_weights_alone():
    torch.manual_seed(0)
    config = config_of(tiny=True, blocks=2)["transformer"]
    model = _build(config, torch.device("cpu"))
    _adapt(model, 4)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    adapters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    shapes = Shapes(grid=(2, 4, 4), tokens=Tokens(video=32, audio=9, text=16))
    loss = _Step(model, adapters, _inputs(model, shapes, torch.device("cpu")), autocast=False)()
    after = dict(model.named_parameters())
    learnt = [name for name in after if "lora_B" in name and not torch.equal(before[name], after[name])]
    assert len(learnt) == 2 * 4 * 6  # four projections of six attentions, in two blocks
    assert all(torch.equal(before[name], after[name]) for name in after if "lora" not in name)
    assert 0 < loss < 100


def test_weights_drawn_when_read_are_the_same_each_time_and_take_no_disk(tmp_path):
    path = tmp_path / "drawn.safetensors"
    write_header(path, config_of(tiny=True, blocks=1))
    with drawn_when_read():
        first, second = (
            Checkpoint(path).load_transformer(streams="audio").audio_patchify_proj.weight for _ in range(2)
        )
    assert torch.equal(first, second)
    assert first.float().std() > 0.01
    assert path.stat().st_blocks * 512 < path.stat().st_size / 4


def test_an_optimizer_that_is_not_installed_is_replaced_and_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    overlay = tmp_path / "gpu_16gb.yaml"
    overlay.write_text(
        "model: {optimizer: {class_path: bitsandbytes.optim.AdamW8bit, init_args: {lr: 1.0e-4, block_wise: true}}}"
    )
    (tmp_path / "copies").mkdir()
    copy, substituted = runnable(overlay, tmp_path / "copies")
    assert "torch.optim.AdamW" in copy.read_text()
    assert "block_wise" not in copy.read_text()
    assert substituted == ["torch.optim.AdamW in place of bitsandbytes.optim.AdamW8bit"]


def test_an_overlay_of_torch_alone_is_used_as_it_is(tmp_path):
    overlay = tmp_path / "gpu_24gb.yaml"
    overlay.write_text("model: {optimizer: torch.optim.AdamW}")
    assert runnable(overlay, tmp_path) == (overlay, [])


def test_running_out_of_memory_is_known_under_another_name():
    renamed = RuntimeError("use another overlay")
    renamed.__cause__ = torch.OutOfMemoryError("full")
    assert is_out_of_memory(renamed)
    assert not is_out_of_memory(RuntimeError("something else"))
