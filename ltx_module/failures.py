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
_NO_COMPILER = ("Failed to find C compiler", "No working C++ compiler found")  # triton's words, and the inductor's
_CATALOGUE: tuple[tuple[str, str], ...] = (
    (
        "CUDA out of memory",
        "add `--config recipes/overlays/gpu_auto.yaml`, or lower the largest bucket or `data.batch_size`.",
    ),
    *((sign, "install one (`apt install gcc g++`), or set `model.compile: false`.") for sign in _NO_COMPILER),
    ("No space left on device", "free some space, or set `data.cache_dir` and `--run` to another disk."),
)


class GPUMemoryError(MemoryError):
    """The card's memory does not suffice.

    Args:
        text: For what, and by how much.
        fix: Settings that fit.
    """

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(text)
        self.fix = fix


def is_full_gpu(error: BaseException) -> bool:
    """Whether an error says that a card's memory is full, by torch's allocator or by the driver beside it."""
    if isinstance(error, GPUMemoryError):  # says so itself
        return False
    if error.__context__ is not None and is_full_gpu(error.__context__):  # hidden by what it led to
        return True
    signs = ("CUDA error: out of memory", "CUDA driver error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in signs)


def way_out(error: BaseException) -> str:
    """What to do about an error whose own text does not say it; empty where nothing is known."""
    if isinstance(error, GPUMemoryError):
        return error.fix
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
        sys.stderr.write(f"error{_of_rank()}: {key}{plain(str(error))}\n")
        if fix := way_out(error):
            sys.stderr.write(f"way out: {fix}\n")
        sys.stderr.write("LTX_DEBUG=1 shows where it came from.\n")
        raise SystemExit(2) from error


def _of_rank() -> str:
    """Which process of several speaks, but for the first."""
    ranks = (os.environ.get(name, "0") for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"))
    return next((f" on rank {rank}" for rank in ranks if rank != "0"), "")


def _named(match: re.Match[str]) -> str:
    """The key as our own messages write it."""
    return f"`{match.group(1)}`: "


def _in_class(match: re.Match[str]) -> str:
    """The class whose arguments are wrong."""
    return f"{match.group(1)}:"
