"""The line on top: the name, what runs now, TensorBoard, light or dark."""

import gradio as gr

from ui.jobs.runner import Runner
from ui.parts.listen import on
from ui.parts.widget import widget
from ui.workspace import Workspace


def build_header(workspace: Workspace, runner: Runner) -> None:
    """Build the header.

    Args:
        workspace: Its folder is named.
        runner: Knows what runs.
    """
    header = widget("header", _state(workspace, runner), elem_id="header")
    timer = gr.Timer(3.0)
    shown = gr.State()

    def refresh(before: object) -> list[object]:
        state = _state(workspace, runner)
        return [gr.skip(), gr.skip()] if state == before else [state, state]

    on(timer.tick, refresh, [shown], [header, shown], queue=False)


def _state(workspace: Workspace, runner: Runner) -> dict[str, object]:
    """What the header shows."""
    active = runner.active()
    running = [view.job.title for view in active if view.state == "running"]
    return {"workspace": str(workspace.root), "running": running, "queued": len(active) - len(running)}
