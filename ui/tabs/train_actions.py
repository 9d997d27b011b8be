"""What the train page does to runs: commands for the runner, and the empty files of a run's `control/`."""

from typing import Literal

from ltx_module.run_directory import RunDirectory
from ui.jobs.job import Job, JobView
from ui.jobs.runner import Runner
from ui.recipes.devices import devices_of
from ui.runs.places import run_directory
from ui.runs.run_recipe import bounded_text, run_recipe
from ui.runs.summary import RunSummary, newest_fits, run_summary
from ui.workspace import Workspace

IN_STEPS = ("training", "sampling", "saving")
"""States in which a run looks at `control/`."""
CAN_GO_ON = ("stopped", "finished", "failed", "interrupted")

_MOST_JOBS = 200
_MOST_STEPS = 10_000_000


def fits(runner: Runner) -> dict[str, JobView]:
    """The newest fit of each run."""
    return newest_fits(runner.views(kinds=["fit"], limit=_MOST_JOBS))


def summary_of(workspace: Workspace, runner: Runner, run: str) -> RunSummary:
    """The chosen run now.

    Raises:
        ValueError: If there is no such run.
    """
    return run_summary(workspace, run, fits(runner))


def stop(workspace: Workspace, runner: Runner, run: str) -> str:
    """End a run well; says what happens.

    Raises:
        ValueError: If it was started elsewhere and does not look at `control/` yet.
    """
    summary, view = summary_of(workspace, runner, run), fits(runner).get(run)
    if view is not None and view.active:
        return runner.stop(view.job.id)
    if summary.state in IN_STEPS:
        _control(workspace, run, "stop")
        return "It finishes the running step, saves and ends."
    if summary.working:
        raise ValueError(f"{run} was started in a terminal and does not train yet: press Ctrl-C there.")
    return "It has ended already."


def ask(workspace: Workspace, runner: Runner, run: str, what: Literal["save", "sample"]) -> str:
    """Let a training save or sample after the running step; says what happens.

    Raises:
        ValueError: If the run is not in its steps.
    """
    summary = summary_of(workspace, runner, run)
    if summary.state not in IN_STEPS:
        raise ValueError(f"{run} is {summary.state}: this works while it trains.")
    _control(workspace, run, what)
    doing = "saves" if what == "save" else "makes samples"
    return f"It {doing} after the running step, then goes on."


def kill(workspace: Workspace, runner: Runner, run: str) -> str:
    """End all processes of a run at once; says what happens.

    Raises:
        ValueError: If it was not started from here.
    """
    view = fits(runner).get(run)
    if view is None or not view.active:
        state = summary_of(workspace, runner, run).state
        raise ValueError(f"{run} is {state} and has no process that was started here.")
    return runner.kill(view.job.id)


def resume(workspace: Workspace, runner: Runner, run: str, max_steps: int) -> str:
    """Put a run that has ended into the queue, to go on from its last state or to start again; says what happens.

    Args:
        workspace: Whose run.
        runner: Takes the job.
        run: Its name.
        max_steps: Steps in all; 0 leaves what its recipe says.

    Raises:
        ValueError: If it runs, must not run, or has done that many steps already.
    """
    summary = summary_of(workspace, runner, run)
    if summary.state not in CAN_GO_ON:
        raise ValueError(f"{run} is {summary.state}: it can go on once it has ended.")
    if not summary.begun:
        return _start_again(runner, run)
    directory = run_directory(workspace, run)
    steps = _checked_steps(run, summary, max_steps)
    recipe = run_recipe(workspace, run)
    recipe.require_safe(workspace)
    (directory.control / "stop").unlink(missing_ok=True)  # one that came too late would end it after a step
    words = ["-m", "ltx_module", "fit", "--config", recipe.path, "--ckpt_path", "last"]
    if steps != summary.max_steps:
        words += ["--trainer.max_steps", str(steps)]
    devices = devices_of(recipe.document)
    job = runner.submit("fit", f"Train {run}", words, subject=summary.data, run=run, devices=devices)
    saved = "goes on from its last saved state" if directory.states() else "starts at step 0, since nothing was saved"
    return _what_happens(runner, job, saved)


def _start_again(runner: Runner, run: str) -> str:
    """Give the command of a run that ended before training began once more; what it has encoded is kept.

    Raises:
        ValueError: If it was given elsewhere.
    """
    view = fits(runner).get(run)
    if view is None:
        raise ValueError(f"{run} ended before training began, and its command was not given here: clone it.")
    old = view.job
    job = runner.submit("fit", old.title, old.words, subject=old.subject, run=run, devices=old.devices, env=old.env)
    return _what_happens(runner, job, "starts again")


def _what_happens(runner: Runner, job: Job, what: str) -> str:
    return f"It waits in the queue, then {what}." if runner.view(job.id).state == "queued" else f"It {what}."


def _checked_steps(run: str, summary: RunSummary, max_steps: int) -> int:
    steps = max_steps or summary.max_steps
    if not 0 <= steps <= _MOST_STEPS:
        raise ValueError(f"Steps in all is {steps}: give a number from 1 to {_MOST_STEPS:,}.")
    if summary.max_steps and steps <= summary.step:
        raise ValueError(
            f"Steps in all is {steps:,}, but {run} has done {summary.step:,}: give a larger number to train longer."
        )
    return steps


def recipe_text(workspace: Workspace, runner: Runner, run: str) -> str:
    """The recipe of a run for a new one: the one in force, or where it never began the one its command names.

    Raises:
        ValueError: If neither is there.
    """
    path = workspace.runs / run
    if path.is_dir():
        directory: RunDirectory = run_directory(workspace, run)
        if directory.started:
            return run_recipe(workspace, run).document.text
    view = fits(runner).get(run)
    words = () if view is None else view.job.words
    if view is not None and "--config" in words[:-1]:
        named = workspace.root / words[words.index("--config") + 1]
        if named.resolve().is_relative_to((workspace.state / "recipes").resolve()):  # where launched recipes lie
            return bounded_text(named)
        return bounded_text(workspace.inside(named, "recipes", "runs"))
    raise ValueError(f"{run[:80] or 'The run'} has no recipe: choose one on the Recipe page.")


def _control(workspace: Workspace, run: str, name: str) -> None:
    """Put an empty file into the run's `control/`."""
    control = run_directory(workspace, run).control
    control.mkdir(exist_ok=True)
    workspace.inside(control / name, "runs")
    (control / name).touch()
