"""The form of the recipe page: the main settings with their help, one component each, in the order of `FIELDS`."""

from typing import Any

import gradio as gr
from gradio.components.base import Component

from ui.datasets.library import dataset_cards
from ui.recipes.bucket_choices import bucket_choices
from ui.recipes.document import RecipeDocument
from ui.recipes.fields import BY_NAME, FIELDS, Field, form_values
from ui.recipes.writing import written
from ui.workspace import Workspace

_ROWS = (
    ("dataset", "trigger"),
    ("steps", "rate", "rank"),
    ("buckets",),
    ("prompts",),
    ("interval", "dropout", "validation"),
    ("seed", "devices"),
)


def build_form(workspace: Workspace, *, several_gpus: bool) -> list[Component]:
    """The components in the order of `FIELDS`.

    Args:
        workspace: Its datasets are offered.
        several_gpus: Whether the number of GPUs is a choice.
    """
    made: dict[str, Component] = {}
    for row in _ROWS:
        with gr.Row(elem_classes=["recipe-row"]):
            for name in row:
                made[name] = _component(BY_NAME[name], workspace, visible=name != "devices" or several_gpus)
    return [made[field.name] for field in FIELDS]


def form_updates(workspace: Workspace, text: str) -> list[Any]:
    """The form's components as a text says; what the form cannot show is left to the editor.

    Args:
        workspace: Its datasets are offered.
        text: A recipe.

    Raises:
        RecipeTextError: If it is none.
    """
    document = RecipeDocument(text)
    values = form_values(document)
    return [_update(field, values[field.name], document, workspace) for field in FIELDS]


def _component(field: Field, workspace: Workspace, *, visible: bool) -> Any:
    options: dict[str, Any] = {
        "label": field.label,
        "info": field.help,
        "elem_id": f"recipe-{field.name}",
        "min_width": 140,
        "visible": visible,
        "interactive": True,
    }
    if field.name == "dataset":
        return gr.Dropdown(_datasets(workspace), value="", allow_custom_value=True, **options)
    if field.kind == "choices":
        return gr.Dropdown([], value=[], multiselect=True, allow_custom_value=True, **options)
    if field.kind == "lines":
        return gr.Textbox(lines=3, max_lines=8, **options)
    if field.kind == "whole":
        return gr.Number(**options)  # no `precision`, which would round what is to be refused
    return gr.Textbox(max_lines=1, **options)  # numbers as texts, so that 1.0e-4 stays as it is typed


def _update(field: Field, value: Any, document: RecipeDocument, workspace: Workspace) -> Any:
    shown = value is not None
    label = field.label if shown else f"{field.label} (in the text only)"
    if field.name == "dataset":
        listed = _datasets(workspace)
        known = [*listed, *([(value, value)] if value and (value, value) not in listed else [])]
        return gr.Dropdown(known, value=value or "", label=label, interactive=shown)
    if field.kind == "choices":
        return gr.Dropdown(bucket_choices(document), value=value or [], label=label, interactive=shown)
    if field.kind == "whole":
        return gr.Number(value, label=label, interactive=shown)
    if field.kind == "number" and isinstance(value, int | float):
        value = written(value)
    return gr.Textbox("" if value is None else str(value), label=label, interactive=shown)


def _datasets(workspace: Workspace) -> list[tuple[str, str]]:
    """The datasets to choose from, shown as a recipe writes them."""
    return [(card.shown, card.shown) for card in dataset_cards(workspace)]
