"""What the recipe page shows of recipes and remarks, as data and as escaped markup."""

from typing import Any

from ui.parts import notice as notices
from ui.recipes.library import as_data, cards
from ui.recipes.quick_checks import Remark
from ui.recipes.session import Session
from ui.workspace import Workspace

_PICO_TIME = "minutes on a CPU"


def cards_value(workspace: Workspace, session: Session) -> dict[str, Any]:
    """The cards by group, and what is chosen.

    Args:
        workspace: Where one's own recipes lie.
        session: What the page works on.
    """
    listed = cards(workspace)
    groups = list(dict.fromkeys(card.group for card in listed))
    chosen = next(({**as_data(card), "note": session.source} for card in listed if card.name == session.card), None)
    if chosen is not None and session.start.model == "pico":
        chosen["hours"] = _PICO_TIME
    if chosen is None and not session.is_empty:
        chosen = {
            "name": "",
            "title": session.start.name,
            "gives": session.source,
            "data": "",
            "needs": "",
            "hours": "",
        }
    return {
        "groups": [
            {"name": group, "cards": [as_data(one) for one in listed if one.group == group]} for group in groups
        ],
        "chosen": chosen,
    }


def remarks_html(found: list[Remark]) -> str:
    """What is wrong with a recipe, each thing in a box of its own; nothing where all is well."""
    return "".join(notices.markup(one.text, one.tone) for one in found)
