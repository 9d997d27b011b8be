"""What the results page's listeners return: values of `ui.runs.results_page` as updates of components."""

import html
from collections.abc import Sequence
from typing import Any

import gradio as gr

from ui.jobs.runner import Runner
from ui.parts import notice as notices
from ui.runs import results_page as page
from ui.runs.result_jobs import checkpoints, start_evaluation, start_samples
from ui.runs.results_page import Asked
from ui.runs.sample_record import number, text
from ui.workspace import Workspace

ALL_SEEDS = ("all", -1)
EMPTY_GRID = {"rows": [], "columns": [], "empty": page.CHOOSE}
_NUM_DRAWN = 15
_SAMPLED = 10
"""Place of the checkpoint to be sampled among what is drawn."""


class Handlers:
    """One method a listener; each returns its outputs in the order of the builder's lists.

    Args:
        workspace: Whose runs.
        runner: Takes the jobs.
    """

    def __init__(self, workspace: Workspace, runner: Runner) -> None:
        self.workspace, self.runner = workspace, runner

    def choose(self, run: str, search: str, state: str) -> list[Any]:
        """Everything of a run that was chosen, here or on another page."""
        others = [("nothing", ""), *((name, name) for name in page.comparable(self.workspace, run))]
        known = self._checkpoints(run)
        drawn = self._drawn(Asked(run=run))
        drawn[_SAMPLED] = gr.Dropdown(known, value=known[0] if known else None)
        return [
            *drawn,
            page.listed_runs(self.workspace, self.runner, search, state, 0, run),
            gr.Accordion(label=f"Run {run}: choose another" if run else "Runs", open=not run),
            gr.Dropdown(others, value=""),
        ]

    def filter(self, search: str, state: str, run: str) -> dict[str, Any]:
        """The first page of the runs that a search leaves."""
        return page.listed_runs(self.workspace, self.runner, search, state, 0, run)

    def turn_runs(self, event: gr.EventData, search: str, state: str, run: str) -> dict[str, Any]:
        """Another page of the runs."""
        turned = number(event._data.get("page"))
        return page.listed_runs(self.workspace, self.runner, search, state, int(turned or 0), run)

    def take(self, event: gr.EventData) -> list[Any]:
        """The run whose row was pressed; the list is folded."""
        return [text(event._data.get("run")), gr.Accordion(open=False)]

    def draw(self, *asked: Any) -> list[Any]:
        """The grid after a control was changed, from its first rows and last columns."""
        return self._drawn(_asked([*asked[:-1], None]))

    def turn(self, event: gr.EventData, *asked: Any) -> list[Any]:
        """Another window of rows or columns."""
        return self._drawn(_asked([*asked[:-1], {**(asked[-1] or {}), **event._data}]))

    def mark(self, event: gr.EventData, *asked: Any) -> list[Any]:
        """The favourite was chosen or taken back."""
        page.mark(self.workspace, event._data)
        return self._drawn(_asked(asked))

    def evaluate(self, run: str) -> list[Any]:
        """Start an evaluation."""
        job = start_evaluation(self.runner, self.workspace, run)
        said = f"{job.title}: put into the queue. The verdict appears here; closing the page does not end it."
        return [page.jobs_of(self.runner, run), notices.show(said, "good")]

    def sample(self, run: str, checkpoint: str | None, strengths: str) -> list[Any]:
        """Start samples at other strengths."""
        checkpoint = checkpoint or next(iter(self._checkpoints(run)), "")  # a run that trains had none to choose yet
        jobs = start_samples(self.runner, self.workspace, run, checkpoint, strengths)
        what = "One strength" if len(jobs) == 1 else f"{len(jobs)} strengths"
        said = f"{what} of {checkpoint} put into the queue. The samples appear under Columns, Strengths of one."
        return [page.jobs_of(self.runner, run), notices.show(said, "good")]

    def stop(self, event: gr.EventData, run: str) -> list[Any]:
        """Stop a job."""
        said = self.runner.stop(text(event._data.get("job")))
        return [page.jobs_of(self.runner, run), notices.show(said)]

    def refresh(self, seen: tuple[str, Any] | None, *asked: Any) -> list[Any]:
        """What changed since the page was drawn; nothing, where nothing did."""
        what = _asked(asked)
        files, jobs = page.state_of(self.workspace, self.runner, what.run, text(what.other))
        before_files, before_jobs = seen or ("", None)
        values = [gr.skip()] * _NUM_DRAWN
        if files != before_files:
            try:
                return self._drawn(what)
            except (ValueError, OSError):  # the run was deleted meanwhile: what was drawn stays
                values[0] = (files, jobs)
        if jobs != before_jobs:
            values[0], values[1] = (files, jobs), jobs
        return values

    def _drawn(self, asked: Asked) -> list[Any]:
        """Grid, controls and everything that says something of the run."""
        value = page.shown_grid(self.workspace, asked)
        told, marked = page.headline(self.workspace, asked.run)
        view = value.get("view", "checkpoints")
        seeds = value.get("seeds", [])
        request = asked.request
        known = self._checkpoints(asked.run)
        return [
            page.state_of(self.workspace, self.runner, asked.run, text(asked.other)),
            page.jobs_of(self.runner, asked.run),
            value,
            request.source,
            view,
            gr.Dropdown(
                value.get("checkpoints", []), value=value.get("checkpoint") or None, visible=view == "strengths"
            ),
            gr.Dropdown(
                [ALL_SEEDS, *((str(one), one) for one in seeds)], value=request.seed if request.seed in seeds else -1
            ),
            {"columns": request.column_window, "rows": request.row_window},
            f'<div class="results-favourite">{html.escape(told)}</div>',
            page.verdict(self.workspace, asked.run),
            gr.Dropdown(known),  # what is chosen stays
            gr.Button(interactive=bool(known), variant="primary" if marked else "secondary"),
            *[gr.Button(interactive=bool(known))] * 3,
        ]

    def _checkpoints(self, run: str) -> list[str]:
        """Names of the run's LoRA files, newest first; none without a run."""
        return checkpoints(self.workspace, run) if run else []


def _asked(values: Sequence[Any]) -> Asked:
    """The controls' values, in the order of the builder."""
    run, source, view, checkpoint, seed, other, windows = values
    return Asked(
        run=text(run), source=source, view=view, checkpoint=checkpoint, seed=seed, other=other, windows=windows
    )
