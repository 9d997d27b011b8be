"""The command that makes a package."""

from ltx_module.run_directory import RunDirectory, step_of
from ui.jobs.job import Job
from ui.jobs.runner import Runner
from ui.recipes.devices import devices_of
from ui.runs.favourite import favourite
from ui.runs.places import run_directory
from ui.runs.run_recipe import run_recipe
from ui.workspace import Workspace

FAVOURITE = "favourite"
NEWEST = "newest"


def checkpoint_choices(workspace: Workspace, run: str) -> list[tuple[str, str]]:
    """LoRA files of a run that can be exported: the favourite, the newest, and each by its step.

    Returns:
        Label and value of each, the one to begin with first; none where there is no LoRA.
    """
    loras = run_directory(workspace, run).loras() if run else []
    if not loras:
        return []
    chosen = favourite(workspace, run)
    marked = [(f"Favourite: {chosen.checkpoint} at strength {chosen.strength:g}", FAVOURITE)] if chosen else []
    newest = [(f"Newest: step {step_of(loras[-1])}", NEWEST)]
    return marked + newest + [(f"Step {step_of(path)}", workspace.shown(path)) for path in loras[::-1]]


def export_words(workspace: Workspace, run: str, choice: str) -> tuple[str, ...]:
    """The command after `python`.

    Args:
        workspace: Has the run.
        run: Name of the run.
        choice: A value of `checkpoint_choices`.

    Raises:
        ValueError: If the run has no recipe or no such LoRA.
    """
    recipe = run_recipe(workspace, run)
    lora = _lora(workspace, run_directory(workspace, run), choice)
    return ("-m", "ltx_module", "export", "--config", recipe.path, "--run", run, "--lora", lora)


def start_export(workspace: Workspace, runner: Runner, run: str, choice: str) -> Job:
    """Start the export, or let it wait for a GPU.

    Raises:
        ValueError: If it cannot be made, or one of this run is waiting or running already.
    """
    words = export_words(workspace, run, choice)
    recipe = run_recipe(workspace, run)
    recipe.require_safe(workspace)
    on_cpu = recipe.document.get("trainer.accelerator") == "cpu"
    return runner.submit(
        "export",
        f"Export of {run}",
        words,
        subject=run,
        run=run,
        devices=0 if on_cpu else devices_of(recipe.document),
        unique=f"export {run}",
    )


def _lora(workspace: Workspace, directory: RunDirectory, choice: str) -> str:
    """`FILE:STRENGTH` of a choice.

    Raises:
        ValueError: If there is no such LoRA.
    """
    loras = directory.loras()
    if choice == FAVOURITE:
        chosen = favourite(workspace, directory.name)
        if chosen is None:
            raise ValueError(
                f"{directory.name} has no favourite any more: mark one on the page Results, or export another."
            )
        return f"{workspace.shown(chosen.lora)}:{chosen.strength:g}"
    path = loras[-1] if choice == NEWEST and loras else None
    path = path or next((one for one in loras if workspace.shown(one) == choice), None)
    if path is None:
        raise ValueError(f"{directory.name} has no LoRA file {choice!r}: choose one from the list.")
    return f"{workspace.shown(workspace.inside(path, 'runs'))}:1"
