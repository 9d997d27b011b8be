"""The recipes to choose from: those that come with the project, one's own, and those of runs."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.atomic import replacing
from ltx_module.run_directory import RunDirectory
from ui.recipes.base import stem_of
from ui.recipes.cards import CARDS, GROUPS, LOOK, Card
from ui.recipes.document import RecipeDocument
from ui.recipes.reading import MOST_BYTES
from ui.recipes.rules import require_safe
from ui.workspace import SHIPPED_RECIPES, Workspace, safe_name

OWN = "Your recipes"
_MOST_RUNS = 200
_OWN_PREFIX = "mine/"


@dataclass(frozen=True, kw_only=True)
class RecipeCard:
    """A recipe to choose."""

    name: str
    """Name of the file without `.yaml`; `mine/` before one's own."""
    title: str
    gives: str
    data: str
    needs: str
    hours: str
    """How long on which card, in words."""
    group: str


def cards(workspace: Workspace) -> list[RecipeCard]:
    """All recipes, in the order in which the page shows them; one's own come last.

    Args:
        workspace: Where one's own lie.
    """
    names = sorted((path.stem for path in SHIPPED_RECIPES.glob("*.yaml")), key=_order)
    own = sorted(path for path in workspace.recipes.glob("*.yaml") if path.is_file())
    return [*map(_shipped, names), *(_own(workspace, path) for path in own)]


def recipe_text(workspace: Workspace, name: str) -> str:
    """The text of a recipe.

    Args:
        workspace: Where one's own lie.
        name: As on its card.

    Raises:
        ValueError: If there is none of this name, or it is no text.
    """
    own = name.startswith(_OWN_PREFIX)
    folder = workspace.recipes if own else SHIPPED_RECIPES
    path = folder / f"{safe_name(name.removeprefix(_OWN_PREFIX), 'recipe')}.yaml"
    return _read(workspace.inside(path, "recipes"), f"recipe {name}")


def runs_with_recipes(workspace: Workspace) -> list[str]:
    """Names of the runs whose recipes can be loaded, newest first."""
    recipes = [path for path in workspace.runs.glob("*/recipe.yaml") if path.is_file()]
    newest = sorted(recipes, key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return [path.parent.name for path in newest[:_MOST_RUNS]]


def recipe_of_run(workspace: Workspace, run: str) -> tuple[str, str]:
    """The recipe in force of a run, to be trained anew: its text without the run's own directory, and its name.

    Args:
        workspace: Where runs lie.
        run: Name of the run.

    Raises:
        ValueError: If there is no such run, or its recipe is no text.
    """
    directory = RunDirectory(workspace.inside(workspace.runs / safe_name(run, "run"), "runs"))
    path = workspace.inside(directory.latest_recipe, "runs")
    return without_run(_read(path, f"recipe in the run {run}")), stem_of(directory.recipe)


def without_run(text: str) -> str:
    """A run's recipe as the beginning of another run, which gets a directory of its own."""
    document = RecipeDocument(text)
    return document.set("trainer.default_root_dir", None).text if document.get("trainer.default_root_dir") else text


def fingerprint(text: str) -> str:
    """What tells whether a file is still as it was when the page loaded it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def save_as_mine(workspace: Workspace, name: str, text: str, *, loaded: str = "", replace: bool = False) -> str:
    """Keep a recipe as one of one's own.

    Args:
        workspace: Where they lie.
        name: Its new name.
        text: The recipe.
        loaded: Fingerprint of the file of this name when the page loaded it; empty if it did not.
        replace: Whether to replace a file of this name all the same.

    Returns:
        The card's name, `mine/<name>`.

    Raises:
        ValueError: If the name or text will not do, or a file of this name is not what the page loaded.
    """
    name = safe_name(name.strip().removesuffix(".yaml"), "recipe")
    require_safe(text, workspace)
    path = workspace.inside(workspace.recipes / f"{name}.yaml", "recipes")
    if path.exists() and not replace:
        before = _read(path, f"recipe {name}")
        if before == text:
            return f"{_OWN_PREFIX}{name}"
        if not loaded:
            raise ValueError(f"There is a recipe {name} of yours already: choose another name, or tick Replace.")
        if fingerprint(before) != loaded:
            raise ValueError(
                f"Your recipe {name} has changed since this page loaded it, perhaps in another tab: save under another"
                " name, or tick Replace to lose that change."
            )
    with replacing(path) as temporary:
        temporary.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
    return f"{_OWN_PREFIX}{name}"


def _order(name: str) -> tuple[int, int, str]:
    listed = list(CARDS)
    card = CARDS.get(name)
    return (GROUPS.index(card.group), listed.index(name), "") if card else (len(GROUPS), 0, name)


def _shipped(name: str) -> RecipeCard:
    card = CARDS.get(name) or Card(title=name.replace("_", " "), gives="", data="", group=LOOK)
    return RecipeCard(
        name=name,
        title=card.title,
        gives=card.gives,
        data=card.data,
        needs=card.needs,
        hours=_hours(name, card),
        group=card.group,
    )


def _hours(name: str, card: Card) -> str:
    """How long the recipe's steps take on an H200, without samples; what was not measured is said so."""
    if name == "demo":
        return "minutes on a CPU"
    if card.step_ms is None:
        return "not measured; Check estimates it"
    document = RecipeDocument((SHIPPED_RECIPES / f"{name}.yaml").read_text(encoding="utf-8"))
    steps = document.get("trainer.max_steps")
    share = document.get("model.preservation.init_args.class_probability", 0.0)
    slowdown = 1 + share * 4 / 3  # as `check` counts it: the base's forward, and all three passes once more
    return f"about {steps * card.step_ms * slowdown / 3.6e6:.1f} h on an H200"


def _own(workspace: Workspace, path: Path) -> RecipeCard:
    """A recipe of one's own: its first comment says what it is."""
    try:
        text = _read(workspace.inside(path, "recipes"), path.stem)
        trigger = RecipeDocument(text).get("data.trigger", "")
        comment = re.match(r"#\s*(.+)", text)
        gives = comment[1][:160] if comment else ""
    except (OSError, ValueError):
        gives, trigger = "It cannot be read: open it in an editor.", ""
    data = f"trigger word {trigger}" if trigger else ""
    return RecipeCard(
        name=f"{_OWN_PREFIX}{path.stem}", title=path.stem, gives=gives, data=data, needs="", hours="", group=OWN
    )


def _read(path: Path, what: str) -> str:
    """A file's text.

    Raises:
        ValueError: If it is missing, too long or no text.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"The {what} is longer than {MOST_BYTES // 1024} kB: it is no recipe.")
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise ValueError(f"There is no {what} any more: choose another.") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"The {what} is not UTF-8 text: {error.reason}.") from error


def as_data(card: RecipeCard) -> dict[str, Any]:
    """A card as the page draws it."""
    return {name: getattr(card, name) for name in card.__dataclass_fields__}
