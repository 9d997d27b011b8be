"""What the page Export shows and does, in plain values."""

from typing import Any

from ui.jobs.job import JobView, Kind
from ui.jobs.runner import Runner
from ui.packages.card_file import Card, card_of, draft, save_card
from ui.packages.comfyui_copy import copy_package, describe_copy, describe_done, plan_copy
from ui.packages.export_job import checkpoint_choices, start_export
from ui.packages.load_report import LoadReport, load_report
from ui.packages.package import Package, package_of
from ui.packages.safetensors_header import shown_size
from ui.recipes.document import RecipeDocument
from ui.runs.run_recipe import run_recipe
from ui.workspace import Workspace

NO_RUN = "No run is chosen. Choose one above, or train a recipe first."
NO_PACKAGE = (
    "Nothing exported yet. Choose a checkpoint and press “Export”; the LoRA file, its ComfyUI workflows and notes"
    " appear here."
)
_EXPORTS: tuple[Kind, ...] = ("export",)
_LOG_BYTES = 4000


def shown_package(workspace: Workspace, runner: Runner, run: str) -> dict[str, Any]:
    """The package, its load report and the newest export, as the page's JavaScript takes it.

    Args:
        workspace: Has the run.
        runner: Knows what runs.
        run: Name of the run; empty for none.
    """
    if not run:
        return {"run": "", "empty": NO_RUN, "job": None, "package": None, "report": None}
    package = package_of(workspace, run)
    job = _job(runner, run)
    report = _report(workspace, package) if package is not None else None
    shown = None if package is None else _package(package)
    return {"run": run, "empty": NO_PACKAGE, "job": job, "package": shown, "report": report}


def checkpoints(workspace: Workspace, run: str) -> list[tuple[str, str]]:
    """What can be exported, label and value of each; nothing for a run that is not there."""
    try:
        return checkpoint_choices(workspace, run)
    except ValueError:
        return []


def export(workspace: Workspace, runner: Runner, run: str, choice: str | None) -> str:
    """Start the export.

    Returns:
        What happens now, in words.

    Raises:
        ValueError: If it cannot be started.
    """
    if not run:
        raise ValueError(NO_RUN)
    if not choice:
        raise ValueError(f"{run} has no LoRA yet: it can be exported once its training has saved one.")
    job = start_export(workspace, runner, run, choice)
    view = runner.view(job.id)
    if view.state == "queued":
        return f"The export waits in the queue, place {view.position}."
    return "The export has begun. It loads the base model, writes the package and checks it."


def card(workspace: Workspace, run: str) -> Card:
    """The model card of a run's package; empty where there is none.

    Raises:
        ValueError: If the files that it is made from cannot be read.
    """
    found = _parts(workspace, run)
    return Card(text="", seen="") if found is None else card_of(workspace, *found)


def drafted(workspace: Workspace, run: str) -> str:
    """A card made anew.

    Raises:
        ValueError: If nothing was exported.
    """
    return draft(workspace, *_required(workspace, run))


def saved(workspace: Workspace, run: str, text: str, seen: str) -> Card:
    """Save a card; see `save_card`.

    Raises:
        ValueError: If nothing was exported, or the card cannot be saved.
    """
    return save_card(workspace, *_required(workspace, run), text, seen)


def copy_lines(workspace: Workspace, run: str) -> tuple[str, str, bool]:
    """What a copy to ComfyUI would do, or why there can be none.

    Returns:
        Text, the token to agree with replacing files, and whether there is anything to replace.
    """
    package = package_of(workspace, run) if run else None
    if package is None:
        return ("Export first; then the files can be copied." if workspace.comfyui else _how_to_name()), "", False
    try:
        plan = plan_copy(workspace, package)
    except ValueError as error:
        return str(error), "", False
    return "\n".join([f"To {plan.folder}:", *describe_copy(plan)]), plan.seen, bool(plan.different)


def copied(workspace: Workspace, run: str, replace: bool, seen: str) -> str:
    """Copy the package to ComfyUI, and say what was done.

    Raises:
        ValueError: If nothing was exported, or a file may not be written.
    """
    package, _ = _required(workspace, run)
    steps = copy_package(workspace, package, replace=replace, seen=seen)
    return describe_done(plan_copy(workspace, package).folder, steps)


def _parts(workspace: Workspace, run: str) -> tuple[Package, RecipeDocument] | None:
    package = package_of(workspace, run) if run else None
    return None if package is None else (package, run_recipe(workspace, run).document)


def _required(workspace: Workspace, run: str) -> tuple[Package, RecipeDocument]:
    found = _parts(workspace, run)
    if found is None:
        raise ValueError("Nothing is exported yet: export a LoRA of this run first.")
    return found


def _how_to_name() -> str:
    return "To copy packages there, start the studio with --comfyui and the folder of ComfyUI."


def _package(package: Package) -> dict[str, Any]:
    return {
        "name": package.name,
        "exported": package.exported,
        "size": shown_size(package.size),
        "folder": f"runs/{package.run}/export",
        "files": [{"name": file.name, "label": file.label, "size": shown_size(file.size)} for file in package.files],
        "earlier": list(package.earlier),
        "left_out": list(package.left_out),
        "download": f"package/{package.run}",
    }


def _report(workspace: Workspace, package: Package) -> dict[str, Any]:
    """The load report as verdict and rows."""
    try:
        recipe = run_recipe(workspace, package.run).document
    except (ValueError, OSError):
        recipe = None
    try:
        report = load_report(workspace, package, recipe)
    except (ValueError, OSError) as error:
        return {"good": False, "verdict": str(error), "comparison": "", "rows": [], "not_loaded": []}
    return {
        "good": report.is_good,
        "verdict": report.verdict,
        "comparison": report.comparison,
        "rows": _rows(report),
        "not_loaded": list(report.not_loaded),
    }


def _rows(report: LoadReport) -> list[tuple[str, str]]:
    trigger = report.metadata.get("trigger", "")
    rows = [
        ("Trigger", trigger),
        ("Rank", str(report.rank)),
        ("Parameters", f"{report.num_parameters:,} in {', '.join(report.dtypes)}"),
        ("Steps", report.metadata.get("training_steps", "")),
        ("Layers", ", ".join(f"{name} ({count})" for name, count in report.groups)),
        ("Hash", report.metadata.get("modelspec.hash_sha256", "")),
    ]
    return [(name, value) for name, value in rows if value]


def _job(runner: Runner, run: str) -> dict[str, Any] | None:
    """The newest export of a run that is not over, or has failed."""
    view: JobView | None = next(iter(runner.views(kinds=_EXPORTS, run=run, limit=1)), None)
    if view is None or view.state == "finished":
        return None
    error = None
    if view.state == "failed":
        text, fix = (view.error.text, view.error.fix) if view.error else ("It failed without saying why.", "")
        error = {"text": text, "fix": fix, "log": runner.log(view.job.id, _LOG_BYTES)}
    return {
        "id": view.job.id,
        "state": view.state,
        "news": _news(view, runner),
        "error": error,
        "command": view.command,
    }


def _news(view: JobView, runner: Runner) -> str:
    if view.state == "queued":
        return f"The export waits in the queue, place {view.position}."
    if view.state == "running":
        lines = [line for line in runner.log(view.job.id, _LOG_BYTES).splitlines() if line.strip()]
        return lines[-1] if lines else "The export loads the base model."
    return {"stopped": "The export was stopped.", "lost": "The export ended without a word: start it again."}.get(
        view.state, "The export failed."
    )
