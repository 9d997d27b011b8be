"""What a recipe must not say before the page runs it.

The command line builds whatever class a recipe names and reads whatever file it points to. On the page the text comes
from a browser, so each place is looked at: classes stand on an allow-list, paths lie in the workspace's folders, and a
text is taken only where a text is meant. A plain word elsewhere must not look like a path, an import or YAML within
YAML, since the parser would follow it.
"""

import re
from collections.abc import Iterator
from typing import Any

from ui.recipes.allowed_classes import WHICH, is_allowed
from ui.recipes.document import RecipeDocument, key_text
from ui.recipes.reading import Key
from ui.workspace import Area, OutsideError, Workspace

MEDIA_KEYS = (
    "image", "last_image", "video", "audio", "video_mask", "audio_mask", "reference_video", "reference_audio",
)  # fmt: skip
"""Keys of a sample prompt that name a file."""

_PATHS: dict[str, tuple[Area, ...]] = {
    "model.base_model": ("models",),
    "model.text_encoder": ("models",),
    "model.lora.init_from": ("runs", "models"),
    "data.path": ("datasets",),
    "data.sets[].path": ("datasets",),
    "data.regularisation": ("datasets",),
    "data.regularisation[]": ("datasets",),
    "data.cache_dir": ("datasets", "runs"),
    "sample.distilled_lora": ("models",),
    "evaluate.clip_model": ("models",),
    "trainer.default_root_dir": ("runs",),
    "ckpt_path": ("runs",),
    **{f"sample.prompts[].{name}": ("datasets", "runs") for name in MEDIA_KEYS},
}
_TEXTS = {
    "data.trigger",
    "data.sets[].trigger",
    "sample.prompts[]",
    "sample.prompts[].prompt",
    "sample.negative_prompt",
    "evaluate.novel[]",
    "evaluate.off_topic[]",
    "model.preservation.init_args.class_word",
}
_MODULE_ENDINGS = {"model.lora.targets[]"}  # such as attn1.to_q
# Where a mapping or a list is meant, the parser takes a text for the path of a file that holds it.
_NO_TEXT = {
    "model", "data", "sample", "evaluate", "trainer", "model.lora", "model.conditions", "model.conditions[]",
    "model.sigma_sampler", "model.preservation", "model.optimizer", "model.lr_scheduler", "data.sets", "data.sets[]",
    "data.buckets", "data.signals", "sample.prompts", "sample.stg_blocks", "evaluate.novel", "evaluate.off_topic",
    "evaluate.strengths", "trainer.callbacks", "trainer.callbacks[]", "trainer.logger", "trainer.logger[]",
}  # fmt: skip
_FOLDER_ARGUMENTS = {"dirpath", "save_dir", "log_dir", "root_dir"}
_OTHER_COMMANDS = {"config", "json", "out", "lora", "print_config", "weights_only"}
_WORD = re.compile(r"[A-Za-z0-9_+:, -]{0,200}")
_MEASURE = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?s?")
_NAME = re.compile(r"[A-Za-z_]\w*\+?")


def require_safe(text: str, workspace: Workspace) -> None:
    """Refuse a recipe that could read, write or run what the page must not.

    Args:
        text: The recipe.
        workspace: Its folders are where paths may lead.

    Raises:
        ValueError: Naming key, value, rule and way out.
    """
    document = RecipeDocument(text)
    for key, value in _walk(document.values, ()):
        _require_key(key)
        if isinstance(value, str):
            _require_text(key, value, workspace)


def paths_of(document: RecipeDocument) -> dict[Key, str]:
    """The paths that a recipe names, by their keys."""
    return {
        key: value
        for key, value in _walk(document.values, ())
        if isinstance(value, str) and value and _pattern(key) in _PATHS
    }


def _walk(value: Any, key: Key) -> Iterator[tuple[Key, Any]]:
    """All values with their keys, mappings and lists before what they hold."""
    if key:
        yield key, value
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _walk(child, (*key, name))
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from _walk(child, (*key, number))


def _pattern(key: Key) -> str:
    """A key with its numbers left out: `data.sets[].path`."""
    return "".join("[]" if isinstance(part, int) else f".{part.rstrip('+')}" for part in key).removeprefix(".")


def _require_key(key: Key) -> None:
    """Refuse keys that are paths of keys, or belong to a command rather than to a recipe."""
    name = key[-1]
    if isinstance(name, str) and not _NAME.fullmatch(name):
        raise ValueError(
            f"`{key_text(key)}`: {name!r} is no key of a recipe, since keys are single words: nest `a.b: 1` as"
            " `a: {b: 1}`, or remove it."
        )
    if len(key) == 1 and name in _OTHER_COMMANDS:
        raise ValueError(
            f"`{name}` is an option of the command line, not of a recipe: remove it; the page gives such options"
            " itself."
        )


def _require_text(key: Key, value: str, workspace: Workspace) -> None:
    """Refuse a text that means more than a text where it stands."""
    pattern, name = _pattern(key), key[-1]
    if pattern in _PATHS:
        _require_inside(key, value, workspace, _PATHS[pattern])
    elif name == "class_path":
        _require_class(key, value)
    elif pattern in _TEXTS:
        _require_no_yaml(key, value)
    elif pattern in _NO_TEXT:
        raise ValueError(
            f"`{key_text(key)}` is {value!r}, but a mapping or list stands here; a text would be read as a file or a"
            f" class. Write it out{_as_class(key, value)}."
        )
    elif name in _FOLDER_ARGUMENTS:
        _require_inside(key, value, workspace, ("runs",))
    elif pattern in _MODULE_ENDINGS:
        if not re.fullmatch(r"[\w.]{1,200}", value):
            raise ValueError(f"`{key_text(key)}` is {value!r}, but it is the ending of a module's name: attn1.to_q.")
    elif not (_WORD.fullmatch(value) or _MEASURE.fullmatch(value)):
        _refuse(key, value, workspace)


def _refuse(key: Key, value: str, workspace: Workspace) -> None:
    """Say what is wrong with a text where a word is meant; a class of the list may pass.

    Raises:
        ValueError: In all other cases.
    """
    shown = f"`{key_text(key)}` is {value[:120]!r}"
    if re.fullmatch(r"\s*\w+(\.\w+)+\s*", value):
        if not is_allowed(value):
            raise ValueError(
                f"{shown}, which reads like a Python import. The page takes only {WHICH}: choose one of these, or run"
                " this recipe from a terminal."
            )
        return
    if ".." in value:  # who joins it to which folder is not known here
        raise OutsideError(f"{shown}, which leads upwards: name a folder without `..`.")
    if re.search(r"[/\\~]", value):
        _require_inside(key, value, workspace, ("runs",))
        return
    raise ValueError(
        f"{shown}, but only a plain word or number may stand here; YAML within quotes would be read as values. Write"
        " it without quotes, or run this recipe from a terminal."
    )


def _require_class(key: Key, value: str) -> None:
    if not is_allowed(value):
        short = "" if "." in value else " in full, such as torch.optim.AdamW,"
        raise ValueError(
            f"`{key_text(key)}` is {value[:120]!r}, which the page does not run. It takes only {WHICH}: name one of"
            f" these{short} or run this recipe from a terminal."
        )


def _require_no_yaml(key: Key, value: str) -> None:
    """Refuse a text that the parser would read as a mapping or a list."""
    if value.lstrip().startswith(("{", "[")):
        raise ValueError(
            f"`{key_text(key)}` begins with {value.lstrip()[0]}, which would be read as values rather than as a text:"
            " begin it with a word."
        )


def _require_inside(key: Key, value: str, workspace: Workspace, areas: tuple[Area, ...]) -> None:
    """Refuse a path that leads elsewhere."""
    if key == ("ckpt_path",) and value == "last":
        return
    if value.lstrip().startswith("~"):
        raise OutsideError(f"`{key_text(key)}` is {value!r}: write the folder itself in place of ~.")
    try:
        workspace.inside(value, *areas)
    except OutsideError as error:
        raise OutsideError(f"`{key_text(key)}`: {error}") from error


def _as_class(key: Key, value: str) -> str:
    """The way out where a class was named by a text."""
    last = key[-1]
    wants_class = isinstance(last, int) or last in ("optimizer", "lr_scheduler", "sigma_sampler", "logger")
    return f" as `class_path: {value}`" if wants_class and is_allowed(value) else ""
