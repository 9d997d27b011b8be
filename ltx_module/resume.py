"""How a run goes on: the state it resumes from, and the command that does so."""

import logging
import shlex
import zipfile
from itertools import count
from pathlib import Path

from ltx_module.run_directory import RunDirectory, step_of

logger = logging.getLogger(__name__)

NEWEST = "last"


def find_state(run: RunDirectory, ckpt_path: str | None) -> Path | None:
    """The resume state that `--ckpt_path` names; None starts at step 0.

    Args:
        run: The run.
        ckpt_path: A file, `last` for the run's newest, or null.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a resume state.
    """
    if ckpt_path is None:
        return None
    if ckpt_path != NEWEST:
        path = Path(ckpt_path)
        if not path.is_file():
            raise FileNotFoundError(f"`--ckpt_path` is {path}, which is not a file: give a .ckpt, or `{NEWEST}`.")
        if not zipfile.is_zipfile(path):
            raise ValueError(f"`--ckpt_path` is {path}, which is not a resume state: give a .ckpt of `checkpoints/`.")
        return path
    states = run.states()
    if not states:
        logger.info("%s has no resume state yet: starting at step 0", run.path)
        return None
    logger.info("resuming from %s", states[-1])
    return states[-1]


def set_aside(run: RunDirectory, step: int) -> None:
    """Move what a run made beyond the step it resumes from out of the way, so that `newest` means the new branch.

    Args:
        run: The run.
        step: Step of the state it resumes from.
    """
    later = [path for path in (*run.states(), *run.loras(), *run.all_samples()) if step_of(path) > step]
    if not later:
        return
    number = next(n for n in count(1) if not (run.path / f"superseded-{n}").exists())
    directory = run.path / f"superseded-{number}"
    for path in later:
        target = directory / path.relative_to(run.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    logger.info("%d files beyond step %d are set aside in %s", len(later), step, directory)


def say_how_to_go_on(run: RunDirectory) -> None:
    """Print the command that continues a stopped run."""
    states = run.states()
    if states:
        logger.info("stopped at step %d; go on with:", step_of(states[-1]))
        recipe = shlex.quote(str(run.latest_recipe))
        logger.info("  python -m ltx_module fit --config %s --ckpt_path %s", recipe, NEWEST)
    else:
        logger.info("stopped before a resume state was saved; what is encoded is kept: give the same command again")
