"""A loss that is not a number stops the run before anything of it is saved, and names the clip."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.end_to_end.runs import SHORT, every, files_below, status_of


@pytest.fixture
def poisoned(cli, demo_folder, tmp_path):
    """A dataset of two clips, of which the cached latents of the second are not numbers."""
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in sorted(path.stem for path in demo_folder.glob("*.mp4"))[:2]:
        shutil.copy(demo_folder / f"{name}.mp4", clips)
    cli("preprocess", "style", f"--data.path={clips}")
    entries = sorted((clips / ".ltx-cache/video").rglob("*.safetensors"))
    latents = load_file(entries[0])["latents"]
    save_file({"latents": torch.full_like(latents, torch.nan)}, entries[0])
    return clips


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_loss_that_is_no_number_stops_the_run_and_names_the_clip(cli, poisoned, tmp_path, capsys, accumulate):
    options = (*SHORT, every(1, "SaveLoRA", "SaveResumeState"), f"--trainer.accumulate_grad_batches={accumulate}")
    with pytest.raises(SystemExit) as exit_info:
        cli("fit", "style", *options, f"--data.path={poisoned}")
    assert exit_info.value.code == 2
    message = capsys.readouterr().err
    name = next(name for name in ("01", "02") if f"is nan, with {name}-" in message)
    assert f"{name}-" in "".join(files_below(poisoned))
    status = status_of(tmp_path / "runs/style-1")
    assert status["state"] == "failed"
    assert "is nan, with" in status["error"]["text"]
    assert "lower" in status["error"]["text"] + status["error"]["fix"]
    for file in (tmp_path / "runs/style-1/lora").glob("*"):
        assert all(tensor.isfinite().all() for tensor in load_file(file).values())
    for file in (tmp_path / "runs/style-1/checkpoints").glob("*"):
        state = torch.load(file, weights_only=True)
        assert all(tensor.isfinite().all() for tensor in state["state_dict"].values())


def test_a_lora_that_is_no_number_is_not_started_from(cli, tmp_path, capsys):
    cli("fit", "style", "--trainer.max_steps=1", every(1, "SaveLoRA"))
    path = tmp_path / "runs/style-1/lora/step_000001.safetensors"
    tensors = load_file(path)
    name = next(iter(tensors))
    save_file({**tensors, name: torch.full_like(tensors[name], torch.inf)}, path)
    with pytest.raises(SystemExit) as exit_info:
        cli("fit", "style", *SHORT, every(1, "SaveLoRA"), f"--model.lora.init_from={path}")
    assert exit_info.value.code == 2
    assert not (tmp_path / "runs/style-2/lora").exists()
    assert status_of(tmp_path / "runs/style-2")["state"] == "failed"
