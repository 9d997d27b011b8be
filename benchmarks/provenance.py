"""When, where and with what something was measured."""

import datetime
import subprocess
from pathlib import Path

import torch


def provenance() -> dict[str, str | None]:
    """Date, card, versions and commit, for a line of results."""
    on_card = torch.cuda.is_available()
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "gpu": torch.cuda.get_device_name() if on_card else "no card",
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "commit": _commit(),
    }


def _commit() -> str | None:
    """The commit that is checked out, with a plus where files differ from it; None outside of git."""
    root = Path(__file__).parents[1]
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}+" if changed else commit
