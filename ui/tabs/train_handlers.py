"""What the train page does when it looks or is clicked: each part is sent only when it has changed."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from ui.jobs.job import JobView
from ui.jobs.runner import Runner
from ui.parts import notice as notices
from ui.runs.curves import Curve, CurveReader
from ui.runs.summary import RunSummary, newest_runs
from ui.tabs import train_actions as actions
from ui.tabs import train_values as values
from ui.workspace import Workspace

PARTS = ("machine", "jobs", "runs", "run", "chart", "samples", "log")
"""Widgets, in the order of the outputs of `look`; then come buttons, steps, the row of chart options, run, `seen`."""
BUTTONS = ("stop", "save", "sample", "resume", "clone", "kill")

_LISTED_JOBS = 60


class Handlers:
    """Handlers of the page.

    Args:
        workspace: Its runs are shown.
        runner: Starts and ends jobs.
    """

    def __init__(self, workspace: Workspace, runner: Runner) -> None:
        self.workspace = workspace
        self.runner = runner
        self._reader = CurveReader()

    def look(self, run: str, page: int, job: str, chart: str, smoothing: float, log: bool, seen: Any) -> list[Any]:
        """Everything that has changed since the page was last drawn.

        Args:
            run: Name of the chosen run, empty for the first of the list.
            page: Of the list of runs, from 0.
            job: Whose log is shown, empty for the run's.
            chart: Title of the chart.
            smoothing: In [0, 1).
            log: Whether the vertical axis is logarithmic.
            seen: What was drawn.
        """
        fits = actions.fits(self.runner)
        rows, total = newest_runs(
            self.workspace, fits, limit=values.RUNS_A_PAGE, offset=max(0, page) * values.RUNS_A_PAGE
        )
        summary = self._chosen(run, rows)
        name = "" if summary is None else summary.name
        curves = self._curves(name)
        jobs, machine, now = self.runner.views(limit=_LISTED_JOBS), self.runner.monitor.machine(), time.time()
        elsewhere = next((row.name for row in rows if row.working and not _is_active(fits.get(row.name))), "")
        drawn: dict[str, Any] = {
            "machine": values.machine_value(machine, self.runner.active(), elsewhere),
            "jobs": values.jobs_value(jobs, now, has_gpu=bool(machine.gpus)),
            "runs": values.runs_value(rows, total, page, name),
            "run": values.run_value(summary, now),
            "chart": values.chart_value(curves, chart, smoothing, log),
            "samples": values.samples_value(self.workspace, name),
            "log": self._log(summary, job),
            "buttons": _enabled(summary),
            "steps": 0 if summary is None else summary.max_steps,
            "curves": bool(curves),
        }
        return _changes(drawn, seen if isinstance(seen, dict) else {})

    def look_anew(self, run: str, page: int, job: str, chart: str, smoothing: float, log: bool) -> list[Any]:
        """Everything, for a page that has drawn nothing yet."""
        return self.look(run, page, job, chart, smoothing, log, {})

    def stop(self, run: str) -> Any:
        """End the run well."""
        return notices.show(actions.stop(self.workspace, self.runner, run), "good")

    def save(self, run: str) -> Any:
        """Save after this step."""
        return notices.show(actions.ask(self.workspace, self.runner, run, "save"), "good")

    def sample(self, run: str) -> Any:
        """Make samples after this step."""
        return notices.show(actions.ask(self.workspace, self.runner, run, "sample"), "good")

    def resume(self, run: str, steps: float | None) -> Any:
        """Go on with the run."""
        return notices.show(actions.resume(self.workspace, self.runner, run, int(steps or 0)), "good")

    def kill(self, run: str) -> list[Any]:
        """End the run at once, after it was confirmed."""
        return [notices.show(actions.kill(self.workspace, self.runner, run), "warn"), gr.Row(visible=False)]

    def clone(self, run: str) -> list[Any]:
        """Hand the run's recipe to the recipe page, and go there."""
        text = actions.recipe_text(self.workspace, self.runner, run)
        return [text, gr.Tabs(selected="recipe")]

    def choose(self, event: gr.EventData) -> list[Any]:
        """Another run, its own log, and nothing said of the one before."""
        return [str(event._data.get("run") or ""), "", notices.show(""), gr.Row(visible=False)]

    def turn(self, event: gr.EventData) -> int:
        """Another page of the list of runs."""
        return max(0, int(event._data.get("page") or 0))

    def job_log(self, event: gr.EventData) -> str:
        """The log of a job in place of the run's."""
        return str(event._data.get("id") or "")

    def job_stop(self, event: gr.EventData) -> Any:
        """End a job well, or take it out of the queue."""
        return notices.show(self.runner.stop(str(event._data.get("id") or "")), "good")

    def _chosen(self, run: str, rows: Sequence[RunSummary]) -> RunSummary | None:
        """The chosen run; the first of the list where none is chosen or it is gone."""
        if run:
            try:
                return actions.summary_of(self.workspace, self.runner, run)
            except ValueError:
                pass
        return rows[0] if rows else None

    def _curves(self, name: str) -> Mapping[str, Curve]:
        return self._reader.curves(self.workspace.runs / name / "metrics.csv") if name else {}

    def _log(self, run: RunSummary | None, job: str) -> dict[str, Any]:
        """End of the log of a job or of the run's newest job."""
        shown = job or ("" if run is None else run.job_id)
        if not shown:
            empty = "" if run is None else "This run was not started from this page, so its log is not here."
            return {"title": "", "text": "", "empty": empty, "command": "", "of_job": False}
        try:
            view = self.runner.view(shown)
        except ValueError as error:
            return {"title": "", "text": "", "empty": str(error), "command": "", "of_job": bool(job)}
        text = self.runner.log(shown)
        empty = "" if text else "Nothing has been printed yet."
        return {"title": view.job.title, "text": text, "empty": empty, "command": view.command, "of_job": bool(job)}


def _is_active(fit: JobView | None) -> bool:
    """Whether a job of ours runs or waits."""
    return fit is not None and fit.active


def _enabled(run: RunSummary | None) -> dict[str, Any]:
    """Which buttons make sense now."""
    in_steps = run is not None and run.state in actions.IN_STEPS and not run.stopping
    active = run is not None and (run.working or run.state == "queued")
    working = run is not None and run.working
    return {
        "shown": {
            "stop": active,
            "save": working,
            "sample": working,
            "resume": run is not None and (run.begun or bool(run.job_id)) and run.state in actions.CAN_GO_ON,
            "clone": run is not None,
            "kill": run is not None and working and bool(run.job_id),
        },
        "idle": [] if in_steps else ["save", "sample", *(["stop"] if run is not None and run.stopping else [])],
        "stop": "Remove from the queue" if run is not None and run.state == "queued" else "Stop and save",
        "resume": "Resume" if run is not None and run.begun else "Start again",
    }


def _changes(drawn: dict[str, Any], seen: dict[str, str]) -> list[Any]:
    """Updates of the parts that differ from what was drawn."""
    marks = {part: hashlib.sha256(json.dumps(value).encode()).hexdigest() for part, value in drawn.items()}
    run = drawn["run"]["name"]
    marks["steps"] += run  # what somebody typed stays while the run and its steps are the same
    changed = {part for part, mark in marks.items() if seen.get(part) != mark}
    if not changed:
        return [gr.skip()] * (len(PARTS) + len(BUTTONS) + 4)
    updates = [drawn[part] if part in changed else gr.skip() for part in PARTS]
    if "buttons" in changed:
        can = drawn["buttons"]
        updates += [
            gr.Button(visible=can["shown"][name], interactive=name not in can["idle"], **_label(name, can))
            for name in BUTTONS
        ]
    else:
        updates += [gr.skip()] * len(BUTTONS)
    can_resume = drawn["buttons"]["shown"]["resume"] and drawn["buttons"]["resume"] == "Resume"
    steps = {"value": drawn["steps"] or None} if "steps" in changed else {}
    updates.append(gr.Number(visible=can_resume, **steps) if changed & {"steps", "buttons"} else gr.skip())
    updates.append(gr.Row(visible=drawn["curves"]) if "curves" in changed else gr.skip())
    return [*updates, run, marks]


def _label(name: str, can: Mapping[str, Any]) -> dict[str, str]:
    """The text of a button that has more than one."""
    return {"value": can[name]} if name in ("stop", "resume") else {}
