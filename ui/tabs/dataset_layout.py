"""The components of the Dataset page and where they stand."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.datasets.calls import Calls, server_function
from ui.datasets.purpose import DEFAULT, recipe_names
from ui.parts import notice as notices
from ui.parts.shared import Shared
from ui.parts.widget import widget
from ui.tabs import dataset_tools


@dataclass(frozen=True, kw_only=True)
class Page:
    """The components of the page."""

    dataset: gr.Dropdown
    trigger: gr.Textbox
    known: gr.State
    """The trigger word as it was shown."""
    recipe: gr.Dropdown
    name: gr.Textbox
    create: gr.Button
    example: gr.Button
    check: gr.Button
    mending: gr.Row
    mended: gr.Textbox
    mend: gr.Button
    onward: gr.Button
    upload: Any
    health: Any
    jobs: Any
    grid: Any
    notice: Any


def layout(shared: Shared, calls: Calls) -> tuple[Page, dataset_tools.Tools]:
    """Lay the page out: what it is about, what is wrong with it, the tools, the clips."""
    choosing = _lay_choosing(shared, calls)
    notice = notices.build()
    checking = _lay_checking(calls)
    tools = dataset_tools.layout(shared)
    functions = [server_function("clips_page", calls.clips), server_function("keep_caption", calls.save_caption)]
    grid = widget("clipGrid", {"dataset": ""}, server_functions=functions)
    return Page(**choosing, **checking, known=gr.State(""), grid=grid, notice=notice), tools


def _lay_choosing(shared: Shared, calls: Calls) -> dict[str, Any]:
    """What chooses, makes and fills a dataset."""
    hint = "Choose one, or type the path of a folder or manifest."
    functions = [server_function("take_upload", calls.take_upload)]
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            dataset = gr.Dropdown([], label="Dataset", info=hint, allow_custom_value=True)
            with gr.Row():
                trigger = gr.Textbox(
                    label="Trigger word", info="Stands for what is learnt.", max_lines=1, min_width=140
                )
                names = recipe_names(shared.workspace)
                recipe = gr.Dropdown(
                    names, value=DEFAULT, label="Meant for", info="Clips are judged by it.", min_width=140
                )
        with gr.Column(scale=3, min_width=320):
            upload = widget("clipUpload", {"dataset": ""}, events=["added"], server_functions=functions)
        with gr.Column(scale=2, min_width=240):
            name = gr.Textbox(label="New dataset", placeholder="Its name, such as mia", max_lines=1)
            create = gr.Button("Create", size="md")
            example = gr.Button("Draw an example", size="md")
    return {
        "dataset": dataset,
        "trigger": trigger,
        "recipe": recipe,
        "upload": upload,
        "name": name,
        "create": create,
        "example": example,
    }


def _lay_checking(calls: Calls) -> dict[str, Any]:
    """What tells the health of a dataset, and the jobs that work on it."""
    functions = [server_function("dataset_jobs", calls.jobs), server_function("stop_dataset_job", calls.stop_job)]
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            health = widget("clipHealth", {})
        with gr.Column(scale=3, min_width=320), gr.Row():
            check = gr.Button("Check the dataset", size="md", interactive=False, min_width=150)
            onward = gr.Button("Next: choose a recipe", variant="primary", size="md", interactive=False, min_width=180)
    with gr.Row(equal_height=False, visible=False) as mending:
        mended = gr.Textbox(label="Mended copy", info="Name of a new dataset; this one stays.", scale=3)
        mend = gr.Button("Write the mended copy", size="md", scale=1)
    jobs_part = widget("clipJobs", {"dataset": ""}, events=["ended"], server_functions=functions)
    return {
        "health": health,
        "check": check,
        "onward": onward,
        "mending": mending,
        "mended": mended,
        "mend": mend,
        "jobs": jobs_part,
    }
