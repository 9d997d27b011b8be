import json

import pytest

from tests.ui.runs.written_run import write_run
from ui.runs.favourite import Choice, clear_favourite, favourite, favourite_version, mark_favourite

SAMPLE = "samples/step_000030/01-a-red-car-seed42.mp4"


@pytest.fixture
def run(runs):
    return write_run(runs / "mia-1")


def test_the_favourite_is_read_back_with_its_strength_and_sample(workspace, run):
    assert favourite(workspace, "mia-1") is None
    mark_favourite(workspace, "mia-1", Choice(checkpoint="step_000030", strength=0.75, sample=SAMPLE), "")
    found = favourite(workspace, "mia-1")
    assert (found.lora, found.strength, found.sample) == (run / "lora" / "step_000030.safetensors", 0.75, run / SAMPLE)
    assert found.checkpoint == "step_000030"


def test_a_second_choice_replaces_the_first_and_can_be_taken_back(workspace, run):
    mark_favourite(workspace, "mia-1", Choice(checkpoint="step_000030"), "")
    mark_favourite(workspace, "mia-1", Choice(checkpoint="step_000060"), favourite_version(workspace, "mia-1"))
    assert favourite(workspace, "mia-1").checkpoint == "step_000060"
    clear_favourite(workspace, "mia-1", favourite_version(workspace, "mia-1"))
    assert favourite(workspace, "mia-1") is None


def test_two_pages_do_not_overwrite_each_other_unseen(workspace, run):
    seen = favourite_version(workspace, "mia-1")
    mark_favourite(workspace, "mia-1", Choice(checkpoint="step_000030"), seen)
    with pytest.raises(ValueError, match=r"Another page .* step_000030 at strength 1 in the meantime"):
        mark_favourite(workspace, "mia-1", Choice(checkpoint="step_000060"), seen)
    with pytest.raises(ValueError, match="in the meantime"):
        clear_favourite(workspace, "mia-1", seen)
    assert favourite(workspace, "mia-1").checkpoint == "step_000030"


@pytest.mark.parametrize("checkpoint", ["", "step_000000", "step_000099", "../../secret", "/etc/passwd", "a\0b"])
def test_what_has_no_lora_file_in_the_run_is_no_favourite(workspace, run, checkpoint):
    (run.parent / "secret.safetensors").write_bytes(b"lora")
    with pytest.raises(ValueError, match="has no LoRA file"):
        mark_favourite(workspace, "mia-1", Choice(checkpoint=checkpoint), "")
    assert not (run / "favourite.json").exists()


@pytest.mark.parametrize("strength", [0.0, -1.0, float("nan"), float("inf"), 11.0])
def test_a_strength_that_is_none_is_refused(workspace, run, strength):
    with pytest.raises(ValueError, match="strength"):
        mark_favourite(workspace, "mia-1", Choice(checkpoint="step_000030", strength=strength), "")


def test_a_sample_outside_the_run_is_not_kept(workspace, run, tmp_path):
    (tmp_path / "secret.mp4").write_bytes(b"video")
    choice = Choice(checkpoint="step_000030", sample="../../../secret.mp4")
    assert mark_favourite(workspace, "mia-1", choice, "").sample is None


def test_a_favourite_whose_file_was_deleted_is_none(workspace, run):
    mark_favourite(workspace, "mia-1", Choice(checkpoint="step_000030"), "")
    (run / "lora" / "step_000030.safetensors").unlink()
    assert favourite(workspace, "mia-1") is None


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        json.dumps({"lora": 3, "strength": 1}),
        json.dumps({"lora": "lora/step_000030.safetensors", "strength": "1"}),
        json.dumps({"lora": "../../../secret.safetensors", "strength": 1}),
        json.dumps({"lora": "recipe.yaml", "strength": 1}),
        json.dumps({"lora": "lora/step_000030.safetensors", "strength": 1, "note": "x" * 20_000}),
    ],
)
def test_a_favourite_that_somebody_broke_is_none(workspace, run, tmp_path, content):
    (tmp_path / "secret.safetensors").write_bytes(b"lora")
    (run / "favourite.json").write_text(content)
    assert favourite(workspace, "mia-1") is None


def test_a_lora_that_is_a_link_out_of_the_run_is_no_favourite(workspace, run, tmp_path):
    (tmp_path / "secret.safetensors").write_bytes(b"lora")
    (run / "lora" / "step_000090.safetensors").symlink_to(tmp_path / "secret.safetensors")
    with pytest.raises(ValueError, match="has no LoRA file"):
        mark_favourite(workspace, "mia-1", Choice(checkpoint="step_000090"), "")
