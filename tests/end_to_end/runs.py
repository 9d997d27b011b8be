"""What the tests of whole runs share: short recipes, what a run left behind, and runs in processes of their own."""

import csv
import json
import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import torch

SHORT = ("--trainer.max_steps=6", "--trainer.log_every_n_steps=1")
ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "recipes"

# Children are forked from a server that has imported everything and has started no thread.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["ltx_module.cli", "av", "peft", "tests.end_to_end.runs"])


def every(number: int, *callbacks: str) -> str:
    """A value for `--trainer.callbacks` with periods of so many steps."""
    listed: list[dict[str, Any]] = [
        {"class_path": f"callbacks.{name}", "init_args": {"every_n_steps": number}} for name in callbacks
    ]
    listed.append({"class_path": "callbacks.DropCaptions", "init_args": {"probability": 0.5}})
    return f"--trainer.callbacks={json.dumps(listed)}"


def weights(run: Path, step: int) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / f"step_{step:06d}.ckpt", weights_only=True)["state_dict"]


def assert_equal(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def status_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "status.json").read_text(encoding="utf-8"))


def rows_of(run: Path) -> list[dict[str, str]]:
    """Rows of `metrics.csv` without the columns that a row leaves empty."""
    with (run / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return [{key: value for key, value in row.items() if value} for row in csv.DictReader(file)]


def files_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def start(
    arguments: Sequence[str], directory: Path, log: Path, environment: Mapping[str, str] | None = None
) -> ForkServerProcess:
    """Begin `python -m ltx_module` with these arguments in a process of its own; both outputs go to `log`."""
    os.environ["OMP_NUM_THREADS"] = "1"  # for the server, which the first call launches
    process = _FORKS.Process(target=_run, args=(list(arguments), directory, log, dict(environment or {})))
    process.start()
    return process


def start_ranks(arguments: Sequence[str], directory: Path, count: int = 2) -> list[ForkServerProcess]:
    """Begin the ranks of one run as torchrun does, on one machine; their outputs go to `log-0`, `log-1`, ..."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "none"}
    shared |= {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "GROUP_RANK": "0"}
    return [
        start(arguments, directory, directory / f"log-{rank}", {**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(count)
    ]


def finish(process: ForkServerProcess, seconds: float = 120.0) -> int:
    """Exit code of a process that ends by itself; negative after a signal."""
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        raise AssertionError(f"the run did not end in {seconds:g} s")
    return process.exitcode


def wait_until(condition: Callable[[], bool], process: ForkServerProcess, seconds: float = 60.0) -> None:
    """Look every few milliseconds until something has happened in a running process."""
    end = time.monotonic() + seconds
    while not condition():
        if not process.is_alive() or time.monotonic() > end:
            raise AssertionError(f"it did not happen; the exit code is {process.exitcode}")
        time.sleep(0.005)


def _run(arguments: list[str], directory: Path, log: Path, environment: dict[str, str]) -> None:
    multiprocessing.set_start_method("fork", force=True)  # of the loaders' workers, as on a user's command line
    torch.set_num_threads(1)
    os.chdir(directory)
    os.environ.pop("LTX_RUN", None)
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    sys.argv = ["ltx_module"]
    from ltx_module.cli import main

    main(arguments)
