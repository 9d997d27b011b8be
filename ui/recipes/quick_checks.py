"""What is wrong with a recipe, told in words before any process is started.

It looks at names and small files only. `check` of the command line looks at everything else.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from datamodules.geometry import Bucket
from ui.datasets.dataset import Dataset, open_dataset
from ui.datasets.entry import Listing
from ui.datasets.listing import list_clips
from ui.datasets.seen import read_caption
from ui.recipes.document import RecipeDocument, key_text
from ui.recipes.rules import paths_of, require_safe
from ui.workspace import Workspace

_MOST_CAPTIONS = 400
_GEMMA = "google/gemma-3-12b-it-qat-q4_0-unquantized"
DOWNLOADS = {
    "ltx-2.3-22b-dev-fp8.safetensors": (
        "hf download Lightricks/LTX-2.3-fp8 ltx-2.3-22b-dev-fp8.safetensors --local-dir models"
    ),
    "ltx-2.3-22b-dev.safetensors": "hf download Lightricks/LTX-2.3 ltx-2.3-22b-dev.safetensors --local-dir models",
    "gemma-3-12b-it-qat-q4_0-unquantized": f"hf download {_GEMMA} --local-dir models/{_GEMMA.partition('/')[2]}",
    "ltx-2.3-22b-distilled-lora-384-1.1.safetensors": (
        "hf download Lightricks/LTX-2.3 ltx-2.3-22b-distilled-lora-384-1.1.safetensors --local-dir models"
    ),
}
"""How to get the published files, by name; as in the README."""


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something about a recipe."""

    tone: Literal["bad", "warn", "info"]
    """A bad one forbids the launch."""
    text: str
    """In words, with the way out."""


def remarks(document: RecipeDocument, workspace: Workspace) -> list[Remark]:
    """All that can be told of a recipe at once; bad ones first.

    Args:
        document: The recipe.
        workspace: Where its files lie.
    """
    found = list(_unsafe(document, workspace))
    if not found:
        for look in (_missing_groups, _shapes, _models, _media, _data):
            found += look(document, workspace)
    return sorted(found, key=lambda one: ("bad", "warn", "info").index(one.tone))


def _unsafe(document: RecipeDocument, workspace: Workspace) -> Iterator[Remark]:
    try:
        require_safe(document.text, workspace)
    except ValueError as error:
        yield Remark(tone="bad", text=str(error))


def _missing_groups(document: RecipeDocument, workspace: Workspace) -> Iterator[Remark]:  # noqa: ARG001 - one of several looks
    for key in ("model", "data", "trainer"):
        if not isinstance(document.get(key), dict):
            yield Remark(tone="bad", text=f"`{key}` is missing: a recipe has model, data and trainer. Choose a recipe.")
    steps = document.get("trainer.max_steps", 2000)
    if type(steps) is not int or steps < 1:
        yield Remark(tone="bad", text=f"`trainer.max_steps` is {steps!r}, but it is a whole number from 1: try 2000.")


def _shapes(document: RecipeDocument, workspace: Workspace) -> Iterator[Remark]:  # noqa: ARG001 - one of several looks
    """Buckets and the size of samples."""
    buckets = document.get("data.buckets")
    if not isinstance(buckets, list) or not buckets:
        yield Remark(
            tone="bad", text="`data.buckets` is empty, but clips need a shape: choose one, such as 960x544x49."
        )
        buckets = []
    named = [(f"data.buckets[{number}]", one) for number, one in enumerate(buckets)]
    sound = document.get("model.streams", "av") == "audio"
    factor = document.get("data.reference_downscale_factor", 1)
    for key, text in [*named, ("sample.size", document.get("sample.size", "4s" if sound else "960x544x49"))]:
        try:
            bucket = Bucket.parse(str(text), key=key)
        except ValueError as error:
            yield Remark(tone="bad", text=str(error))
            continue
        if bucket.is_sound != sound:
            wanted = "seconds such as 4s, since this recipe trains sound alone" if sound else "WIDTHxHEIGHTxFRAMES"
            yield Remark(tone="bad", text=f"`{key}` is {text}, but here it is {wanted}.")
        elif type(factor) is int and factor > 1 and (bucket.width % (32 * factor) or bucket.height % (32 * factor)):
            yield Remark(
                tone="bad",
                text=f"`{key}` is {text}, but with `data.reference_downscale_factor: {factor}` both sides are multiples"
                f" of {32 * factor}: choose 1024x576, 768x768 or another such size.",
            )


def _models(document: RecipeDocument, workspace: Workspace) -> Iterator[Remark]:
    """Files of the base model and its text encoder."""
    for key in ("model.base_model", "model.text_encoder"):
        named = document.get(key)
        if not isinstance(named, str):
            yield Remark(tone="bad", text=f"`{key}` is missing: choose a model.")
            continue
        path = workspace.inside(named, "models")
        fitting = path.is_dir() if key.endswith("encoder") else path.is_file()
        if not fitting:
            yield Remark(tone="bad", text=f"`{key}` is {named}, which is not there. {_to_get(path)}")


def _to_get(path: Path) -> str:
    """How to get a file that is missing."""
    command = DOWNLOADS.get(path.name)
    if command is None:
        return "Put it there, or name another file."
    licence = f"accept its licence at huggingface.co/{_GEMMA}, run `hf auth login`, then " if "gemma" in command else ""
    return f"To get it, {licence}run in a terminal: {command}"


def _media(document: RecipeDocument, workspace: Workspace) -> Iterator[Remark]:
    """Other files that the recipe names."""
    for key, named in paths_of(document).items():
        if (
            key[:2] in (("model", "base_model"), ("model", "text_encoder"), ("data", "cache_dir"))
            or key[0] == "trainer"
        ):
            continue
        if key[:2] in (("data", "path"), ("data", "sets")):
            continue
        path = workspace.inside(named, "datasets", "runs", "models")
        if not path.exists():
            hint = (
                _to_get(path)
                if key[0] != "sample" or key[1] != "prompts"
                else ("Put it there, name another file behind the prompt, or remove the prompt.")
            )
            yield Remark(tone="bad", text=f"`{key_text(key)}` is {named}, which is not there. {hint}")


def _data(document: RecipeDocument, workspace: Workspace) -> Iterator[Remark]:
    """The datasets, their captions and what conditions need beside the clips."""
    sets = document.get("data.sets")
    listed = [(f"data.sets[{number}].path", one) for number, one in enumerate(sets)] if isinstance(sets, list) else []
    named = [(key, one.get("path")) for key, one in listed if isinstance(one, dict)]
    if not listed:
        named = [("data.path", document.get("data.path"))]
    beside = document.get("data.regularisation")
    named += [("data.regularisation", one) for one in (beside if isinstance(beside, list) else [beside]) if one]
    for key, path in named:
        try:
            dataset = open_dataset(workspace, str(path or ""))
            listing = list_clips(dataset)
            listing.require_contained()
        except (ValueError, OSError) as error:
            yield Remark(tone="bad", text=f"`{key}`: {error}")
            continue
        if not listing.entries:
            yield Remark(tone="bad", text=f"`{key}` is {path}, which holds no clip: add clips on the Dataset page.")
        if key != "data.regularisation":
            yield from _companions(document, listing, str(path))
        if key == "data.path":
            yield from _trigger(document, listing)


def _companions(document: RecipeDocument, listing: Listing, path: str) -> Iterator[Remark]:
    """References and masks that the conditions take."""
    needs: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
        ("Reference", "reference", lambda entry: bool(entry.references)),
        ("Mask", "mask", lambda entry: bool(entry.masks)),
    )
    conditions = document.get("model.conditions")
    named = {str(one.get("class_path", "")).rpartition(".")[2] for one in conditions or [] if isinstance(one, dict)}
    for name, what, has in needs:
        if name in named and listing.entries and not any(map(has, listing.entries)) and not _is_table(listing.dataset):
            yield Remark(
                tone="bad",
                text=f"This recipe needs a {what} beside each clip, and {path} has none: add them on the Dataset page,"
                f" in the folder {what}s.",
            )


def _is_table(dataset: Dataset) -> bool:
    """Whether columns of a table may name what no file name shows."""
    return dataset.is_manifest


def _trigger(document: RecipeDocument, listing: Listing) -> Iterator[Remark]:
    """Whether captions name the trigger word."""
    trigger = document.get("data.trigger")
    if not isinstance(trigger, str) or not trigger:
        return
    captions = _captions(listing)
    lacking = sum(trigger.casefold() not in text.casefold() for text in captions)
    if lacking:
        which = "No caption names" if lacking == len(captions) else f"{lacking} of {len(captions)} captions do not name"
        yield Remark(tone="info", text=f"{which} the trigger word {trigger}: training puts it in front of them.")


def _captions(listing: Listing) -> list[str]:
    """The first captions of each clip, of so many clips that a look stays quick."""
    texts = []
    for entry in listing.entries[:_MOST_CAPTIONS]:
        if entry.captions:
            texts.append(entry.captions[0][1])
        elif entry.caption_files:
            try:
                texts.append(read_caption(entry.caption_files[0]).text)
            except OSError:
                continue
    return texts
