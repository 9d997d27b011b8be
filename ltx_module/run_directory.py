"""One run's directory: what lies where, and which run a recipe means.

runs/<name>/recipe.yaml  metrics.csv  status.json  checkpoints/  lora/  samples/  control/
"""

import re
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from datamodules.atomic import read_json

_STEP = re.compile(r"step_(\d+)(?=\.|$)")


@dataclass(frozen=True)
class RunDirectory:
    """Paths below one run's directory."""

    path: Path
    """The directory itself; it need not exist yet."""

    @property
    def name(self) -> str:
        """The run's name, which is the directory's."""
        return self.path.name

    @property
    def recipe(self) -> Path:
        """The resolved recipe that the run was started with."""
        return self.path / "recipe.yaml"

    @property
    def latest_recipe(self) -> Path:
        """The recipe in force: that of the latest resume that changed something, or the first one."""
        resumed = self.path.glob("recipe-resumed-*.yaml")
        return max(resumed, key=lambda file: file.stat().st_mtime_ns, default=self.recipe)

    @property
    def metrics(self) -> Path:
        """Logged numbers, one row a logged step."""
        return self.path / "metrics.csv"

    @property
    def status(self) -> Path:
        """State of the run for the page and for scripts."""
        return self.path / "status.json"

    @property
    def control(self) -> Path:
        """Directory that takes the empty files `stop`, `save` and `sample`."""
        return self.path / "control"

    def require_room(self, needed: int, free: int) -> None:
        """Refuse a run that would fill the disk.

        Args:
            needed: Bytes that the run writes.
            free: Bytes free where it writes them.

        Raises:
            ValueError: Saying how much is lacking.
        """
        if needed > free:
            raise ValueError(
                f"The run fills {needed / 1e9:.2f} GB, but the disk of {self.path} has {free / 1e9:.2f} GB free: make"
                " room, save less often or keep fewer LoRA files (`SaveLoRA.keep_last`), or set"
                " `trainer.default_root_dir` to a directory on a larger disk."
            )

    def lora(self, step: int) -> Path:
        """LoRA file of a step."""
        return self.path / "lora" / f"step_{step:06d}.safetensors"

    def state(self, step: int) -> Path:
        """Resume state of a step."""
        return self.path / "checkpoints" / f"step_{step:06d}.ckpt"

    def samples(self, step: int) -> Path:
        """Directory of the samples of a step."""
        return self.path / "samples" / f"step_{step:06d}"

    def loras(self) -> list[Path]:
        """LoRA files, oldest step first."""
        return by_step(self.path / "lora", ".safetensors")

    def states(self) -> list[Path]:
        """Resume states, oldest step first."""
        return by_step(self.path / "checkpoints", ".ckpt")

    def all_samples(self) -> list[Path]:
        """Directories of the samples of each step, oldest first."""
        return by_step(self.path / "samples", "")

    @property
    def started(self) -> bool:
        """Whether a fit has got as far as training here."""
        return self.recipe.is_file()

    @property
    def is_free(self) -> bool:
        """Whether a new run may take this directory: nothing is there, or a run that ended before training."""
        if not self.path.exists():
            return True
        status = read_json(self.status)
        return not self.started and isinstance(status, dict) and status.get("state") in ("failed", "stopped")


def by_step(directory: Path, suffix: str) -> list[Path]:
    """Files `step_<number><suffix>` of a directory, lowest step first; none where there is no directory."""
    return sorted((file for file in directory.glob(f"step_*{suffix}") if _STEP.match(file.name)), key=step_of)


def step_of(file: Path) -> int:
    """The step in a file name such as `step_000250.safetensors`.

    Raises:
        ValueError: If the name holds no step.
    """
    match = _STEP.match(file.name)
    if match is None:
        raise ValueError(f"{file} is not named step_<number>{file.suffix}")
    return int(match.group(1))


def next_run(runs: Path, recipe: str) -> Path:
    """The first free directory `<recipe>-<n>`, n from 1; made here, so that runs started together never share one."""
    for number in count(1):
        path = runs / f"{recipe}-{number}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if RunDirectory(path).is_free:
                return path
        else:
            return path
    raise AssertionError("count never ends")


def newest_run(runs: Path, recipe: str) -> Path | None:
    """The run of a recipe with the highest number, or None where none has got as far as training."""
    pattern = re.compile(re.escape(recipe) + r"-(\d+)$")
    numbered = {
        int(match.group(1)): run
        for run in runs.glob(f"{recipe}-*")
        if (match := pattern.match(run.name)) and RunDirectory(run).started
    }
    return numbered[max(numbered)] if numbered else None
