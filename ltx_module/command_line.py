"""The words of a command line as people type them, made into those that jsonargparse takes."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise, zip_longest
from pathlib import Path

import yaml

_REPEATABLE = re.compile(r"^--lora(?==|$)")
_SWITCHES = ("--decode", "--prune", "--sample.without_lora")


def parser_words(words: Sequence[str]) -> list[str]:
    """Let `--lora` be named several times, and switches stand alone.

    jsonargparse adds to a list with `--lora+`, and wants a value after each key.

    Args:
        words: The command line after the program's name.
    """
    return [
        f"{word}=true" if word in _SWITCHES and following.startswith("--") else _REPEATABLE.sub("--lora+", word)
        for word, following in zip_longest(words, words[1:], fillvalue="--")
    ]


def require_recipe(words: Sequence[str], verbs: Collection[str]) -> None:
    """Name the file for a mistake that the parser would show without it.

    Args:
        words: The command line after the program's name.
        verbs: The verbs there are.

    Raises:
        ValueError: If a verb stands alone, or a recipe is not YAML.
    """
    if len(words) == 1 and words[0] in verbs:
        raise ValueError(f"no recipe was given: {words[0]} --config recipes/style.yaml, or any other of recipes/.")
    given = [word.partition("=")[2] for word in words if word.startswith("--config=")]
    for path in map(Path, given + [word for option, word in pairwise(words) if option == "--config"]):
        try:
            yaml.safe_load(path.read_text(encoding="utf-8") if path.is_file() else "")
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is not a YAML file: {error}") from error
