"""A full GPU is answered, costs nothing that was done, and is mostly seen before the first step."""

import pytest
import torch

from ltx_module import preflight
from ltx_module.module import LTXModule
from ltx_module.precision.card import Card
from tests.end_to_end.runs import SHORT, assert_equal, every, status_of, weights

GIB = 2**30
FULL = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB of which 1.23 GiB is free."
)
CARD = Card(name="a card", free=GIB, total=GIB, capability=(9, 0), host_free=32 * GIB)


@pytest.fixture
def card(monkeypatch):
    """The trial of the largest bucket sees a card of 1 GiB behind the CPU."""
    monkeypatch.setattr(Card, "of", lambda device: CARD)


def test_a_full_gpu_ends_the_run_with_the_last_step_saved_and_a_way_out(cli, tmp_path, monkeypatch, capsys):
    losses = LTXModule.losses

    def full_at_third(self, batch):
        if batch.index == 2:
            raise torch.OutOfMemoryError(FULL)
        return losses(self, batch)

    monkeypatch.setattr(LTXModule, "losses", full_at_third)
    with pytest.raises(SystemExit) as exit_info:
        cli("fit", "style", *SHORT, every(100, "SaveLoRA", "SaveResumeState"), "--data.buckets=[64x64x9]")
    assert exit_info.value.code == 2
    run = tmp_path / "runs/style-1"
    told = capsys.readouterr().err
    assert "full in the step of bucket 64x64x9: 2.00 GiB more were needed, 1.23 GiB were free." in told
    assert "way out: lower the largest of `data.buckets`" in told
    assert f"fit --config {run.relative_to(tmp_path)}/recipe.yaml --ckpt_path last` with these settings" in told
    assert status_of(run)["error"]["fix"] in told
    assert (run / "lora/step_000002.safetensors").is_file()
    monkeypatch.setattr(LTXModule, "losses", losses)
    cli("fit", "style", *SHORT, every(6, "SaveResumeState"), "--run=style-1", "--ckpt_path=last")
    assert status_of(run)["state"] == "finished"
    assert (run / "checkpoints/step_000006.ckpt").is_file()


def test_the_trial_recomputes_more_until_it_fits_and_else_refuses_before_step_1(
    cli, tmp_path, card, monkeypatch, capsys
):
    def tried(trainer, model, batch):
        assert str(batch.bucket) == "64x64x9"
        return None if model.execution.checkpointed_blocks < least else GIB // 2

    least = 2
    monkeypatch.setattr(preflight, "_try", tried)
    open_recipe = (*SHORT, every(6, "SaveLoRA"), "--model.gradient_checkpointing=auto")
    cli("fit", "style", *open_recipe)
    told = capsys.readouterr().err
    assert "auto: 64x64x9 does not fit (step too much, " in told
    assert "largest bucket 64x64x9 tried: step 0.5 GiB" in told
    least = 1000
    with pytest.raises(SystemExit):
        cli("fit", "style", *open_recipe)
    told = capsys.readouterr().err
    assert "error: the largest bucket, 64x64x9, does not fit a card, 1.0 GiB free: step too much" in told
    assert "lower the largest of `data.buckets`" in told
    assert not list((tmp_path / "runs/style-2").glob("lora/*"))


@pytest.mark.slow
def test_the_trial_changes_nothing_of_the_run(cli, tmp_path, card, monkeypatch):
    options = (*SHORT, every(6, "SaveResumeState"), "--model.lora.dropout=0.1", "--trainer.accumulate_grad_batches=2")
    tried = []
    monkeypatch.setattr(
        preflight, "_try", lambda *of, real=preflight._try: tried.append(str(of[2].bucket)) or real(*of)
    )
    cli("fit", "audio_video", *options)
    assert tried == ["64x64x9"]
    monkeypatch.setattr(Card, "of", lambda device: None)
    cli("fit", "audio_video", *options)
    one, two = (tmp_path / f"runs/audio_video-{number}" for number in (1, 2))
    assert_equal(weights(one, 6), weights(two, 6))
    assert (one / "metrics.csv").read_text().splitlines()[0] == (two / "metrics.csv").read_text().splitlines()[0]
    assert len(tried) == 1
