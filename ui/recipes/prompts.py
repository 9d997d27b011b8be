"""Sample prompts as lines of a form: one a line, with its media behind it.

a woman walks along a beach | image: datasets/mia/samples/1.png | audio: datasets/mia/samples/1.wav
"""

import re
from typing import Any

from ui.recipes.rules import MEDIA_KEYS

_MEDIUM = re.compile(rf"\s\|\s+({'|'.join(MEDIA_KEYS)})\s*:\s*")


def lines_of(prompts: Any) -> str | None:
    """Prompts as lines, or None where lines cannot say them: a prompt of several lines, or other keys.

    Args:
        prompts: The recipe's `sample.prompts`.
    """
    if prompts is None:
        return ""
    if not isinstance(prompts, list):
        return None
    lines = []
    for one in prompts:
        entry = {"prompt": one} if isinstance(one, str) else one
        if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
            return None
        media = [f" | {key}: {value}" for key, value in entry.items() if key != "prompt"]
        lines.append(entry.get("prompt", "") + "".join(media))
    text = "\n".join(lines)
    return text if _mappings(prompts_of(text)) == _mappings(prompts) else None


def prompts_of(text: str) -> list[Any]:
    """The prompts that lines say: texts, or mappings where there are media.

    Args:
        text: One prompt a line; empty lines are left out.
    """
    return [_prompt(line.strip()) for line in text.splitlines() if line.strip()]


def written_like(prompts: list[Any], old: Any) -> list[Any]:
    """The prompts, those without media as texts or mappings as the recipe has them."""
    before = old if isinstance(old, list) else []
    plain = {one["prompt"] for one in before if isinstance(one, dict) and list(one) == ["prompt"]}
    return [{"prompt": one} if isinstance(one, str) and one in plain else one for one in prompts]


def _prompt(line: str) -> Any:
    prompt, *media = _MEDIUM.split(line)
    pairs = dict(zip(media[::2], (value.strip() for value in media[1::2]), strict=True))
    return {"prompt": prompt.strip(), **pairs} if pairs else line


def _mappings(prompts: list[Any]) -> list[Any]:
    return [{"prompt": one} if isinstance(one, str) else one for one in prompts]
