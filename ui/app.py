"""The page: one builder a tab, and what the tabs share."""

from collections.abc import Callable
from pathlib import Path

import gradio as gr

from ui.jobs.runner import Runner
from ui.parts import memory
from ui.parts.header import build_header
from ui.parts.shared import Shared
from ui.parts.ticking import know_page
from ui.tabs import dataset, export, recipe, results, train, try_it
from ui.workspace import Workspace

TITLE = "LTX Recipes"

_TABS: tuple[tuple[str, str, Callable[[Shared, gr.Tab], None]], ...] = (
    ("dataset", "Dataset", dataset.build),
    ("recipe", "Recipe", recipe.build),
    ("train", "Train", train.build),
    ("results", "Results", results.build),
    ("try", "Try it", try_it.build),
    ("export", "Export", export.build),
)


def build_ui(workspace: Workspace | None = None, runner: Runner | None = None) -> gr.Blocks:
    """Build the page.

    Args:
        workspace: The folders it works on; by default those of the current directory.
        runner: Starts and watches commands; by default one of its own.

    Returns:
        The page, to be served by `ui.serving.server`, which adds media, TensorBoard and the guard.
    """
    workspace = workspace or Workspace(root=Path.cwd())
    runner = runner or Runner(workspace)
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as blocks:
        names = ("page", "dataset", "run", "draft")
        hidden = [gr.Textbox(visible="hidden", elem_id=f"chosen-{name}") for name in names]
        build_header(workspace, runner)
        tabs = gr.Tabs(elem_id="pages")
        shared = Shared(
            workspace=workspace,
            runner=runner,
            blocks=blocks,
            tabs=tabs,
            page=hidden[0],
            dataset=hidden[1],
            run=hidden[2],
            draft=hidden[3],
        )
        with tabs:
            for identity, label, build in _TABS:
                with gr.Tab(label, id=identity, elem_id=f"page-{identity}") as tab:
                    build(shared, tab)
        know_page(blocks, tabs, shared.page)
        for component, key in ((shared.dataset, "dataset"), (shared.run, "run")):
            memory.remember(component, key)
            memory.restore(blocks, component, key)
    return blocks
