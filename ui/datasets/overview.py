"""What the dataset page shows of the chosen dataset as a whole, as plain values."""

import time
from dataclasses import dataclass
from typing import Any

from ui.datasets.caption_edits import last_edit
from ui.datasets.choices import read_recipe, read_trigger, write_recipe, write_trigger
from ui.datasets.dataset import Dataset, open_dataset
from ui.datasets.health_card import health_card
from ui.datasets.library import dataset_cards
from ui.datasets.purpose import DEFAULT, recipe_names
from ui.jobs.runner import Runner
from ui.workspace import Workspace

_EXAMPLE_TRIGGER, _EXAMPLE_RECIPE = "DUSK", "demo"  # in capitals: pico overlooks unknown words in small letters
_NO_DATASET = (
    "Begin with a dataset",
    "Create one on the right and drop clips into it, or draw the example: twelve small clips that the embedded model"
    " learns from in minutes.",
)


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The chosen dataset."""

    choices: list[tuple[str, str]]
    """Label and path of the datasets there are."""
    chosen: str
    """The chosen one as a recipe writes it; empty for none."""
    trigger: str = ""
    recipe: str = DEFAULT
    recipes: tuple[str, ...] = ()
    grid: dict[str, Any]
    """Value of the grid of clips."""
    upload: dict[str, Any]
    """Value of the field for uploads."""
    health: dict[str, Any]
    """Value of the card of its health."""
    undo: str = ""
    """The edit of captions that can be undone."""


def overview(workspace: Workspace, text: str) -> Overview:
    """Everything about a dataset that the page shows outside its clips.

    Args:
        workspace: Where datasets lie.
        text: The chosen dataset; empty for none.

    Raises:
        ValueError: If it is not there or lies elsewhere.
        OSError: If it cannot be read.
    """
    choices = [(card.label, card.shown) for card in dataset_cards(workspace)]
    if not text.strip():
        grid = grid_value(
            "",
            _NO_DATASET
            if not choices
            else ("No dataset is chosen", "Choose one above, create one, or draw the example."),
        )
        return Overview(choices=choices, chosen="", grid=grid, upload={"dataset": ""}, health={})
    dataset = open_dataset(workspace, text)
    if dataset.shown not in [path for _, path in choices]:
        choices.append((dataset.shown, dataset.shown))
    recipes = recipe_names(workspace)
    recipe = read_recipe(dataset)
    closed = "A manifest takes no uploads: choose its folder." if dataset.is_manifest else ""
    return Overview(
        choices=choices,
        chosen=dataset.shown,
        trigger=read_trigger(dataset),
        recipe=recipe if recipe in recipes else DEFAULT,
        recipes=tuple(recipes),
        grid=grid_value(dataset.shown, _nothing_in(dataset)),
        upload={"dataset": dataset.shown, "closed": closed},
        health=health_value(dataset),
        undo=last_edit(dataset),
    )


def grid_value(dataset: str, empty: tuple[str, str]) -> dict[str, Any]:
    """Value of the grid: the stamp has it look again though the dataset is the same."""
    return {"dataset": dataset, "empty": list(empty), "stamp": str(time.time_ns())}


def refreshed_grid(dataset: Dataset) -> dict[str, Any]:
    """Value of the grid after files have changed."""
    return grid_value(dataset.shown, _nothing_in(dataset))


def health_value(dataset: Dataset) -> dict[str, Any]:
    """Value of the card of health; a dataset that cannot be listed says why there."""
    try:
        return health_card(dataset)
    except (ValueError, OSError) as error:
        return {"dataset": dataset.shown, "error": str(error)}


def draw_example(runner: Runner, workspace: Workspace) -> str:
    """Start drawing the example and remember what it is meant for.

    Returns:
        The dataset as a recipe writes it.
    """
    from ui.datasets.jobs import draw_example as draw

    _, shown = draw(runner, workspace)
    dataset = open_dataset(workspace, shown)
    write_trigger(dataset, _EXAMPLE_TRIGGER)
    write_recipe(dataset, _EXAMPLE_RECIPE)
    return shown


def _nothing_in(dataset: Dataset) -> tuple[str, str]:
    if dataset.is_manifest:
        return f"{dataset.shown} has no rows", "Add rows to the file."
    return (
        f"No clip in {dataset.shown} yet",
        "Drop clips into the field above, copy them into the folder, or split a film. Clips that are being drawn appear"
        " here one after the other.",
    )
