"""The model card in the package: read, drafted from the run's files, and saved with copies of its samples."""

import shutil
from dataclasses import dataclass

from datamodules.atomic import replacing
from ui.packages.card_facts import card_facts
from ui.packages.model_card import model_card
from ui.packages.package import CARD_FOLDER, Package
from ui.recipes.document import RecipeDocument
from ui.workspace import Workspace

_LONGEST = 200_000


@dataclass(frozen=True, kw_only=True)
class Card:
    """The text of a card and where it comes from."""

    text: str
    seen: str
    """Version of the file, empty where none is saved yet; it comes back with the text when it is saved."""

    @property
    def is_saved(self) -> bool:
        """Whether it is that of the file."""
        return bool(self.seen)


def card_of(workspace: Workspace, package: Package, recipe: RecipeDocument) -> Card:
    """The saved card of a package, or a draft.

    Raises:
        ValueError: If the files that a draft is made from cannot be read.
    """
    seen = _version(package)
    if seen:
        text = workspace.inside(package.card, "runs").read_text(encoding="utf-8", errors="replace")
        if len(text) > _LONGEST:
            raise ValueError(
                f"The saved model card has more than {_LONGEST} characters: edit {package.card.name} itself."
            )
        return Card(text=text, seen=seen)
    return Card(text=draft(workspace, package, recipe), seen="")


def draft(workspace: Workspace, package: Package, recipe: RecipeDocument) -> str:
    """A card made anew from the run's files."""
    return model_card(card_facts(workspace, package, recipe))


def save_card(workspace: Workspace, package: Package, recipe: RecipeDocument, text: str, seen: str) -> Card:
    """Save a card as the user left it, and put the samples that it may name beside it.

    Args:
        workspace: Has the run.
        package: Where to.
        recipe: That of the run.
        text: The card.
        seen: Version of the file that the text began from.

    Raises:
        ValueError: If the text is empty or too long, or the file has changed in the meantime.
    """
    if not text.strip():
        raise ValueError("The model card is empty: write something, or draft it anew.")
    if len(text) > _LONGEST:
        raise ValueError(f"The model card has more than {_LONGEST} characters: shorten it.")
    if _version(package) != seen:
        raise ValueError(
            f"{workspace.shown(package.card)} has changed since it was shown here: copy your text away and reload."
        )
    folder = workspace.inside(package.directory / CARD_FOLDER / "media", "runs")
    for sample in card_facts(workspace, package, recipe).samples:
        with replacing(folder / sample.path.name) as temporary:
            shutil.copyfile(sample.path, temporary)
    target = workspace.inside(package.card, "runs")
    with replacing(target) as temporary:
        temporary.write_text(text.replace("\r\n", "\n"), encoding="utf-8")
    return Card(text=text, seen=_version(package))


def _version(package: Package) -> str:
    try:
        return f"{package.card.stat().st_mtime_ns:x}"
    except FileNotFoundError:
        return ""
