"""Every recipe, shrunk by the overlays that ship with it: trained, sampled, exported, and its file loaded again."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from datamodules.world import write_dataset
from ltx_module.adapters import load_lora, lora_pairs
from ltx_module.checkpoint import Checkpoint
from ltx_module.cli import main
from tests.end_to_end.runs import files_below, status_of
from tests.recipe_files import NAMES, configs, on_pico, written

VIDEO = frozenset({"attn1", "attn2"})
AUDIO = frozenset({"audio_attn1", "audio_attn2"})
BOTH = VIDEO | AUDIO | {"audio_to_video_attn", "video_to_audio_attn"}
GROUPS = {  # the layers that learn from drawn clips of each recipe's kind
    **dict.fromkeys(("style", "character", "motion"), VIDEO),
    **dict.fromkeys(("audio_video", "demo", "video_extend", "audio_video_ic"), BOTH),
    **dict.fromkeys(("image_to_video", "video_inpaint", "video_outpaint"), VIDEO),
    **dict.fromkeys(("ic_canny", "ic_depth", "ic_pose", "ic_union", "ic_detailer"), VIDEO | {"ff"}),
    "audio_to_video": VIDEO | {"audio_to_video_attn"},
    "video_to_audio": AUDIO | {"audio_ff", "video_to_audio_attn"},
    **dict.fromkeys(("text_to_audio", "audio_extend", "audio_inpaint", "audio_ic"), AUDIO | {"audio_ff"}),
}
CONCEPTS = {"style", "character", "motion", "audio_video", "demo"}  # trained on any clips
QUICK = {"motion", "ic_union", "audio_extend"}  # one of each kind runs in `make test`


def factor(recipe: str) -> int:
    """How many times smaller the recipe's references are."""
    return written(recipe)["data"].get("reference_downscale_factor", 1)


@pytest.fixture
def command(pico, demo_folder, tmp_path, monkeypatch):
    """The words of a verb on a recipe with its overlays and drawn clips, as `make` types them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ltx_module"])
    monkeypatch.setenv("LTX_RUN", "")

    def words(verb: str, recipe: str) -> list[str]:
        clips = demo_folder if recipe in CONCEPTS else tmp_path / "clips"
        if not clips.exists():
            write_dataset(clips, 3, mode=recipe)
        samples = clips / "samples.yaml"
        return [
            *(verb, *configs(*on_pico(recipe), "smoke"), *(["--config", str(samples)] if samples.exists() else [])),
            f"--model.base_model={pico / 'ltx-2.3-pico.safetensors'}",
            f"--model.text_encoder={pico / 'gemma'}",
            f"--data.path={clips}",
            f"--data.reference_downscale_factor={factor(recipe)}",  # as for 22 B, not as for pico
        ]

    return words


@pytest.mark.parametrize(
    "recipe", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in GROUPS]
)
def test_a_recipe_trains_samples_exports_and_its_file_loads_again(recipe, command, pico, tmp_path):
    main(command("fit", recipe))
    run = tmp_path / f"runs/{recipe}-1"
    assert status_of(run)["state"] == "finished"
    kind = ".wav" if written(recipe)["model"]["streams"] == "audio" else ".mp4"
    assert [Path(name).suffix for name in files_below(run / "samples")] == [".json", kind] * 4  # 2 prompts, twice
    main([*command("sample", recipe), "--out=sampled"])
    assert [Path(name).suffix for name in files_below(tmp_path / "sampled")] == [".json", kind] * 2
    main([*command("export", recipe), "--out=again"])
    exported = tmp_path / f"again/{recipe}-1-000002.safetensors"
    transformer = Checkpoint(pico / "ltx-2.3-pico.safetensors").load_transformer("av", torch.float32)
    pairs = lora_pairs(transformer, load_lora(transformer, exported))
    assert {module.split(".")[2] for module, pair in pairs.items() if pair.up.abs().sum() > 0} == GROUPS[recipe]
    assert {module.split(".")[2] for module in pairs} == GROUPS[recipe]
    with safe_open(exported, "pt") as file:
        assert int(file.metadata().get("reference_downscale_factor", "1")) == factor(recipe)


def test_every_recipe_is_in_the_table():
    assert list(GROUPS.keys() ^ set(NAMES)) == []
