"""What the page Try it shows and does, in plain values: properties of its fields, and actions on tries."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datamodules.geometry import Bucket
from ui.jobs.runner import Runner
from ui.tries.form import TryForm, form_of
from ui.tries.history import history, used_again
from ui.tries.loras import first_lora, lora_choices, model_loras
from ui.tries.media_files import media_choices
from ui.tries.needs import MEDIA_KEYS
from ui.tries.settings import MAX_LORAS, TryLoRA, TrySettings, size_of
from ui.tries.start import start_try
from ui.workspace import Workspace

LORA_FIELDS = tuple((f"lora_{number}", f"strength_{number}") for number in range(1, MAX_LORAS + 1))
FIELDS = (
    *("prompt", *(name for pair in LORA_FIELDS for name in pair), *MEDIA_KEYS),
    *("size", "frames", "seconds", "seed", "preset", "without_lora", "negative_prompt", "steps", "distilled_lora"),
    *("image_strength", "attention_strength", "show_reference"),
)
"""Names of the page's fields, in the order in which handlers take and give them."""

NO_RUNS = "No runs yet. Train a recipe on the page Train; its LoRAs can be tried here as soon as the first is saved."
NO_TRIES = "Nothing tried yet. Write a prompt and press “Generate”; the videos appear here, side by side."
_MOST_RUNS = 500

Properties = dict[str, Any]
"""What changes of a field: its value, its choices, whether it is shown."""


def run_choices(workspace: Workspace) -> list[str]:
    """Runs whose training has begun, those that changed last first."""
    if not workspace.runs.is_dir():
        return []
    found = []
    for path in workspace.runs.iterdir():
        try:
            if (path / "recipe.yaml").is_file() and not path.is_symlink():
                found.append((max(path.stat().st_mtime, _changed(path / "status.json")), path.name))
        except OSError:
            continue
    return [name for _, name in sorted(found, reverse=True)[:_MOST_RUNS]]


def shown_fields(workspace: Workspace, run: str, settings: TrySettings | None = None) -> dict[str, Properties]:
    """The fields for a run.

    Args:
        workspace: Has the run.
        run: Name of the run.
        settings: What to begin with; by default the recipe's own sample.

    Raises:
        ValueError: If the run has no recipe, or one that cannot be read.
    """
    form = form_of(workspace, run)
    settings = settings or form.settings
    bucket = Bucket.parse(settings.size)
    fields: dict[str, Properties] = {
        "prompt": {"value": settings.prompt},
        "size": {
            "value": "" if bucket.is_sound else f"{bucket.width}x{bucket.height}",
            "choices": list(form.sizes),
            "visible": not form.is_sound,
        },
        "frames": {"value": bucket.frames or 1, "visible": not form.is_sound},
        "seconds": {"value": bucket.seconds or 4.0, "visible": form.is_sound},
        "seed": {"value": settings.seed},
        "preset": {"value": settings.preset},
        "without_lora": {"value": settings.without_lora},
        "negative_prompt": {"value": settings.negative_prompt},
        "steps": {"value": settings.steps or 0},
        "distilled_lora": {
            "value": settings.distilled_lora,
            "choices": [("none", ""), *model_loras(workspace)],
            "visible": settings.preset == "fast",
        },
        "image_strength": {"value": settings.image_strength, "visible": "image" in form.media},
        "attention_strength": {"value": settings.attention_strength, "visible": _shows_beside(form)},
        "show_reference": {"value": settings.show_reference, "visible": "reference_video" in form.media},
    }
    return {**fields, **_lora_fields(workspace, run, settings), **_media_fields(workspace, run, form, settings)}


def length(frames: float | None, fps: float) -> str:
    """How long so many frames last, for the label."""
    return f"Frames ({(frames or 1) / fps:.1f} s at {fps:g} a second)"


def settings_from(values: Mapping[str, Any], form: TryForm) -> TrySettings:
    """The settings that the fields hold.

    Args:
        values: By the names of `FIELDS`.
        form: Of the run.

    Raises:
        ValueError: If a field holds nothing that can be used.
    """
    loras = tuple(
        TryLoRA(file=str(values[file]), strength=_number(values[strength], "The strength of a LoRA"))
        for file, strength in LORA_FIELDS
        if values.get(file)
    )
    steps = _whole(values.get("steps") or 0, "The number of steps")
    frames = _whole(values.get("frames") or 1, "The number of frames")
    seconds = 0.0 if not form.is_sound else _number(values.get("seconds"), "The length in seconds")
    return TrySettings(
        prompt=str(values.get("prompt") or "").strip(),
        negative_prompt=str(values.get("negative_prompt") or "").strip(),
        loras=loras,
        seed=_whole(values.get("seed"), "The seed"),
        size=size_of(str(values.get("size") or ""), frames, seconds, is_sound=form.is_sound),
        preset=str(values.get("preset")),
        steps=steps or None,
        without_lora=bool(values.get("without_lora")),
        media={key: str(values[key]) for key in form.media if values.get(key)},
        distilled_lora=str(values.get("distilled_lora") or ""),
        attention_strength=_number(values.get("attention_strength"), "The strength of the reference"),
        image_strength=_number(values.get("image_strength"), "The strength of the picture"),
        show_reference=bool(values.get("show_reference")),
    )


def generate(workspace: Workspace, runner: Runner, run: str, values: Mapping[str, Any]) -> str:
    """Start a try with what the fields hold.

    Returns:
        What happens now, in words.

    Raises:
        ValueError: If it cannot be started.
    """
    if not run:
        raise ValueError("No run is chosen: choose one above, or train a recipe first.")
    identity = start_try(workspace, runner, run, settings_from(values, form_of(workspace, run)))
    view = runner.view(identity)
    if view.state == "queued":
        return f"Waits in the queue, place {view.position}. The videos appear in the list of tries."
    return "Started. The videos appear in the list of tries when they are done."


def again(workspace: Workspace, run: str, identity: str) -> dict[str, Properties]:
    """The fields with the settings of an earlier try.

    Raises:
        ValueError: If there is no such try.
    """
    return shown_fields(workspace, run, used_again(workspace, run, identity))


def shown_history(workspace: Workspace, runner: Runner, run: str, page: int) -> dict[str, Any]:
    """A page of the history with what is said where there is none."""
    return {**history(workspace, runner, run, page), "empty": NO_TRIES if run else NO_RUNS}


def random_seed() -> int:
    """Another seed, short enough to be typed again."""
    return random.randint(0, 999_999)


def _lora_fields(workspace: Workspace, run: str, settings: TrySettings) -> dict[str, Properties]:
    """The places for LoRAs; an empty one means none."""
    choices = [("none", ""), *lora_choices(workspace, run)]
    known = {value for _, value in choices}
    choices += [(one.file, one.file) for one in settings.loras if one.file not in known]
    fields: dict[str, Properties] = {}
    for number, (file, strength) in enumerate(LORA_FIELDS):
        lora = settings.loras[number] if number < len(settings.loras) else TryLoRA(file="")
        fields[file] = {"value": lora.file, "choices": choices}
        fields[strength] = {"value": lora.strength}
    return fields


def _media_fields(workspace: Workspace, run: str, form: TryForm, settings: TrySettings) -> dict[str, Properties]:
    """The places for media; those that the recipe does not take are hidden."""
    fields: dict[str, Properties] = {}
    for key, medium in MEDIA_KEYS.items():
        if key not in form.media:
            fields[key] = {"value": ""}  # an open list whose choices vanish breaks the page
            continue
        choices = media_choices(workspace, run, key, form.dataset, form.prompts)
        value = settings.media.get(key, "")
        known = {one for _, one in choices}
        choices = ([(value, value)] if value and value not in known else []) + choices
        required = form.media[key]
        fields[key] = {
            "value": value,
            "choices": choices if required else [("none", ""), *choices],
            "label": medium.label if required else f"{medium.label}, optional",
        }
    return fields


def _shows_beside(form: TryForm) -> bool:
    return any(key in form.media for key in ("reference_video", "reference_audio", "last_image"))


def _number(value: object, what: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{what} is empty: give a number.")
    return float(value)


def _whole(value: object, what: str) -> int:
    number = _number(value, what)
    if number != int(number):
        raise ValueError(f"{what} is {number:g}: give a whole number.")
    return int(number)


def _changed(path: Path) -> float:
    try:
        return float(path.stat().st_mtime)
    except OSError:
        return 0.0


def lora_updates(workspace: Workspace, run: str, *, own: bool) -> list[Properties]:
    """New choices for the places of LoRAs, as checkpoints are saved, and the strength of the first one.

    Args:
        workspace: Where runs lie.
        run: Name of the chosen run; empty for none.
        own: Whether the user has chosen the first LoRA; else it is the favourite, or the newest by now.
    """
    choices = [("none", ""), *lora_choices(workspace, run)]
    files: list[Properties] = [{"choices": choices} for _ in LORA_FIELDS]
    first = first_lora(workspace, run) if run and not own else None
    if first is None:
        return [*files, {}]
    return [{**files[0], "value": first.file}, *files[1:], {"value": first.strength}]
