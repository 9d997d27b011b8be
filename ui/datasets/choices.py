"""What was chosen for a dataset and is remembered: its trigger word, and the recipe that it is meant for."""

from datamodules.atomic import read_json, write_json
from ui.datasets.dataset import Dataset, open_dataset
from ui.workspace import Workspace

_LONGEST = 64


def trigger_of(workspace: Workspace, dataset: str) -> str:
    """The trigger word of a dataset, empty if it has none or there is no such dataset.

    Args:
        workspace: Where it lies.
        dataset: Its path as a recipe writes it.
    """
    try:
        return read_trigger(open_dataset(workspace, dataset))
    except (ValueError, OSError):
        return ""


def read_trigger(dataset: Dataset) -> str:
    """The trigger word; empty if there is none."""
    return _read(dataset).get("trigger", "")


def write_trigger(dataset: Dataset, text: str) -> str:
    """Remember the trigger word.

    Returns:
        The word as it is kept.

    Raises:
        ValueError: If it cannot be one.
    """
    trigger = text.strip()
    if len(trigger) > _LONGEST or not trigger.isprintable():
        raise ValueError(
            f"The trigger word is {trigger[:80]!r}, but it is one short word such as mia1, "
            f"{_LONGEST} characters at most."
        )
    _write(dataset, "trigger", trigger)
    return trigger


def replace_trigger(dataset: Dataset, text: str, shown: str) -> tuple[str, str]:
    """Remember another trigger word, unless it became one that the page has not shown.

    Args:
        dataset: The dataset.
        text: As typed.
        shown: The word that the page showed before.

    Returns:
        The word that is kept, and what to tell; empty where there is nothing to say.

    Raises:
        ValueError: If the text cannot be a trigger word.
    """
    kept = read_trigger(dataset)
    if text.strip() == kept or (text.strip() == shown and shown != kept):  # nothing was typed here
        return kept, ""
    if shown != kept:
        return kept, f"The trigger word has become {kept!r} elsewhere: type {text.strip()!r} again to replace it."
    return write_trigger(dataset, text), ""


def read_recipe(dataset: Dataset) -> str:
    """The name of the recipe that it is meant for; empty if none was chosen."""
    return _read(dataset).get("recipe", "")


def write_recipe(dataset: Dataset, name: str) -> None:
    """Remember the recipe that it is meant for."""
    _write(dataset, "recipe", name)


def _read(dataset: Dataset) -> dict[str, str]:
    content = read_json(dataset.state / "choices.json")
    if not isinstance(content, dict):
        return {}
    return {name: value for name, value in content.items() if isinstance(value, str)}


def _write(dataset: Dataset, name: str, value: str) -> None:
    write_json(dataset.state / "choices.json", {**_read(dataset), name: value})
