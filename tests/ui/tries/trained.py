"""A run on the embedded model whose LoRA was not trained but drawn: good enough to sample with and to export."""

import shutil

import torch

from datamodules.atomic import write_json
from ltx_module.adapters import LoRAConfig, inject_lora, lora_pairs, save_lora
from ltx_module.checkpoint import Checkpoint
from tests.ui.tries.made import ROOT
from ui.recipes.document import RecipeDocument

PICO = ROOT / "assets" / "pico" / "ltx-2.3-pico.safetensors"
SMALL = {"sample.size": "64x64x9", "sample.steps": 2, "sample.prompts": ["a red circle"], "trainer.max_steps": 10}


def write_trained_run(root, clips, name="demo-1"):
    """A workspace with the embedded model, clips and one run of the recipe `demo`."""
    if not (root / "assets").exists():
        (root / "assets").symlink_to(ROOT / "assets")
    shutil.copytree(clips, root / "demo" / "clips")
    run = root / "runs" / name
    (run / "lora").mkdir(parents=True)
    recipe = RecipeDocument((ROOT / "recipes" / "demo.yaml").read_text())
    for key, value in SMALL.items():
        recipe = recipe.set(key, value)
    (run / "recipe.yaml").write_text(recipe.text)
    write_json(run / "status.json", {"state": "finished", "step": 10, "max_steps": 10, "error": None})
    transformer = Checkpoint(PICO).load_transformer(streams="av", dtype=torch.float32, device="cpu")
    inject_lora(transformer, LoRAConfig(rank=2, alpha=2.0, targets="all_attention"), seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for pair in lora_pairs(transformer).values():
            pair.up.normal_(std=0.05, generator=generator)
    metadata = {"base_model": PICO.stem, "trigger": "DUSK", "recipe": "demo", "step": "10"}
    save_lora(transformer, run / "lora" / "step_000010.safetensors", metadata=metadata)
    return run
