"""Results: the runs, their samples on one clock, the evaluation's verdict, and the favourite."""

from typing import Any

import gradio as gr

from ui.parts import notice as notices
from ui.parts.listen import on
from ui.parts.shared import Shared
from ui.parts.ticking import ticking
from ui.parts.widget import widget
from ui.runs.run_rows import STATES
from ui.tabs.results_handlers import ALL_SEEDS, EMPTY_GRID, Handlers

SOURCES = [("Samples", "samples"), ("Evaluation", "evaluation")]
VIEWS = [("Checkpoints", "checkpoints"), ("Strengths of one", "strengths"), ("Everything", "all")]
_SECONDS_BETWEEN_LOOKS = 2.0


def build(shared: Shared, tab: gr.Tab) -> None:
    """Build the page.

    Args:
        shared: What the pages share.
        tab: Its own tab.
    """
    notice = notices.build()
    runs_box, search, state, runs = _browser()
    headline, try_it, export = _favourite()
    source, view, checkpoint, seed, other = _controls()
    grid = widget("resultsGrid", EMPTY_GRID, events=["mark", "turn"], elem_id="results-grid")
    verdict, evaluate, sampled, strengths, sample, said, jobs = _below()
    windows, seen = gr.State(None), gr.State(None)
    timer = ticking(shared.page, "results", _SECONDS_BETWEEN_LOOKS)

    do = Handlers(shared.workspace, shared.runner)
    asked = [shared.run, source, view, checkpoint, seed, other, windows]
    drawn = [
        seen,
        jobs,
        grid,
        source,
        view,
        checkpoint,
        seed,
        windows,
        headline,
        verdict,
        sampled,
        try_it,
        export,
        evaluate,
        sample,
    ]
    filters = [search, state]

    def listen(event: Any, function: Any, inputs: list[Any], outputs: list[Any], **options: Any) -> None:
        on(event, function, inputs, outputs, notice=notice, **options)

    listen(shared.run.change, do.choose, [shared.run, *filters], [*drawn, runs, runs_box, other])
    for event in (search.change, state.change, tab.select, shared.blocks.load):
        listen(event, do.filter, [*filters, shared.run], [runs], trigger_mode="always_last")
    listen(runs.turn, do.turn_runs, [*filters, shared.run], [runs])
    listen(runs.choose, do.take, [], [shared.run, runs_box])
    for control in (source, view, checkpoint, seed, other):
        listen(control.input, do.draw, asked, drawn)
    listen(grid.turn, do.turn, asked, drawn)
    listen(grid.mark, do.mark, asked, drawn)
    on(evaluate.click, do.evaluate, [shared.run], [jobs, said], notice=said)
    on(sample.click, do.sample, [shared.run, sampled, strengths], [jobs, said], notice=said)
    on(jobs.stop, do.stop, [shared.run], [jobs, said], notice=said)
    for event in (timer.tick, tab.select):
        on(event, do.refresh, [seen, *asked], drawn, queue=False)
    on(try_it.click, lambda: gr.Tabs(selected="try"), [], [shared.tabs])
    on(export.click, lambda: gr.Tabs(selected="export"), [], [shared.tabs])


def _browser() -> list[Any]:
    """The list of runs with its search."""
    with gr.Accordion("Runs", open=True) as box:
        with gr.Row():
            search = gr.Textbox(
                placeholder="Search by name", label="Search", show_label=False, container=False, scale=3
            )
            options = {"label": "State", "show_label": False, "container": False}
            state = gr.Dropdown(list(STATES), value=STATES[0], scale=1, min_width=140, **options)
        runs = widget("resultsRuns", {}, events=["choose", "turn"], elem_id="results-runs")
    return [box, search, state, runs]


def _favourite() -> list[Any]:
    """What was chosen, and where to go with it."""
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            headline = gr.HTML("", apply_default_css=False, elem_id="results-favourite")
        try_it = gr.Button("Try it", scale=0, min_width=100, interactive=False)
        export = gr.Button("Export", scale=0, min_width=100, interactive=False)
    return [headline, try_it, export]


def _controls() -> list[Any]:
    """What the grid shows."""
    with gr.Row():
        source = gr.Radio(SOURCES, value="samples", label="Show", scale=1, min_width=240)
        view = gr.Radio(VIEWS, value="checkpoints", label="Columns", scale=2, min_width=455)
        checkpoint = gr.Dropdown([], label="Strengths of", visible=False, scale=1, min_width=150)
        seed = gr.Dropdown([ALL_SEEDS], value=ALL_SEEDS[1], label="Seed", scale=0, min_width=100)
        other = gr.Dropdown([("nothing", "")], value="", label="Compare with", scale=1, min_width=160)
    return [source, view, checkpoint, seed, other]


def _below() -> list[Any]:
    """The verdict, and what makes more samples."""
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            gr.Markdown("### Is it any good?")
            with gr.Row():
                evaluate = gr.Button("Evaluate this run", scale=0, min_width=180, interactive=False)
            verdict = gr.HTML("", apply_default_css=False, elem_id="results-verdict")
        with gr.Column(scale=2, min_width=300):
            gr.Markdown("### Sample other strengths")
            with gr.Row():
                sampled = gr.Dropdown([], label="Checkpoint", scale=1, min_width=130)
                strengths = gr.Textbox("0.5, 0.75, 1.25", label="Strengths", scale=1, min_width=130, max_lines=1)
            with gr.Row():
                sample = gr.Button("Sample", scale=0, min_width=180, interactive=False)
            said = notices.build()
            jobs = widget("resultsJobs", {"jobs": []}, events=["stop"], elem_id="results-jobs")
    return [verdict, evaluate, sampled, strengths, sample, said, jobs]
