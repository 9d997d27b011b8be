"""What the pages share: the workspace, the runner, and what is chosen."""

from dataclasses import dataclass

import gradio as gr

from ui.jobs.runner import Runner
from ui.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Handed to the builder of each page."""

    workspace: Workspace
    runner: Runner
    blocks: gr.Blocks
    tabs: gr.Tabs
    """Pages: dataset, recipe, train, results, try, export; `gr.Tabs(selected=...)` goes to one."""
    page: gr.Textbox
    """Hidden: id of the page that is open."""
    dataset: gr.Textbox
    """Hidden: the chosen dataset as a recipe writes it, empty for none."""
    run: gr.Textbox
    """Hidden: name of the chosen run, empty for none."""
    draft: gr.Textbox
    """Hidden: text of a recipe that another page hands to the recipe page."""
