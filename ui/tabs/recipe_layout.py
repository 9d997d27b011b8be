"""What the recipe page consists of."""

from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components.base import Component

from ui.jobs.runner import Runner
from ui.parts import notice as notices
from ui.parts.widget import widget
from ui.recipes.base import MODELS, PROFILES
from ui.tabs.recipe_form import build_form
from ui.workspace import Workspace

OPTIONS = [
    ("Running average: files and samples use the mean of the last steps", "ema"),
    ("Trial: two steps, to see whether everything works", "smoke"),
]


@dataclass(frozen=True, kw_only=True)
class Page:
    """The components."""

    cards: Any
    session: gr.Textbox
    touched: gr.Textbox
    """Hidden: names of the fields that an event is about; filled by the browser."""
    work: gr.Column
    runs: gr.Dropdown
    model: gr.Dropdown
    profile: gr.Dropdown
    options: gr.CheckboxGroup
    form: list[Component]
    editor: gr.Code
    problems: gr.HTML
    commands: gr.Textbox
    run: gr.Textbox
    check: gr.Button
    start: gr.Button
    loaded: gr.HTML
    """Notice about what was chosen, below the cards."""
    edited: gr.HTML
    """Notice about a setting, below form and text."""
    launched: gr.HTML
    """Notice about check and start, below their buttons."""
    saved: gr.HTML
    """Notice about saving."""
    plan: Any
    name: gr.Textbox
    replace: gr.Checkbox
    save: gr.Button

    @property
    def whole(self) -> list[Component]:
        """What a recipe is shown in: session, text, choices and form."""
        return [self.session, self.editor, self.work, self.cards, self.model, self.profile, self.options, *self.form]


def build_layout(workspace: Workspace, runner: Runner) -> Page:
    """Build the components.

    Args:
        workspace: Its datasets and models are offered.
        runner: Knows how many GPUs there are.
    """
    session, cards, runs, loaded = _beginning()
    with gr.Column(visible=False, elem_id="recipe-work") as work:
        model, profile, options = _choices()
        with gr.Row(elem_classes=["recipe-body"]):
            with gr.Column(scale=1, min_width=340):
                form = build_form(workspace, several_gpus=len(runner.monitor.gpus()) > 1)
            with gr.Column(scale=1, min_width=340):
                editor = _editor()
                name, replace, save = _saving()
                saved = notices.build()
        edited = notices.build()
        problems = gr.HTML("", elem_id="recipe-problems")
        commands, run, check, start = _launching()
        launched = notices.build()
        plan = widget("recipePlan", {"state": "none"}, padding=False, elem_id="recipe-plan")
    return Page(
        cards=cards,
        session=session,
        touched=gr.Textbox(visible="hidden", elem_id="recipe-touched"),
        work=work,
        runs=runs,
        model=model,
        profile=profile,
        options=options,
        form=form,
        editor=editor,
        problems=problems,
        commands=commands,
        run=run,
        check=check,
        start=start,
        loaded=loaded,
        edited=edited,
        launched=launched,
        saved=saved,
        plan=plan,
        name=name,
        replace=replace,
        save=save,
    )


def _beginning() -> tuple[gr.Textbox, Any, gr.Dropdown, gr.HTML]:
    session = gr.Textbox(visible="hidden", elem_id="recipe-session")
    cards = widget(
        "recipeCards", {"groups": [], "chosen": ""}, events=["choose"], padding=False, elem_id="recipe-cards"
    )
    with gr.Row(elem_classes=["recipe-load"]):
        runs = gr.Dropdown(
            [], value=None, label="Or begin with the recipe of a run", min_width=260, scale=0, elem_id="recipe-runs"
        )
    loaded = notices.build()
    return session, cards, runs, loaded


def _choices() -> tuple[gr.Dropdown, gr.Dropdown, gr.CheckboxGroup]:
    with gr.Row(elem_classes=["recipe-row"]):
        model = gr.Dropdown(
            [(f"{label}: {what}", name) for name, (label, what) in MODELS.items()],
            label="Model",
            value=None,
            scale=2,
            min_width=240,
            elem_id="recipe-model",
        )
        profile = gr.Dropdown(
            [(f"{label}: {what}", name) for name, (label, what) in PROFILES.items()],
            label="Memory",
            value="recipe",
            scale=2,
            min_width=240,
            elem_id="recipe-profile",
        )
    options = gr.CheckboxGroup(OPTIONS, show_label=False, container=False, elem_id="recipe-options")
    return model, profile, options


def _editor() -> gr.Code:
    return gr.Code(
        language="yaml",
        label="The recipe: this text is what runs",
        lines=46,
        max_lines=46,
        wrap_lines=True,
        buttons=["copy", "download"],
        interactive=True,
        elem_id="recipe-editor",
    )


def _saving() -> tuple[gr.Textbox, gr.Checkbox, gr.Button]:
    with gr.Row(elem_classes=["recipe-save"]):
        name = gr.Textbox(
            label="Save as my recipe", placeholder="a name, such as mia-portrait", scale=3, min_width=180,
            max_lines=1, elem_id="recipe-name",
        )  # fmt: skip
        replace = gr.Checkbox(label="Replace", container=False, scale=0, min_width=100, elem_id="recipe-replace")
        save = gr.Button("Save", scale=0, min_width=90, elem_id="recipe-save")
    return name, replace, save


def _launching() -> tuple[gr.Textbox, gr.Textbox, gr.Button, gr.Button]:
    commands = gr.Textbox(
        label="What Check and Start training run",
        info="They write the text above into that file first.",
        lines=2,
        max_lines=4,
        interactive=False,
        buttons=["copy"],
        elem_id="recipe-commands",
    )
    with gr.Row(elem_classes=["recipe-launch"]):
        run = gr.Textbox(
            label="Name of the run", placeholder="the next free one", scale=0, min_width=240, max_lines=1,
            elem_id="recipe-run",
        )  # fmt: skip
        check = gr.Button("Check", scale=0, min_width=140, elem_id="recipe-check")
        start = gr.Button("Start training", variant="primary", scale=0, min_width=160, elem_id="recipe-start")
    return commands, run, check, start
