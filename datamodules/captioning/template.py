"""What the model is asked for, by recipe kind: texts with places for the trigger, the subject and the language.

All of them follow one rule of training: what the trigger shall stand for is left out of the caption, and what may vary
is said, so that it stays free to vary.
"""

import re
from importlib import resources
from pathlib import Path
from typing import Literal, get_args

Kind = Literal["general", "style", "character", "motion", "audio_video", "ic"]
"""What the clips shall teach."""

KINDS: tuple[Kind, ...] = get_args(Kind)

_PLACE = re.compile(r"\{([a-z_]+)\}")


def instruction(kind: Kind, *, file: Path | None, trigger: str, subject: str, language: str) -> str:
    """The text that asks for a caption.

    Args:
        kind: Decides the template, unless there is a file.
        file: A template of one's own, UTF-8; it may use the places `{rules}`, `{trigger}`, `{subject}`, `{language}`.
        trigger: The trigger word; may be empty where the template does not name it.
        subject: What the trigger stands for, such as `woman`; `subject` if empty.
        language: In which to write.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is empty or not UTF-8, has an unknown place, or names a trigger that was not given.
    """
    place = f"`--template` {file}" if file else f"the template of the kind {kind}"
    text = _own(file) if file else _shipped(kind)
    values = {"trigger": trigger, "subject": subject or "subject", "language": language, "rules": _shipped("rules")}
    for name in _PLACE.findall(text):
        if name not in values:
            known = ", ".join(f"{{{known}}}" for known in values)
            raise ValueError(f"{place} has the place {{{name}}}, but known are {known}: correct or remove it.")
        if name == "trigger" and not trigger:
            raise ValueError(
                f"{place} names the trigger, but `--trigger` is empty: give the word that the recipe has in "
                "`data.trigger`."
            )
    return _filled(_filled(text, values), values).strip()  # the rules have places too


def _filled(text: str, values: dict[str, str]) -> str:
    return _PLACE.sub(lambda match: values.get(match[1], match[0]), text)


def _shipped(name: str) -> str:
    text = resources.files("datamodules.captioning.templates").joinpath(f"{name}.txt").read_text(encoding="utf-8")
    return text.strip()


def _own(file: Path) -> str:
    if not file.is_file():
        raise FileNotFoundError(
            f"`--template` is {str(file)!r}, but there is no such file: write one, or leave it out for the template of "
            f"`--kind` ({', '.join(KINDS)})."
        )
    try:
        text = file.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"`--template` {file} is not UTF-8: save it as UTF-8.") from error
    if not text:
        raise ValueError(f"`--template` {file} is empty: write what the model is asked for.")
    return text
