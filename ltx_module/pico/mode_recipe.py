"""What a mode's recipe says of samples, read from its file and the overlays with which `make` trains it on pico."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from jsonargparse import ArgumentParser

from datamodules.geometry import Bucket
from datamodules.world.modes import MODES, ModeName
from ltx_module.diffusion.conditioning import Conditioning
from ltx_module.model import Streams
from ltx_module.training import Conditions

RECIPES = Path("recipes")


@dataclass(frozen=True, kw_only=True)
class ModeRecipe:
    """What samples take from a recipe."""

    streams: Streams
    conditions: Conditions
    trigger: str
    bucket: Bucket
    fps: float
    steps: int
    preset: str
    reference_downscale_factor: int

    @classmethod
    def read(cls, name: ModeName, recipes: Path = RECIPES) -> Self:
        """Reads the recipe of a mode.

        Args:
            name: The mode.
            recipes: Folder of the recipes.

        Raises:
            FileNotFoundError: If there is no such recipe.
        """
        keys: dict[str, Any] = {}
        for path in recipe_files(name, recipes):
            _merge(keys, yaml.safe_load(path.read_text(encoding="utf-8")))
        model, data, sample = keys["model"], keys["data"], keys["sample"]
        parser = ArgumentParser(exit_on_error=False)
        parser.add_argument("--conditions", type=list[Conditioning])
        parsed = parser.parse_object({"conditions": model.get("conditions", [])})
        return cls(
            streams=model.get("streams", "av"),
            conditions=Conditions(conditions=tuple(parser.instantiate(parsed).conditions), frozen=model.get("frozen")),
            trigger=data["trigger"] if model.get("preservation") else "",
            bucket=Bucket.parse(sample["size"], key="sample.size"),
            fps=float(data.get("fps", 24)),
            steps=sample["steps"],
            preset=sample.get("preset", "quality"),
            reference_downscale_factor=data.get("reference_downscale_factor", 1),
        )


def recipe_files(name: ModeName, recipes: Path = RECIPES) -> list[Path]:
    """The recipe of a mode and its overlays for pico, in the order in which they are laid over each other."""
    overlays = recipes / "overlays"
    sizes = overlays / ("pico_clips.yaml" if MODES[name].with_picture else "pico_sound.yaml")
    own = overlays / f"pico_{name}.yaml"
    return [recipes / f"{name}.yaml", overlays / "pico.yaml", sizes, *([own] if own.exists() else [])]


def _merge(keys: dict[str, Any], overlay: Mapping[str, Any]) -> None:
    """Lay an overlay over a recipe: mappings are merged, all else is replaced."""
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(keys.get(key), dict):
            _merge(keys[key], value)
        else:
            keys[key] = value
