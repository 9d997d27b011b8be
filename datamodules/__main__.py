"""`python -m datamodules TOOL DATASET ...`: tools that prepare a dataset. Only those that load a model import torch."""

import importlib
import inspect
import logging
import os
import re
import signal
import sys
from argparse import ArgumentError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

TOOLS: dict[str, tuple[str, str]] = {
    "doctor": ("datamodules.doctor.command:doctor", "find what is wrong with a dataset, and mend a copy of it"),
    "scenes": ("datamodules.scenes.command:scenes", "split long videos at their shot cuts"),
    "caption": ("datamodules.captioning.command:caption", "let a vision-language model write captions"),
    "references": ("datamodules.references.command:references", "make reference videos: canny, depth, pose, blur"),
}
"""Name of each tool: where its function is, and what it does."""

_PARSER_KEY = re.compile(r'^Parser key "([^"]+)":\s*')
_USAGE = "usage: python -m datamodules TOOL DATASET [--option value ...]"


def main(words: Sequence[str] | None = None) -> int:
    """Run a tool.

    Args:
        words: Command line in place of `sys.argv`, for tests.

    Returns:
        The exit code: 0 if all is well, 1 for findings or failures, 2 for bad input, 130 after Ctrl-C.
    """
    given = list(sys.argv[1:] if words is None else words)
    name, rest = given[0] if given else "", given[1:]
    if name in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0
    if name not in TOOLS:
        fault = f"there is no tool {name!r}" if name else "no tool was given"
        sys.stderr.write(f"error: {fault}: it is one of {', '.join(TOOLS)}.\n{_USAGE}\n")
        return 2
    if not rest:
        sys.stderr.write(f"error: no dataset was given: python -m datamodules {name} DATASET [--option value ...]\n")
        return 2
    return _run(name, rest)


def _run(name: str, words: list[str]) -> int:
    """Run a tool, and tell what the user can mend in one message."""
    try:
        with _logging_to_stderr():
            return _call(name, words)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except SystemExit as error:  # the parser's, after --help
        return error.code if isinstance(error.code, int) else 2
    except ArgumentError as error:
        if os.environ.get("LTX_DEBUG"):
            raise
        sys.stderr.write(f"error: {_PARSER_KEY.sub(_option, str(error))}\n")
        sys.stderr.write(f"way out: `python -m datamodules {name} --help` lists the options and what they take.\n")
        return 2
    except (ValueError, OSError, ImportError) as error:
        if os.environ.get("LTX_DEBUG"):
            raise
        sys.stderr.write(f"error: {error}\nLTX_DEBUG=1 shows where it came from.\n")
        return 2


def _call(name: str, words: list[str]) -> int:
    from jsonargparse import auto_cli, set_parsing_settings

    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    module, _, function = TOOLS[name][0].partition(":")
    tool: Callable[..., int | None] = getattr(importlib.import_module(module), function)
    result = auto_cli(
        tool, as_positional=True, args=_spelt(tool, words), prog=f"python -m datamodules {name}", exit_on_error=False
    )
    return result if isinstance(result, int) else 0


def _spelt(tool: Callable[..., object], words: list[str]) -> list[str]:
    """Options as jsonargparse spells them: `--dry-run` is `--dry_run true`."""
    switches = [f"--{name}" for name, given in inspect.signature(tool).parameters.items() if given.annotation is bool]
    spelt = []
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        name = "--" + name[2:].replace("-", "_") if name.startswith("--") else name
        spelt.append(name + equals + value)
        if name in switches and not equals and following.lower() not in ("true", "false"):
            spelt.append("true")
    return spelt


def _option(match: re.Match[str]) -> str:
    """A parser's key as it is typed."""
    return f"`--{match.group(1)}`: "


def _help() -> str:
    width = max(map(len, TOOLS))
    lines = [f"  {name:<{width}}  {what}" for name, (_, what) in TOOLS.items()]
    return "\n".join([_USAGE, "", "Tools that prepare a dataset:", *lines, "", "TOOL --help tells its options.", ""])


@contextmanager
def _logging_to_stderr() -> Iterator[None]:
    """Shows our own lines, without names and dates."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    own = logging.getLogger("datamodules")
    before = own.level, own.handlers, own.propagate
    own.handlers, own.propagate = [handler], False
    own.setLevel(logging.INFO)
    try:
        yield
    finally:
        own.setLevel(before[0])
        own.handlers, own.propagate = before[1:]


if __name__ == "__main__":
    sys.exit(main())
