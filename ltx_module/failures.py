"""Failures a user can mend, told in three lines instead of a traceback."""

import os
import re
import signal
import sys
from argparse import ArgumentError
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning.pytorch.utilities.exceptions import MisconfigurationException

USER_ERRORS = (ValueError, OSError, MemoryError, MisconfigurationException)

_PARSER_KEY = re.compile(r'^Parser key "([^"]+)":\s*')
# What the parser says around the cause when a value is one of several types or null.
_AROUND = re.compile(
    r"^\s*(- )?(Expected a path but .*|Does not validate against any of the Union subtypes|Subtypes: .*|Errors:"
    r"|Given value( type)?: .*|Expected a (<class '|typing\.)?NoneType('>)?)$"
)
_CLASS_PROBLEM = re.compile(r"Problem with given class_path '([\w.]+)':")
_CATALOGUE: tuple[tuple[str, str], ...] = (
    (
        "CUDA out of memory",
        "lower the largest bucket or `data.batch_size`, or set `model.gradient_checkpointing`.",
    ),
    ("No space left on device", "free some space, or set `data.cache_dir` and `--run` to another disk."),
)


def way_out(error: BaseException) -> str:
    """What to do about an error whose own text does not say it; empty where nothing is known."""
    text = str(error)
    return next((fix for sign, fix in _CATALOGUE if sign in text), "")


def plain(text: str) -> str:
    """The cause in a parser's message; any other message as it is."""
    if "Union subtypes" not in text:
        return text
    key, found, rest = text.partition("`: ") if text.startswith("`") else ("", "", text)
    lines = [line.strip().removeprefix("- ") for line in rest.splitlines() if not _AROUND.match(line)]
    return f"{key}{found}{_CLASS_PROBLEM.sub(_in_class, ' '.join(lines))}"


def is_users(error: BaseException) -> bool:
    """Whether an error is told without its traceback: bad input, a full disk, too little memory."""
    return isinstance(error, (*USER_ERRORS, torch.cuda.OutOfMemoryError)) or bool(way_out(error))


@contextmanager
def explain(verb: str = "VERB") -> Iterator[None]:
    """Turn a user's error into `error: ...` and exit code 2, Ctrl-C into 130; LTX_DEBUG=1 keeps the traceback.

    Args:
        verb: The verb that runs, for the pointer to its help.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    except ArgumentError as error:
        if os.environ.get("LTX_DEBUG"):
            raise
        sys.stderr.write(f"error: {plain(_PARSER_KEY.sub(_named, str(error)))}\n")
        sys.stderr.write(f"way out: `python -m ltx_module {verb} --help` lists the keys and what they take.\n")
        raise SystemExit(2) from error
    except Exception as error:
        if os.environ.get("LTX_DEBUG") or not is_users(error):
            raise
        key = "`trainer`: " if isinstance(error, MisconfigurationException) else ""
        sys.stderr.write(f"error: {key}{plain(str(error))}\n")
        if fix := way_out(error):
            sys.stderr.write(f"way out: {fix}\n")
        sys.stderr.write("LTX_DEBUG=1 shows where it came from.\n")
        raise SystemExit(2) from error


def _named(match: re.Match[str]) -> str:
    """The key as our own messages write it."""
    return f"`{match.group(1)}`: "


def _in_class(match: re.Match[str]) -> str:
    """The class whose arguments are wrong."""
    return f"{match.group(1)}:"
