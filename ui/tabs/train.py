"""Train: the queue on the machine's GPUs, the runs, and one run as it goes on."""

from typing import Any

import gradio as gr

from ui.parts import notice as notices
from ui.parts.listen import on
from ui.parts.shared import Shared
from ui.parts.ticking import ticking
from ui.parts.widget import widget
from ui.runs.curves import TITLES
from ui.tabs.train_handlers import Handlers

_SECONDS_BETWEEN_LOOKS = 2.0


def build(shared: Shared, tab: gr.Tab) -> None:
    """Build the page.

    Args:
        shared: What the pages share.
        tab: Its own tab.
    """
    page, job, shown, seen = gr.State(0), gr.State(""), gr.State(""), gr.State({})
    with gr.Row(elem_classes=["train-page"]):
        machine, jobs, runs = _side()
        with gr.Column(scale=5, min_width=320, elem_classes=["train-main"]):
            notice = notices.build()
            run = widget("trainRun", {"name": ""}, padding=False, elem_id="train-run")
            buttons, steps, sure, confirm, spare = _buttons()
            choice, smoothing, log, options = _options()
            chart = widget("trainChart", {"lines": []}, padding=False, elem_id="train-chart")
            samples = widget("trainSamples", {"items": []}, padding=False, elem_id="train-samples")
            text = widget("trainLog", {"text": ""}, events=["back"], padding=False, elem_id="train-log")
    stop, save, sample, resume, clone, kill = buttons
    timer = ticking(shared.page, "train", _SECONDS_BETWEEN_LOOKS)

    do = Handlers(shared.workspace, shared.runner)
    asked = [shared.run, page, job, choice, smoothing, log]
    drawn = [machine, jobs, runs, run, chart, samples, text, *buttons, steps, options, shown, seen]

    def look(event: Any, **given: Any) -> None:
        on(event, do.look, [*asked, seen], drawn, queue=False, **given)

    def act(event: Any, function: Any, inputs: list[Any], outputs: list[Any]) -> None:
        done = on(event, function, inputs, outputs, notice=notice)
        look(done.then)

    for event in (timer.tick, shared.run.change, choice.input, smoothing.release, log.input):
        look(event)
    # A page that was reloaded has drawn nothing yet.
    on(tab.select, do.look_anew, asked, drawn, queue=False)
    look(on(runs.choose, do.choose, [], [shared.run, job, notice, sure]).then)
    look(on(runs.turn, do.turn, [], [page]).then)
    look(on(jobs.log, do.job_log, [], [job]).then)
    look(on(text.back, lambda: "", [], [job]).then)
    act(jobs.stop, do.job_stop, [], [notice])
    for button, function in ((stop, do.stop), (save, do.save), (sample, do.sample)):
        act(button.click, function, [shown], [notice])
    act(resume.click, do.resume, [shown, steps], [notice])
    act(confirm.click, do.kill, [shown], [notice, sure])
    on(clone.click, do.clone, [shown], [shared.draft, shared.tabs], notice=notice)
    on(kill.click, lambda: gr.Row(visible=True), [], [sure], queue=False)
    on(spare.click, lambda: gr.Row(visible=False), [], [sure], queue=False)


def _side() -> list[Any]:
    """The machine, the queue, the runs."""
    with gr.Column(scale=2, min_width=300, elem_classes=["train-side"]):
        machine = widget("trainMachine", {"devices": []}, padding=False, elem_id="train-machine")
        jobs = widget("trainJobs", {"jobs": []}, events=["stop", "log"], padding=False, elem_id="train-jobs")
        runs = widget("trainRuns", {"rows": []}, events=["choose", "turn"], padding=False, elem_id="train-runs")
    return [machine, jobs, runs]


def _buttons() -> tuple[list[gr.Button], gr.Number, gr.Row, gr.Button, gr.Button]:
    """What can be done with the run; killing it is asked for twice."""
    small: dict[str, Any] = {"size": "sm", "min_width": 110, "visible": False, "scale": 0}
    with gr.Row(elem_classes=["train-buttons"]):
        stop = gr.Button("Stop and save", elem_id="train-stop", **small)
        save = gr.Button("Save now", elem_id="train-save", **small)
        sample = gr.Button("Sample now", elem_id="train-sample", **small)
        resume = gr.Button("Resume", variant="primary", elem_id="train-resume", **small)
        steps = gr.Number(
            label="up to step", precision=0, minimum=1, visible=False, scale=0, min_width=150, elem_id="train-steps"
        )
        clone = gr.Button("Clone", elem_id="train-clone", **small)
        kill = gr.Button("Kill", elem_id="train-kill", **small)
    with gr.Row(visible=False, elem_classes=["train-sure"]) as sure:
        gr.HTML("<span>End all processes of this run at once? What was not saved is lost.</span>")
        confirm = gr.Button("Kill it", variant="stop", size="sm", scale=0, min_width=90, elem_id="train-kill-sure")
        spare = gr.Button("Leave it running", size="sm", scale=0, min_width=130)
    return [stop, save, sample, resume, clone, kill], steps, sure, confirm, spare


def _options() -> tuple[gr.Dropdown, gr.Slider, gr.Checkbox, gr.Row]:
    """How the curves are drawn."""
    with gr.Row(visible=False, elem_classes=["train-options"]) as row:
        choice = gr.Dropdown(
            list(TITLES), value=TITLES[0], label="Chart", scale=2, min_width=150, elem_id="train-choice"
        )
        smoothing = gr.Slider(0, 0.98, value=0.6, step=0.02, label="Smoothing", scale=3, min_width=160)
        log = gr.Checkbox(False, label="Logarithmic", scale=1, min_width=150)
    return choice, smoothing, log, row
