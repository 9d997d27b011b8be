"""What a dataset is meant for: the recipe that says in which shapes and with which references and masks it trains."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from datamodules.geometry import Bucket
from ui.recipes.document import RecipeDocument
from ui.recipes.overlays import Model, first_model, merged, model_of, overlay_text, overlays_for
from ui.workspace import SHIPPED_RECIPES, Workspace

DEFAULT = "style"
"""The recipe that shapes are taken from where none is chosen."""

_MOST_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """What of a recipe matters for its clips."""

    recipe: Path
    """Its file."""
    buckets: tuple[Bucket, ...] = ()
    """Training shapes."""
    fps: float = 24.0
    """Frames per second of training."""
    takes_references: bool = False
    """Whether clips are paired with references."""
    takes_masks: bool = False
    """Whether clips have masks."""
    is_fitted: bool = False
    """Whether shapes and rate are those of another model than the recipe names, since only that one is there."""


def recipe_names(workspace: Workspace) -> list[str]:
    """Recipes to choose from: those that come with the project, then one's own as `mine/NAME`."""
    shipped = sorted(path.stem for path in SHIPPED_RECIPES.glob("*.yaml"))
    own = sorted(f"mine/{path.stem}" for path in workspace.recipes.glob("*.yaml"))
    return [*shipped, *own]


def purpose_of(workspace: Workspace, name: str) -> Purpose:
    """What a recipe wants of its clips.

    Args:
        workspace: Where one's own recipes lie.
        name: One of `recipe_names`; empty is the default.

    Raises:
        FileNotFoundError: If there is no such recipe.
        ValueError: If it lies elsewhere or cannot be read.
    """
    name = name.strip() or DEFAULT
    folder = workspace.recipes if name.startswith("mine/") else SHIPPED_RECIPES
    path = workspace.inside(folder / f"{name.removeprefix('mine/')}.yaml", "recipes")
    if not path.is_file():
        raise FileNotFoundError(f"There is no recipe {name}: choose one of the list.")
    status = path.stat()
    if status.st_size > _MOST_BYTES:
        raise ValueError(f"{name} has {status.st_size} bytes, which no recipe has: choose another.")
    document = _read(path, status.st_mtime_ns)
    return _purpose(path, first_model(workspace, document), status.st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, _changed: int) -> RecipeDocument:
    try:
        return RecipeDocument(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not a YAML file: {error}") from error


@lru_cache(maxsize=64)
def _purpose(path: Path, model: Model | None, changed: int) -> Purpose:
    """What a recipe wants of its clips on a model, which may be another than it names."""
    document = _read(path, changed)
    is_fitted = model is not None and model != model_of(document)
    if model is not None and is_fitted:
        document = merged(document, map(overlay_text, overlays_for(path.stem, model)))
    buckets, rate = document.get("data.buckets"), document.get("data.fps", 24)
    conditions = str(document.get("model.conditions", ""))
    return Purpose(
        recipe=path,
        buckets=tuple(Bucket.parse(str(text)) for text in buckets) if isinstance(buckets, list) else (),
        fps=float(rate) if isinstance(rate, int | float) and rate > 0 else 24.0,
        takes_references="Reference" in conditions,
        takes_masks="Mask" in conditions,
        is_fitted=is_fitted,
    )
