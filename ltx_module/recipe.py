"""The resolved recipe of a run: its name, its record, and what changed since.

`fit` writes `recipe.yaml` into the run directory; the file replays as it is. A resumed run keeps that record, writes
`recipe-resumed-<step>.yaml` beside it and says what differs.
"""

import hashlib
import logging
import os
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from typing_extensions import override

from datamodules.atomic import replacing
from ltx_module.run_directory import RunDirectory, newest_run, next_run

logger = logging.getLogger(__name__)

RUNS = Path("runs")
_NOT_RECORDED = ("config", "ckpt_path", "weights_only", "run")
# A resume with another value here would load adapters that do not fit, or train another thing.
_FIXED = ("model.base_model", "model.text_encoder", "model.streams", "model.lora", "seed_everything", "data.batch_size")


def recipe_name(config: Namespace) -> str:
    """Name of the recipe: the stem of its first file, or that of the run for a run's own `recipe.yaml`."""
    files = config.get("config") or []
    if not files:
        return "recipe"
    first = Path(str(files[0]))
    if first.stem.startswith("recipe") and first.parent.name:
        return first.resolve().parent.name.rsplit("-", 1)[0]
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
    root = None if config.trainer.get("default_root_dir") is None else Path(str(config.trainer.default_root_dir))
    fresh = verb == "fit" and config.get("ckpt_path") is None
    if config.get("run"):
        path = RUNS / str(config.run)
        if fresh and RunDirectory(path).started:
            raise ValueError(
                f"`--run` is {config.run}, but {path} holds a run already: choose another name, or continue that run"
                " with --ckpt_path last."
            )
        return path
    if root is not None and not (fresh and RunDirectory(root).started):
        return root
    name, runs = recipe_name(config), RUNS if root is None else root.parent
    if not fresh:
        return newest_run(runs, name) or runs / f"{name}-1"
    path = _free_run(runs, name)
    if root is not None:
        logger.info("%s holds a run already: this one goes to %s (--ckpt_path last continues that one)", root, path)
    return path


def _free_run(runs: Path, name: str) -> Path:
    """The next run's directory; ranks started side by side by Slurm or torchrun agree on it through their job's id."""
    for variable in ("SLURM_JOB_ID", "TORCHELASTIC_RUN_ID"):
        job = os.environ.get(variable, "none")
        if job != "none" and int(os.environ.get("WORLD_SIZE", os.environ.get("SLURM_NTASKS", "1"))) > 1:
            return runs / f"{name}-{job}"
    return next_run(runs, name)


def recipe_text(parser: Any, config: Namespace) -> str:
    """The resolved recipe as YAML, without what belongs to one call of one verb."""
    values = config.clone(with_meta=False)
    for key in _NOT_RECORDED:
        values.pop(key, None)
    return str(parser.dump(values, skip_none=False, skip_validation=True, format="yaml"))


def recipe_hash(text: str) -> str:
    """Short hash of a resolved recipe, for the metadata of the files it produced."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


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
        if changed:
            _write(run.path / f"recipe-resumed-{state.stem}.yaml", self.text)


def _write(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
