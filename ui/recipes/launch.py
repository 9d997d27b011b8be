"""From a recipe's text to a command: what is shown is what runs.

The text is written as `.studio/recipes/<fingerprint>/<name>.yaml`. Another text is another file, so neither a later
edit nor another browser tab changes what runs, the command is known beforehand, and a report belongs to its text.
"""

import re
from pathlib import Path

from datamodules.atomic import replacing
from ltx_module.run_directory import RunDirectory
from ui.jobs.job import Job, JobView
from ui.jobs.runner import Runner
from ui.recipes.devices import devices_of
from ui.recipes.document import RecipeDocument
from ui.recipes.library import fingerprint
from ui.recipes.quick_checks import remarks
from ui.workspace import Workspace, safe_name

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST_NAME = 48
_OF_A_RUN = re.compile(r"recipe(-resumed-step_\d+)?")


def file_name(recipe: str) -> str:
    """Name of a recipe's file, which its runs are called after.

    Args:
        recipe: Name of a card, `mine/` before one's own, or whatever was typed.
    """
    plain = _NOT_IN_NAMES.sub("-", recipe.removeprefix("mine/")).strip("-.")[:_LONGEST_NAME] or "mine"
    return f"{plain}-of-mine" if _OF_A_RUN.fullmatch(plain) else plain  # the name of a run's own file


def config_path(workspace: Workspace, text: str, recipe: str) -> Path:
    """The file that commands are given for a text."""
    return workspace.state / "recipes" / fingerprint(text) / f"{file_name(recipe)}.yaml"


def report_path(workspace: Workspace, text: str) -> Path:
    """What `check` writes about a text."""
    return workspace.state / "recipes" / fingerprint(text) / "report.json"


def free_run(workspace: Workspace, runner: Runner, recipe: str) -> str:
    """The first `<recipe>-<n>` that no run has and no active job takes.

    Args:
        workspace: Where runs lie.
        runner: Knows the queue.
        recipe: Name of the recipe.
    """
    stem = file_name(recipe)
    taken = {view.job.run for view in runner.active()}
    number = 1
    while f"{stem}-{number}" in taken or not RunDirectory(workspace.runs / f"{stem}-{number}").is_free:
        number += 1
    return f"{stem}-{number}"


def check_command(workspace: Workspace, text: str, recipe: str) -> list[str]:
    """Words of `check` after `python`."""
    config, report = config_path(workspace, text, recipe), report_path(workspace, text)
    return ["-m", "ltx_module", "check", "--config", workspace.shown(config), "--json", workspace.shown(report)]


def fit_command(workspace: Workspace, text: str, recipe: str, run: str) -> list[str]:
    """Words of `fit` after `python`."""
    return ["-m", "ltx_module", "fit", "--config", workspace.shown(config_path(workspace, text, recipe)), "--run", run]


def submit_check(workspace: Workspace, runner: Runner, text: str, recipe: str) -> Job:
    """Start `check` on a recipe.

    Raises:
        ValueError: If something is known to be wrong with the recipe, or it is being checked.
    """
    document = _launchable(workspace, text)
    report_path(workspace, text).unlink(missing_ok=True)
    _write(config_path(workspace, text, recipe), text)
    return runner.submit(
        "check",
        f"Check {file_name(recipe)}",
        check_command(workspace, text, recipe),
        subject=str(document.get("data.path") or ""),
        unique=check_key(text),
    )


def submit_fit(workspace: Workspace, runner: Runner, text: str, recipe: str, run: str = "") -> Job:
    """Put a training into the queue.

    Args:
        workspace: Where it runs.
        runner: Runs it.
        text: The recipe.
        recipe: Its name.
        run: Name of the run; empty takes the next free one.

    Raises:
        ValueError: If something is known to be wrong with the recipe, or the run's name is taken.
    """
    document = _launchable(workspace, text)
    name = safe_name(run, "run") if run.strip() else free_run(workspace, runner, recipe)
    if not RunDirectory(workspace.inside(workspace.runs / name, "runs")).is_free:
        raise ValueError(f"There is a run {name} already: choose another name, or leave it empty.")
    _write(config_path(workspace, text, recipe), text)
    return runner.submit(
        "fit",
        f"Train {name}",
        fit_command(workspace, text, recipe, name),
        subject=str(document.get("data.path") or ""),
        run=name,
        devices=devices_of(document),
    )


def check_key(text: str) -> str:
    """Key of the job that checks a text, of which one runs at a time."""
    return f"check:{fingerprint(text)}"


def newest_check(runner: Runner, text: str) -> JobView | None:
    """The newest check of a text, or None."""
    key = check_key(text)
    return next((view for view in runner.views(kinds={"check"}, limit=20) if view.job.unique == key), None)


def _launchable(workspace: Workspace, text: str) -> RecipeDocument:
    """The recipe, if nothing is known to be wrong with it.

    Raises:
        ValueError: Naming all that is.
    """
    document = RecipeDocument(text)
    bad = [one.text for one in remarks(document, workspace) if one.tone == "bad"]
    if bad:
        raise ValueError("\n".join(bad))
    return document


def _write(path: Path, text: str) -> None:
    """A file that nobody else writes otherwise, since its directory is the text's fingerprint."""
    if not path.is_file() or path.read_bytes() != text.encode():
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
