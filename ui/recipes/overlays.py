"""Overlays laid over a recipe, so that one text shows all that will run.

    base = merged(recipe_text, [overlay_text, ...])

The rules are the command line's: mappings merge, lists replace, `callbacks+` and `logger+` append; of another class the
arguments given anew, or those there are where none are given (the command line keeps what the new class takes).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from ui.recipes.document import RecipeDocument
from ui.recipes.reading import Key
from ui.workspace import SHIPPED_RECIPES, Workspace

Model = Literal["ltx-2.3-dev", "ltx-2.3-dev-fp8", "pico"]
OVERLAYS = SHIPPED_RECIPES / "overlays"
MODEL_FILES: dict[Model, str] = {
    "ltx-2.3-dev": "ltx-2.3-22b-dev.safetensors",
    "ltx-2.3-dev-fp8": "ltx-2.3-22b-dev-fp8.safetensors",
    "pico": "ltx-2.3-pico.safetensors",
}
# As `make train-...` chooses what pico needs beside pico.yaml.
_DRAWN_CONCEPTS = {"style", "character", "motion", "audio_video"}
_SOUNDS = {"text_to_audio", "audio_extend", "audio_inpaint", "audio_ic"}


def overlays_for(recipe: str, model: Model) -> list[str]:
    """Names of the overlays with which a recipe is trained on a model.

    Args:
        recipe: Name of a shipped recipe, or any other.
        model: What to train.
    """
    if model != "pico":
        return [model]
    if recipe == "demo":
        return []
    shipped = (SHIPPED_RECIPES / f"{recipe}.yaml").is_file()
    sizes = [] if recipe in _DRAWN_CONCEPTS or not shipped else ["pico_sound" if recipe in _SOUNDS else "pico_clips"]
    own = [f"pico_{recipe}"] if shipped and (OVERLAYS / f"pico_{recipe}.yaml").is_file() else []
    return ["pico", *sizes, *own]


def overlay_text(name: str) -> str:
    """The text of a shipped overlay."""
    return (OVERLAYS / f"{name}.yaml").read_text(encoding="utf-8")


def model_of(document: RecipeDocument) -> Model | None:
    """The model that a recipe names, or None for a file of another name."""
    named = Path(str(document.get("model.base_model", ""))).name
    return next((model for model, file in MODEL_FILES.items() if file == named), None)


def first_model(workspace: Workspace, document: RecipeDocument) -> Model | None:
    """The model that a recipe begins with: its own where that file is there, else one that is."""
    named = model_of(document)
    there = [model for model, file in MODEL_FILES.items() if any(_holds(place, file) for place in workspace.models)]
    return named if named in there or not there else there[0]


def _holds(folder: Path, file: str) -> bool:
    """Whether a folder of models holds a file, in itself or among the embedded model's."""
    return (folder / file).is_file() or (folder / "pico" / file).is_file()


def merged(recipe: str | RecipeDocument, overlays: Iterable[str | dict[str, Any]]) -> RecipeDocument:
    """A recipe with overlays laid over it, one after the other; its comments and order stay.

    Args:
        recipe: Text of the recipe.
        overlays: Texts of overlays, or their values.

    Raises:
        RecipeTextError: If one of them is no YAML mapping.
    """
    document = recipe if isinstance(recipe, RecipeDocument) else RecipeDocument(recipe)
    for overlay in overlays:
        values = overlay if isinstance(overlay, dict) else RecipeDocument(overlay).values
        document = _laid_over(document, values, ())
    return document


def _laid_over(document: RecipeDocument, values: dict[str, Any], key: Key) -> RecipeDocument:
    """A document with a mapping laid over the one at a key."""
    for name, value in values.items():
        place = (*key, name.removesuffix("+"))
        below = document.get(place)
        if name.endswith("+"):
            document = document.set(place, [*_listed(below), *_listed(value)])
        elif isinstance(value, dict) and isinstance(below, dict) and _same_class(below, value):
            document = _laid_over(document, value, place)
        else:
            document = document.set(place, value)
    return document


def _listed(value: Any) -> list[Any]:
    """A value as the entries that are appended."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _same_class(below: dict[str, Any], value: dict[str, Any]) -> bool:
    """Whether arguments given anew are of the class that is there."""
    return "init_args" not in value or below.get("class_path") == value.get("class_path", below.get("class_path"))
