"""The LoRA files to compare: those that `--lora` names, or some of a run's, evenly spread."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ltx_module.adapter_files import NONE, AdapterFile, choose_adapters
from ltx_module.run_directory import RunDirectory

BASE = "base"
"""Name of the model without a LoRA."""

_STEP = re.compile(r"step_(\d+)$")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A LoRA file to evaluate."""

    name: str
    """Its name in the results, unlike all others."""
    file: AdapterFile

    @property
    def step(self) -> int | None:
        """Optimizer step it was saved at, if its name says so."""
        match = _STEP.match(self.file.path.stem)
        return None if match is None else int(match.group(1))


def choose_candidates(given: Sequence[str] | None, run: RunDirectory, most: int) -> tuple[Candidate, ...]:
    """The files that `--lora` names, each on its own; else at most `most` of the run's, the last among them.

    Args:
        given: `FILE` or `FILE:STRENGTH`, of which the strength counts as part of the file.
        run: The recipe's run.
        most: `evaluate.checkpoints`.

    Raises:
        FileNotFoundError: If a file is missing, or the run has none yet.
        ValueError: If `none` is given.
    """
    if given and NONE in given:
        raise ValueError(
            f"`--lora` is {', '.join(given)}, but there is nothing to evaluate about `{NONE}`: name LoRA files; the"
            " base model is always sampled beside them."
        )
    files = choose_adapters(given, run)
    if not given:
        files = tuple(AdapterFile(path) for path in spread(run.loras(), most))
    unique = tuple(dict.fromkeys(files))
    return tuple(Candidate(name=name, file=file) for name, file in zip(_names(unique), unique, strict=True))


def spread(paths: Sequence[Path], most: int) -> list[Path]:
    """At most `most` of them, evenly spread, the last among them."""
    if len(paths) <= most:
        return list(paths)
    return [paths[(number + 1) * len(paths) // most - 1] for number in range(most)]


def _names(files: Sequence[AdapterFile]) -> list[str]:
    """Stems, with the run in front where two are alike, the strength behind where it is not 1, and a number at last."""
    stems = Counter(file.path.stem for file in files)
    names: list[str] = []
    for file in files:
        folder = file.path.resolve().parent
        owner = folder.parent.name if folder.name == "lora" else folder.name
        alike = stems[file.path.stem] > 1 and len({other.path.resolve().parent for other in files}) > 1
        name = f"{owner}-{file.path.stem}" if alike else file.path.stem
        name += "" if file.strength == 1 else f"@{file.strength:g}"
        tries = [name, *(f"{name}-{number}" for number in range(2, len(files) + 2))]
        names.append(next(attempt for attempt in tries if attempt not in (*names, BASE)))
    return names
