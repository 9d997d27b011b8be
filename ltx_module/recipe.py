"""The resolved recipe of a run: its name, its record, and what changed since.

`fit` writes `recipe.yaml` into the run directory; the file replays as it is. A resumed run keeps that record, writes
`recipe-resumed-<step>.yaml` beside it and says what differs.
"""

import hashlib
import logging
import os
import re
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from typing_extensions import override

from datamodules.atomic import replacing
from ltx_module.resume import set_aside
from ltx_module.run_directory import RunDirectory, newest_run, next_run, step_of

logger = logging.getLogger(__name__)

RUNS = Path("runs")
_OF_A_RUN = re.compile(r"recipe(-resumed-step_\d+)?")
_NOT_RECORDED = ("config", "ckpt_path", "weights_only", "run")
# A resume with another value here would load adapters that do not fit, or train another thing.
_FIXED = ("model.base_model", "model.text_encoder", "model.streams", "model.lora", "seed_everything", "data.batch_size")


def recipe_name(config: Namespace) -> str:
    """Name of the recipe: the stem of its first file, or that of the run for a run's own `recipe.yaml`."""
    files = config.get("config") or []
    if not files:
        return "recipe"
    first = Path(str(files[0]))
    if _OF_A_RUN.fullmatch(first.stem):
        return re.sub(r"-\d+$", "", first.resolve().parent.name) or first.stem
    return first.stem


def run_path(config: Namespace, verb: str) -> Path:
    """The run directory that a verb works in.

    `--run NAME` names it. Otherwise `fit` takes the first free `<recipe>-<n>`, unless it resumes; every other verb
    takes the directory of the given run's recipe, or the recipe's newest run.

    Args:
        config: The verb's parsed configuration.
        verb: Name of the verb.
    """
    launched = os.environ.get("LOCAL_RANK", "0") != "0" and "LTX_RUN" in os.environ
    path = Path(os.environ["LTX_RUN"]) if launched else _choose_run(config, verb)
    os.environ["LTX_RUN"] = str(path)  # for the ranks that this process may launch
    return path


def _choose_run(config: Namespace, verb: str) -> Path:
    """The first rank's choice.

    Raises:
        ValueError: If a new run is given the name of an old one.
    """
    root = _own_run(config)
    if root is None and config.trainer.get("default_root_dir") is not None:
        root = Path(str(config.trainer.default_root_dir))
    resumed = _run_of_state(config)
    fresh = verb == "fit" and config.get("ckpt_path") is None
    if config.get("run"):
        path = Path(str(config.run))
        path = path if path.parts[0] == RUNS.name else RUNS / path
        _same_run(path, resumed)
        if fresh and RunDirectory(path).started:
            raise ValueError(
                f"`--run` is {config.run}, but {path} holds a run already: choose another name, or continue that run"
                " with --ckpt_path last."
            )
        return path
    if resumed is not None:
        if root is not None:
            _same_run(root, resumed)
        return resumed
    if root is not None and not (fresh and RunDirectory(root).started):
        return root
    name, runs = recipe_name(config), RUNS if root is None else root.parent
    if not fresh:
        return newest_run(runs, name) or runs / f"{name}-1"
    path = _free_run(runs, name)
    if root is not None:
        logger.info("%s holds a run already: this one goes to %s (--ckpt_path last continues that one)", root, path)
    return path


def _own_run(config: Namespace) -> Path | None:
    """The directory of a run whose own recipe was given, wherever it was moved or copied to."""
    files = config.get("config") or []
    first = Path(str(files[0])) if files else Path()
    is_own = bool(_OF_A_RUN.fullmatch(first.stem)) and RunDirectory(first.parent).started
    return first.parent if is_own else None


def _run_of_state(config: Namespace) -> Path | None:
    """The run that a resume state given by its path lies in."""
    given = config.get("ckpt_path")
    state = Path(str(given)) if given not in (None, "last") else Path()
    return state.parent.parent if state.parent.name == "checkpoints" else None


def _same_run(path: Path, resumed: Path | None) -> None:
    """Refuse to resume one run's state into another run.

    Raises:
        ValueError: If they differ.
    """
    if resumed is not None and path.resolve() != resumed.resolve():
        raise ValueError(
            f"`--ckpt_path` is a state of {resumed}, but the run is {path}: leave --run out, or give --config"
            f" {resumed / 'recipe.yaml'}. `model.lora.init_from` begins a new run from a LoRA."
        )


def _free_run(runs: Path, name: str) -> Path:
    """The next run's directory; ranks started side by side by Slurm or torchrun agree on it through their job's id.

    Raises:
        ValueError: If they have no such id, or it is that of an earlier run.
    """
    for variable in ("SLURM_JOB_ID", "TORCHELASTIC_RUN_ID"):
        job = os.environ.get(variable, "none")
        if job != "none" and int(os.environ.get("WORLD_SIZE", os.environ.get("SLURM_NTASKS", "1"))) > 1:
            path = runs / f"{name}-{job}"
            if RunDirectory(path).started:
                raise ValueError(
                    f"{path} holds a run already, of a job with the same id ({variable}): continue it with"
                    " --ckpt_path last, or name the new run with --run."
                )
            return path
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 or os.environ.get("NODE_RANK", "0") != "0":
        raise ValueError(
            "`--run` is not given, so each of the processes that were started side by side would take another"
            " directory: name it on every machine, with `--run NAME`, or with torchrun's own `--rdzv-id NAME`."
        )
    return next_run(runs, name)


def recipe_text(parser: Any, config: Namespace) -> str:
    """The resolved recipe as YAML, without what belongs to one call of one verb."""
    values = config.clone(with_meta=False)
    for key in _NOT_RECORDED:
        values.pop(key, None)
    return str(parser.dump(values, skip_none=False, skip_validation=True, format="yaml"))


def recipe_hash(text: str) -> str:
    """Short hash of what a resolved recipe trains, for the metadata of the files it produced.

    Where a run lies and what a verb was told besides do not change it.
    """
    values = yaml.safe_load(text)
    values["trainer"].pop("default_root_dir", None)
    kept = {key: values.get(key) for key in ("seed_everything", "model", "data", "sample", "trainer")}
    return hashlib.sha256(yaml.safe_dump(kept, sort_keys=True).encode()).hexdigest()[:16]


def differences(old: str, new: str) -> dict[str, tuple[object, object]]:
    """Keys whose values differ between two resolved recipes, as dotted paths with the old and the new value."""
    before, after = _flatten(yaml.safe_load(old)), _flatten(yaml.safe_load(new))
    return {
        key: (before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    }


def _flatten(value: Any, prefix: str = "") -> dict[str, object]:
    """Nested mappings as one mapping of dotted paths; lists are values."""
    if not isinstance(value, dict) or not value:
        return {prefix: value}
    return {
        path: leaf
        for key, child in value.items()
        for path, leaf in _flatten(child, f"{prefix}.{key}" if prefix else str(key)).items()
    }


class SaveRecipe(SaveConfigCallback):
    """Saves the resolved recipe beside the run it starts; other verbs leave that record alone."""

    def __init__(self, parser: Any, config: Namespace, **kwargs: Any) -> None:
        super().__init__(parser, config, save_to_log_dir=False, **kwargs)
        self.text = recipe_text(parser, config)

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            super().setup(trainer, pl_module, stage)

    @override
    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        run = RunDirectory(Path(trainer.default_root_dir))
        state: Path | None = getattr(trainer, "resume_state", None)
        if run.started and state is not None:
            self._record_resume(run, state)
            set_aside(run, step_of(state))
        else:
            run.path.mkdir(parents=True, exist_ok=True)
            _write(run.recipe, self.text)

    def _record_resume(self, run: RunDirectory, state: Path) -> None:
        """Show what changed since the run began and keep both records.

        Raises:
            ValueError: If a setting differs that a resumed run cannot change.
        """
        changed = differences(run.recipe.read_text(encoding="utf-8"), self.text)
        for key, (old, new) in changed.items():
            if key.startswith(_FIXED):
                raise ValueError(
                    f"`{key}` was {old!r} when {run.path} began and is {new!r} now, which a resumed run cannot change:"
                    " set it back, or start a new run (drop --ckpt_path; `model.lora.init_from` continues from a LoRA)."
                )
            logger.info("changed since the run began: %s: %r -> %r", key, old, new)
        if differences(run.latest_recipe.read_text(encoding="utf-8"), self.text):
            _write(run.path / f"recipe-resumed-{state.stem}.yaml", self.text)


def _write(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
