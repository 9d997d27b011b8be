"""From settings to a running `sample`: a recipe of its own, checked, in `runs/<run>/tries/<id>/`.

`try.yaml` is the run's recipe with another `sample:` block, `try.json` what was asked for; the videos come beside them.
"""

import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any

from datamodules.atomic import replacing, write_json
from datamodules.geometry import Bucket
from ui.jobs.runner import Runner
from ui.recipes.document import RecipeDocument
from ui.recipes.rules import require_safe
from ui.runs.run_recipe import run_recipe
from ui.tries.form import TryForm, form_of
from ui.tries.loras import require_lora
from ui.tries.media_files import require_medium
from ui.tries.needs import require_media
from ui.tries.settings import TryLoRA, TrySettings
from ui.workspace import Workspace

RECIPE = "try.yaml"
RECORD = "try.json"


def start_try(workspace: Workspace, runner: Runner, run: str, settings: TrySettings) -> str:
    """Write the recipe of a try and start it.

    Args:
        workspace: Has the run.
        runner: Starts the command, or lets it wait for a GPU.
        run: Name of the run.
        settings: What was asked for.

    Returns:
        The try's id, which is that of its job.

    Raises:
        ValueError: If something asked for cannot be done, or the same try is waiting or running already.
    """
    form = form_of(workspace, run)
    settings = checked(workspace, form, settings)
    text = try_recipe(run_recipe(workspace, run).document, settings).text
    require_safe(text, workspace)
    identity, _ = runner.new_directory()
    directory = workspace.inside(workspace.runs / run / "tries" / identity, "runs")
    directory.mkdir(parents=True)
    try:
        with replacing(directory / RECIPE) as temporary:
            temporary.write_text(text, encoding="utf-8")
        write_json(directory / RECORD, _record(run, form, settings))
        runner.submit(
            "sample",
            f"Try of {run}: {settings.prompt[:60]}",
            try_words(workspace, directory, run, settings),
            subject=run,
            run=run,
            devices=form.devices,
            unique=f"try {run} {_digest(settings)}",
            job_id=identity,
        )
    except (ValueError, OSError):
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return identity


def checked(workspace: Workspace, form: TryForm, settings: TrySettings) -> TrySettings:
    """The settings with every path looked at and written as recipes write it.

    Raises:
        ValueError: If a file or size cannot be used.
    """
    loras = tuple(
        replace(one, file=workspace.shown(require_lora(workspace, one.file))) for one in settings.loras if one.file
    )
    if len({one.file for one in loras}) < len(loras):
        raise ValueError("One LoRA file is chosen twice: choose it once and raise its strength.")
    media = {key: require_medium(workspace, key, file) for key, file in settings.media.items() if file}
    require_media(form.needs, media)
    _require_size(form, settings.size)
    distilled = settings.distilled_lora if settings.preset == "fast" else ""
    if distilled:
        distilled = workspace.shown(require_lora(workspace, distilled, "models"))
    return replace(
        settings,
        loras=loras,
        media=media,
        distilled_lora=distilled,
        without_lora=settings.without_lora and bool(loras),
    )


def try_recipe(recipe: RecipeDocument, settings: TrySettings) -> RecipeDocument:
    """The run's recipe with another `sample:` block; everything else stays as it was trained.

    Args:
        recipe: The run's.
        settings: With paths as recipes write them.
    """
    prompt: Any = {"prompt": settings.prompt, **settings.media} if settings.media else settings.prompt
    block: Mapping[str, Any] = {
        "prompts": [prompt],
        "negative_prompt": settings.negative_prompt,
        "preset": settings.preset,
        "steps": settings.steps,
        "size": settings.size,
        "seed": settings.seed,
        "strength": 1.0,  # each LoRA has its own, on the command line
        "attention_strength": settings.attention_strength,
        "image_strength": settings.image_strength,
        "show_reference": settings.show_reference,
        "without_lora": settings.without_lora,
        "distilled_lora": settings.distilled_lora or None,
    }
    for key, value in block.items():
        recipe = recipe.set(f"sample.{key}", value)
    return recipe


def try_words(workspace: Workspace, directory: Path, run: str, settings: TrySettings) -> tuple[str, ...]:
    """The command after `python`."""
    files = [f"{one.file}:{one.strength:g}" for one in settings.loras] or ["none"]
    return (
        *("-m", "ltx_module", "sample", "--config", workspace.shown(directory / RECIPE), "--run", run),
        *(word for file in files for word in ("--lora", file)),
        *("--out", workspace.shown(directory)),
    )


def settings_of(workspace: Workspace, record: Mapping[str, Any]) -> TrySettings:
    """The settings of an earlier try, without files that have gone since.

    Raises:
        ValueError: If the record cannot be read.
    """
    settings = TrySettings.of_record(record)
    return replace(
        settings,
        loras=tuple(one for one in settings.loras if _is_there(workspace, one)),
        media={key: file for key, file in settings.media.items() if (workspace.root / file).is_file()},
    )


def _is_there(workspace: Workspace, lora: TryLoRA) -> bool:
    try:
        require_lora(workspace, lora.file)
    except ValueError:
        return False
    return True


def _require_size(form: TryForm, size: str) -> None:
    """Check a size against the recipe.

    Raises:
        ValueError: If it is of the other kind, or the reference's factor does not divide it.
    """
    bucket = Bucket.parse(size, key="size")
    if bucket.is_sound and not form.is_sound:
        raise ValueError(f"The size is {size}, but this run makes pictures: give width x height x frames.")
    if form.factor > 1 and (bucket.width % form.step or bucket.height % form.step):
        raise ValueError(
            f"The size is {bucket.width}x{bucket.height}, but this run's references are {form.factor} times smaller, so"
            f" width and height must be multiples of {form.step}."
        )


def _record(run: str, form: TryForm, settings: TrySettings) -> dict[str, Any]:
    """What the history shows."""
    return {
        "schema": 1,
        "run": run,
        "created": time.time(),
        "trigger": form.trigger,
        "streams": form.streams,
        "fps": form.fps,
        **settings.as_record(),
    }


def _digest(settings: TrySettings) -> str:
    return sha256(dumps(settings.as_record(), sort_keys=True).encode()).hexdigest()[:16]
