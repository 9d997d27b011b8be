"""Runs of `benchmarks.timed_fit` in processes of their own."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]


def run_apart(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """One run in a fresh process; its figures, and the wall-clock time `began` when it was asked for.

    Args:
        arguments: Of `benchmarks.timed_fit`, behind the file for its figures.
        environment: Variables besides this process's.

    Raises:
        RuntimeError: If the run failed; what it said stands above.
    """
    with tempfile.TemporaryDirectory() as directory:
        figures = Path(directory) / "figures.json"
        command = [sys.executable, "-m", "benchmarks.timed_fit", str(figures), *arguments]
        began = time.time()
        code = subprocess.run(command, cwd=_ROOT, env={**os.environ, **(environment or {})}, check=False).returncode
        if code or not figures.exists():
            raise RuntimeError(f"`{' '.join(command)}` ended with code {code} and left no figures.")
        found: dict[str, Any] = json.loads(figures.read_text(encoding="utf-8"))
    return {"began": began, **found}
