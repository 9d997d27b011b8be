"""The Dataset page: choose or make a dataset, look at its clips, write captions, see what is wrong."""

from typing import Any

import gradio as gr

from ui.datasets import jobs
from ui.datasets.calls import Calls
from ui.datasets.choices import read_recipe, read_trigger, replace_trigger, write_recipe
from ui.datasets.dataset import open_dataset
from ui.datasets.library import create_dataset
from ui.datasets.overview import draw_example, health_value, overview, refreshed_grid
from ui.datasets.seen import Seen
from ui.parts import notice as notices
from ui.parts.listen import on
from ui.parts.shared import Shared
from ui.tabs import dataset_tools
from ui.tabs.dataset_edits import back_button
from ui.tabs.dataset_layout import Page, layout
from ui.workspace import safe_name


def build(shared: Shared, tab: gr.Tab) -> None:
    """Build the page.

    Args:
        shared: What the pages share.
        tab: Its tab.
    """
    calls = Calls(workspace=shared.workspace, runner=shared.runner, seen=Seen(shared.workspace))
    page, tools = layout(shared, calls)
    shown = [
        *(page.dataset, page.trigger, page.recipe, page.grid, page.upload, page.health, page.jobs),
        *(page.notice, page.check, page.mending, page.mended, page.onward, tools.edits.back),
        page.known,
    ]

    def refresh(text: str) -> list[Any]:
        return _shown(shared, text)

    on(shared.dataset.change, refresh, [shared.dataset], shown, notice=page.notice, queue=False)
    on(shared.dataset.change, lambda: notices.show(""), [], [tools.notice], queue=False)
    on(tab.select, refresh, [shared.dataset], shown, notice=page.notice, queue=False)
    on(shared.blocks.load, refresh, [shared.dataset], shown, notice=page.notice, queue=False)
    on(page.jobs.ended, refresh, [shared.dataset], shown, notice=page.notice, queue=False)
    on(page.upload.added, refresh, [shared.dataset], shown, notice=page.notice, queue=False)
    _bind_choosing(shared, page)
    _bind_checking(shared, page)
    dataset_tools.bind(shared, tools, seen=calls.seen, grid=page.grid, jobs_part=page.jobs)


def _shown(shared: Shared, text: str) -> list[Any]:
    """Values of everything that depends on the chosen dataset, in the order of `shown` above."""
    problem = ""
    try:
        found = overview(shared.workspace, text)
    except (ValueError, OSError) as error:  # a dataset that was removed since it was chosen
        found, problem = overview(shared.workspace, ""), str(error)
    is_chosen = bool(found.chosen)
    can_mend = bool(found.health.get("mendable"))
    recipe = gr.Dropdown(choices=list(found.recipes), value=found.recipe) if found.recipes else gr.skip()
    return [
        gr.Dropdown(choices=found.choices, value=found.chosen or None),
        gr.Textbox(value=found.trigger, interactive=is_chosen),
        recipe,
        found.grid,
        found.upload,
        found.health,
        {"dataset": found.chosen, "stamp": found.grid["stamp"]},
        notices.show(problem, "bad"),
        gr.Button(interactive=is_chosen),
        gr.Row(visible=can_mend),
        gr.Textbox(value=f"{found.chosen.rpartition('/')[2].split('.')[0]}-mended"),
        gr.Button(interactive=is_chosen),
        back_button(found.undo),
        found.trigger,
    ]


def _bind_choosing(shared: Shared, page: Page) -> None:
    workspace = shared.workspace

    def choose(text: str | None) -> str:
        return open_dataset(workspace, text or "").shown

    def create(name: str) -> list[str]:
        return [create_dataset(workspace, name).shown, ""]

    def keep_trigger(text: str, trigger: str, known: str) -> list[Any]:
        dataset = open_dataset(workspace, text)
        kept, told = replace_trigger(dataset, trigger, known)
        grid = refreshed_grid(dataset) if kept != known else gr.skip()
        return [grid, kept, kept if kept != trigger.strip() else gr.skip(), notices.show(told, "warn")]

    def keep_recipe(text: str, recipe: str) -> Any:
        dataset = open_dataset(workspace, text)
        write_recipe(dataset, recipe)
        return refreshed_grid(dataset)

    on(page.dataset.input, choose, [page.dataset], [shared.dataset], notice=page.notice, queue=False)
    for event in (page.create.click, page.name.submit):
        on(event, create, [page.name], [shared.dataset, page.name], notice=page.notice, queue=False)
    on(
        page.example.click, lambda: draw_example(shared.runner, workspace), [], [shared.dataset],
        notice=page.notice, queue=False,
    )  # fmt: skip
    for event in (page.trigger.submit, page.trigger.blur):
        outputs = [page.grid, page.known, page.trigger, page.notice]
        on(event, keep_trigger, [shared.dataset, page.trigger, page.known], outputs, notice=page.notice, queue=False)
    on(page.recipe.input, keep_recipe, [shared.dataset, page.recipe], [page.grid], notice=page.notice, queue=False)
    on(page.onward.click, lambda: gr.Tabs(selected="recipe"), [], [shared.tabs], queue=False)


def _bind_checking(shared: Shared, page: Page) -> None:
    def check(text: str, mended: str = "") -> list[Any]:
        dataset = open_dataset(shared.workspace, text)
        recipe, trigger = read_recipe(dataset), read_trigger(dataset)
        job = jobs.examine(shared.runner, dataset, recipe=recipe, trigger=trigger, mended=mended)
        return [health_value(dataset), {"dataset": dataset.shown, "stamp": job.id}]

    def mend(text: str, mended: str) -> list[Any]:
        return check(text, safe_name(mended, "mended copy"))

    outputs = [page.health, page.jobs]
    on(page.check.click, check, [shared.dataset], outputs, notice=page.notice, queue=False)
    on(page.mend.click, mend, [shared.dataset, page.mended], outputs, notice=page.notice, queue=False)
