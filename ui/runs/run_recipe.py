"""The recipe in force of a run, for the commands that work on it."""

from dataclasses import dataclass
from pathlib import Path

from ui.recipes.document import RecipeDocument
from ui.recipes.rules import require_safe
from ui.runs.places import file_of_run, run_directory
from ui.workspace import Workspace

_LARGEST = 2**20


@dataclass(frozen=True, kw_only=True)
class RunRecipe:
    """A run's recipe, the one of its latest resume if that changed something."""

    path: str
    """As a command writes it."""
    document: RecipeDocument

    def require_safe(self, workspace: Workspace) -> None:
        """Refuse what the page must not run. Raises what `ui.recipes.rules.require_safe` raises."""
        require_safe(self.document.text, workspace)


def run_recipe(workspace: Workspace, run: str) -> RunRecipe:
    """The recipe in force of a run.

    Raises:
        ValueError: If there is no such run, or its training has not begun.
    """
    directory = run_directory(workspace, run)
    if not directory.started:
        raise ValueError(f"{run} has no recipe yet, since its training has not begun: wait for it, or choose another.")
    file = file_of_run(workspace, directory, directory.latest_recipe)
    return RunRecipe(path=workspace.shown(file), document=RecipeDocument(bounded_text(file)))


def bounded_text(path: Path) -> str:
    """A recipe's text.

    Raises:
        ValueError: If it is larger than a recipe can be.
    """
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError(f"{path.name} is larger than a recipe can be (1 MiB): choose another run.")
    return data.decode("utf-8")
