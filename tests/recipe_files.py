"""What tests know of the shipped recipes: their files, what is written in them, and how `make` trains them on pico."""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "recipes"
NAMES = sorted(path.stem for path in RECIPES.glob("*.yaml"))
TRAINED = [name for name in NAMES if name != "demo"]  # by `make train-...`; the demo has a target of its own
OVERLAYS = sorted(path.stem for path in (RECIPES / "overlays").glob("*.yaml"))


def configs(*names: str) -> list[str]:
    """Words of a command line that name recipes and overlays."""
    paths = [RECIPES / f"{name}.yaml" if name in NAMES else RECIPES / "overlays" / f"{name}.yaml" for name in names]
    return [word for path in paths for word in ("--config", str(path))]


@cache
def made(target: str, *variables: str) -> str:
    """What `make` would run."""
    command = ["make", "--dry-run", "--no-print-directory", target, *variables]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def on_pico(recipe: str) -> list[str]:
    """A recipe and the overlays with which `make` trains it on pico."""
    if recipe == "demo":
        return ["demo"]
    words = made(f"train-{recipe.replace('_', '-')}", "MODEL=pico").split("-m ltx_module fit", 1)[1]
    return re.findall(r"--config recipes/(?:overlays/)?([\w.-]+)\.yaml", words)


def written(recipe: str) -> dict[str, Any]:
    """A recipe as it stands in its file."""
    return yaml.safe_load((RECIPES / f"{recipe}.yaml").read_text())


def conditions(recipe: str) -> list[dict[str, Any]]:
    """The conditions in a recipe's file."""
    return written(recipe)["model"].get("conditions", [])
