"""Every recipe, shrunk by the overlays that ship with it: trained, exported, and its file loaded again."""

from pathlib import Path

import pytest
import torch

from ltx_module.adapters import load_lora, lora_pairs
from ltx_module.checkpoint import Checkpoint
from ltx_module.cli import main
from tests.end_to_end.runs import RECIPES, files_below, status_of

STREAMS = {"style": "video", "character": "video", "motion": "video", "audio_video": "av", "demo": "av"}


@pytest.fixture
def command(pico, demo_folder, tmp_path, monkeypatch):
    """The words of a verb on a recipe with both overlays, as a user would type them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ltx_module"])
    monkeypatch.setenv("LTX_RUN", "")

    def words(verb: str, recipe: str) -> list[str]:
        files = [RECIPES / f"{recipe}.yaml", RECIPES / "overlays/pico.yaml", RECIPES / "overlays/smoke.yaml"]
        return [
            verb,
            *(f"--config={file}" for file in files),
            f"--model.base_model={pico / 'ltx-2.3-pico.safetensors'}",
            f"--model.text_encoder={pico / 'gemma'}",
            f"--data.path={demo_folder}",
        ]

    return words


@pytest.mark.parametrize(
    "recipe", [name if name == "motion" else pytest.param(name, marks=pytest.mark.slow) for name in STREAMS]
)
def test_a_recipe_trains_exports_and_its_file_loads_again(recipe, command, pico, tmp_path):
    main(command("fit", recipe))
    run = tmp_path / f"runs/{recipe}-1"
    assert status_of(run)["state"] == "finished"
    exported = files_below(run / "export")
    assert [Path(name).suffix for name in exported] == [".md", ".json", ".json", ".safetensors"]
    assert len(files_below(run / "samples")) == 2 * 2 * 2  # at the start and the end, two prompts, mp4 and json
    main([*command("export", recipe), "--out=again"])
    transformer = Checkpoint(pico / "ltx-2.3-pico.safetensors").load_transformer(STREAMS[recipe], torch.float32)
    name = load_lora(transformer, tmp_path / "again" / f"{recipe}-1-000002.safetensors")
    pairs = lora_pairs(transformer, name)
    assert {".audio_attn1." in module for module in pairs} == ({True, False} if STREAMS[recipe] == "av" else {False})
    assert any(pair.up.abs().sum() > 0 for pair in pairs.values())


def test_every_recipe_is_in_the_table():
    assert STREAMS.keys() == {path.stem for path in RECIPES.glob("*.yaml")}
