"""The words of a command line as people type them, made into those that jsonargparse takes."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise, zip_longest
from pathlib import Path

import yaml

_REPEATABLE = re.compile(r"^--lora(?==|$)")
# Lists of classes: the parser would fill what a new list leaves open from the entry that stood in its place before.
_CLASS_LISTS = ("model.conditions", "trainer.callbacks", "data.sets", "sample.prompts")
_SWITCHES = ("--decode", "--prune", "--sample.without_lora")


def parser_words(words: Sequence[str]) -> list[str]:
    """Let `--lora` be named several times, and switches stand alone.

    jsonargparse adds to a list with `--lora+`, and wants a value after each key.

    Args:
        words: The command line after the program's name.
    """
    words = list(_emptied(words))
    return [
        f"{word}=true" if word in _SWITCHES and following.startswith("--") else _REPEATABLE.sub("--lora+", word)
        for word, following in zip_longest(words, words[1:], fillvalue="--")
    ]


def _emptied(words: Sequence[str]) -> Iterator[str]:
    """The words, with each list of classes emptied before a file or an option gives a new one."""
    given: set[str] = set()
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        option, _, value = word.partition("=")
        if option == "--config":
            new = [key for key in _CLASS_LISTS if _has(Path(value or following), key)]
        else:
            new = [key for key in _CLASS_LISTS if option == f"--{key}"]
        yield from (f"--{key}=[]" for key in new if key in given)
        given.update(new)
        yield word


def _has(path: Path, key: str) -> bool:
    """Whether a file gives a key; one that cannot be read is told of elsewhere."""
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return False
    for name in key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value is not None


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
