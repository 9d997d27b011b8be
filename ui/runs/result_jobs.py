"""What the results page starts: an evaluation of a run, and samples of a checkpoint at other strengths."""

from pathlib import Path

from ui.jobs.job import Job
from ui.jobs.runner import Runner
from ui.recipes.devices import devices_of
from ui.runs.favourite import MAX_STRENGTH
from ui.runs.places import file_of_run, run_directory
from ui.runs.run_recipe import run_recipe
from ui.workspace import Workspace

MAX_STRENGTHS = 8
"""Strengths that may be asked for at once; each loads the model once."""


def checkpoints(workspace: Workspace, run: str) -> list[str]:
    """Names of a run's LoRA files without suffix, newest first.

    Raises:
        ValueError: If there is no such run.
    """
    return [path.stem for path in reversed(run_directory(workspace, run).loras())]


def parse_strengths(text: str) -> list[float]:
    """Strengths as typed, `0.5, 0.75 1.25`, each once and in order.

    Raises:
        ValueError: If one is no number above 0, or they are too many.
    """
    words = text.replace(",", " ").replace(";", " ").split()
    if not words:
        raise ValueError("No strength is given: type some, such as 0.5, 0.75, 1.25.")
    strengths = []
    for word in words:
        try:
            strength = float(word)
        except ValueError:
            strength = 0.0
        if not 0 < strength <= MAX_STRENGTH:
            raise ValueError(
                f"{word[:20]!r} is no strength: type numbers above 0, at most {MAX_STRENGTH:g}, such as 0.75."
            )
        strengths.append(float(f"{strength:g}"))
    unique = sorted(set(strengths))
    if len(unique) > MAX_STRENGTHS:
        raise ValueError(
            f"These are {len(unique)} strengths, but at most {MAX_STRENGTHS} are sampled at once: leave some out."
        )
    return unique


def evaluate_words(workspace: Workspace, run: str) -> tuple[str, ...]:
    """The command that evaluates a run, after `python`.

    Raises:
        ValueError: If the run has no recipe or no LoRA file yet.
    """
    directory = run_directory(workspace, run)
    if not directory.loras():
        raise ValueError(f"{run} has no LoRA file yet, so there is nothing to evaluate: wait until it has saved one.")
    return ("-m", "ltx_module", "evaluate", "--config", run_recipe(workspace, run).path)


def sample_words(workspace: Workspace, run: str, checkpoint: str, strength: float, *, base: bool) -> tuple[str, ...]:
    """The command that samples a checkpoint at a strength, after `python`.

    Args:
        workspace: Whose run.
        run: Its name.
        checkpoint: Name of one of its LoRA files without suffix.
        strength: Of the LoRA.
        base: Whether each prompt is sampled without the LoRA too.

    Raises:
        ValueError: If the run has no recipe or no such file.
    """
    directory = run_directory(workspace, run)
    lora = directory.path / "lora" / f"{checkpoint}.safetensors"
    if Path(checkpoint).name != checkpoint or not file_of_run(workspace, directory, lora).is_file():
        raise ValueError(f"{run} has no LoRA file of {checkpoint[:80] or 'this name'}: choose another checkpoint.")
    given = ("--lora", f"{workspace.shown(lora)}:{strength:g}", *(("--sample.without_lora", "true") if base else ()))
    return ("-m", "ltx_module", "sample", "--config", run_recipe(workspace, run).path, *given)


def start_evaluation(runner: Runner, workspace: Workspace, run: str) -> Job:
    """Put an evaluation of a run into the queue.

    Raises:
        ValueError: If it cannot be evaluated, or its evaluation is queued or running.
    """
    words, devices = evaluate_words(workspace, run), _devices(workspace, run)
    return runner.submit(
        "evaluate", f"Evaluate {run}", words, subject=run, run=run, devices=devices, unique=f"evaluate:{run}"
    )


def start_samples(runner: Runner, workspace: Workspace, run: str, checkpoint: str, strengths: str) -> list[Job]:
    """Put samples of a checkpoint into the queue, a job a strength; the first makes the base's beside them.

    Args:
        runner: Takes the jobs.
        workspace: Whose run.
        run: Its name.
        checkpoint: Name of one of its LoRA files without suffix.
        strengths: As typed.

    Raises:
        ValueError: If something of this is wrong, or the same samples are queued or running.
    """
    commands = [
        (strength, sample_words(workspace, run, checkpoint, strength, base=number == 0))
        for number, strength in enumerate(parse_strengths(strengths))
    ]
    devices = _devices(workspace, run)
    return [
        runner.submit(
            "sample",
            f"Sample {run} {checkpoint} at {strength:g}",
            words,
            subject=run,
            run=run,
            devices=devices,
            unique=f"sample:{run}:{checkpoint}@{strength:g}",
        )
        for strength, words in commands
    ]


def _devices(workspace: Workspace, run: str) -> int:
    """GPUs that a command on a run takes; a recipe that the page must not run is refused."""
    recipe = run_recipe(workspace, run)
    recipe.require_safe(workspace)
    return devices_of(recipe.document)
