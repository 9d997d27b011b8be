"""A whole run with swapped blocks: what it learns, validates and samples is what a run without them does."""

import pytest
from safetensors.torch import load_file

from tests.end_to_end.runs import assert_equal, every, rows_of, weights


@pytest.mark.slow
def test_a_run_with_swapped_blocks_is_identical(cli):
    options = (
        "--trainer.max_steps=2",
        "--trainer.log_every_n_steps=1",
        every(2, "SaveLoRA", "SaveResumeState", "SampleVideos"),
        "--model.preservation=ltx_module.preservation.Preservation",
        "--trainer.accumulate_grad_batches=2",
    )
    here = cli("fit", "audio_video", *options, "--run=plain", "--model.gradient_checkpointing=true")
    cli("fit", "audio_video", *options, "--run=swapped", "--model.gradient_checkpointing=1", "--model.swap_blocks=3")
    plain, swapped = here / "runs/plain", here / "runs/swapped"
    assert_equal(weights(swapped, 2), weights(plain, 2))
    name = "lora/step_000002.safetensors"
    assert_equal(load_file(swapped / name), load_file(plain / name))
    losses = [
        [{key: value for key, value in row.items() if "loss" in key} for row in rows_of(run)]
        for run in (swapped, plain)
    ]
    assert losses[0] == losses[1]
    videos = [[path.read_bytes() for path in sorted(run.glob("samples/*/*.mp4"))] for run in (swapped, plain)]
    assert videos[0] == videos[1]
    assert len(videos[0]) > 1
