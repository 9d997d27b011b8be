"""What a model card says of a run, gathered from the exported file, the recipe, the status, samples and evaluation."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ltx_module.run_directory import RunDirectory, by_step, step_of
from ui.packages.package import Package
from ui.packages.safetensors_header import Header, read_header
from ui.recipes.document import RecipeDocument
from ui.runs.bounded_json import read_bounded_json
from ui.runs.places import run_directory
from ui.workspace import OutsideError, Workspace

_DEFAULT_FPS = 24.0
_MOST_SAMPLES = 8
_LARGEST_JSON = 50_000_000  # an evaluation of many samples
_LARGEST_RECORD = 1_000_000
_STEP = re.compile(r"\d+")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A preview that the card shows."""

    path: Path
    prompt: str
    facts: str
    """Size and seed."""

    @property
    def is_video(self) -> bool:
        """Whether there is something to see."""
        return self.path.suffix == ".mp4"


@dataclass(frozen=True, kw_only=True)
class Strength:
    """The strength that the card advises."""

    value: float = 1.0
    reason: str = ""
    """Why, from the evaluation; empty where it was not evaluated."""


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """All that the card says."""

    title: str
    file: str
    """Name of the LoRA file."""
    base: str
    is_pico: bool
    recipe: str
    trigger: str
    rank: int
    fps: float
    pipeline: str
    """The task, as model hubs name it."""
    tags: tuple[str, ...]
    strength: Strength
    training: tuple[tuple[str, object], ...]
    samples: tuple[Sample, ...]
    verdict: str


def card_facts(workspace: Workspace, package: Package, recipe: RecipeDocument) -> CardFacts:
    """Gather the facts.

    Args:
        workspace: Has the run.
        package: The export.
        recipe: That of the run.

    Raises:
        ValueError: If the exported file is no safetensors file.
    """
    run = run_directory(workspace, package.run)
    header = read_header(package.lora.path)
    step = _step(header)
    evaluation = read_bounded_json(run.path / "evaluation" / "evaluation.json", _LARGEST_JSON)
    verdict, strength = _verdict(evaluation, step)
    fps = recipe.get("data.fps")
    base = Path(str(recipe.get("model.base_model") or "LTX-2.3")).stem
    return CardFacts(
        title=package.name,
        file=package.lora.name,
        base=base,
        is_pico=_is_pico(workspace, str(recipe.get("model.base_model") or "")),
        recipe=header.metadata.get("recipe", package.run),
        trigger=str(recipe.get("data.trigger") or ""),
        rank=_rank(header),
        fps=float(fps) if isinstance(fps, int | float) else _DEFAULT_FPS,
        pipeline=_pipeline(recipe),
        tags=_tags(recipe),
        strength=strength,
        training=_training(recipe, run, step),
        samples=_samples(workspace, run, step),
        verdict=verdict,
    )


def _step(header: Header) -> int:
    """Training steps of the exported file; 0 where it does not say."""
    text = header.metadata.get("training_steps") or header.metadata.get("step") or ""
    return int(text) if _STEP.fullmatch(text) else 0


def _rank(header: Header) -> int:
    return max((shape[0] for name, shape in header.shapes.items() if ".lora_A." in name and shape), default=0)


def _is_pico(workspace: Workspace, base: str) -> bool:
    """Whether the base model is the embedded one, which says so in its metadata."""
    try:
        return "pico" in read_header(workspace.inside(base, "models")).metadata
    except (OutsideError, OSError, ValueError):
        return "pico" in Path(base).name


def _pipeline(recipe: RecipeDocument) -> str:
    """The task, by what the recipe makes from what."""
    if recipe.get("model.streams") == "audio":
        return "text-to-audio"
    if recipe.get("model.frozen") == "video":
        return "video-to-audio"
    kinds = _conditions(recipe)
    if kinds & {"Reference", "Mask", "SpatialCrop", "Prefix", "Suffix"}:
        return "video-to-video"
    return "image-to-video" if "FirstFrame" in kinds or "Keyframes" in kinds else "text-to-video"


def _tags(recipe: RecipeDocument) -> tuple[str, ...]:
    return ("ic-lora",) if "Reference" in _conditions(recipe) else ()


def _conditions(recipe: RecipeDocument) -> set[str]:
    """Class names of the recipe's conditions."""
    listed = recipe.get("model.conditions")
    entries = listed if isinstance(listed, list) else []
    return {str(one.get("class_path", "")).rpartition(".")[2] for one in entries if isinstance(one, Mapping)}


def _training(recipe: RecipeDocument, run: RunDirectory, step: int) -> tuple[tuple[str, object], ...]:
    """Rows of the card's table; no path of the author's machine among them."""
    status = read_bounded_json(run.status, _LARGEST_RECORD)
    told: Mapping[str, Any] = status if isinstance(status, dict) else {}
    buckets = recipe.get("data.buckets")
    return (
        ("steps", step or told.get("step")),
        ("rank, alpha", f"{recipe.get('model.lora.rank')}, {recipe.get('model.lora.alpha')}"),
        ("layers", recipe.get("model.lora.targets")),
        ("streams", recipe.get("model.streams")),
        ("conditions", ", ".join(sorted(_conditions(recipe)))),
        ("optimizer", str(recipe.get("model.optimizer.class_path") or "").rpartition(".")[2]),
        ("learning rate", recipe.get("model.optimizer.init_args.lr")),
        ("batch size", recipe.get("data.batch_size")),
        ("width x height x frames", ", ".join(map(str, buckets)) if isinstance(buckets, list) else ""),
        ("frames a second", recipe.get("data.fps")),
        ("seed", recipe.get("seed_everything")),
        ("seconds a step", _rounded(told.get("seconds_per_step"))),
        ("GPU memory (GiB)", _rounded(told.get("peak_gib"))),
    )


def _rounded(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _samples(workspace: Workspace, run: RunDirectory, step: int) -> tuple[Sample, ...]:
    """The previews of the exported step, or the last ones."""
    folders = by_step(run.path / "samples", "")
    previews = [folder for folder in folders if folder.name == f"step_{step_of(folder):06d}"]
    chosen = [folder for folder in previews if step_of(folder) == step] or previews[-1:]
    found = []
    for path in sorted(chosen[0].iterdir()) if chosen else ():
        if path.suffix not in (".mp4", ".wav") or path.name.startswith("."):
            continue
        record = read_bounded_json(path.with_suffix(".json"), _LARGEST_RECORD)
        told: Mapping[str, Any] = record if isinstance(record, dict) else {}
        preset = f", {told['preset'][:40]}" if isinstance(told.get("preset"), str) else ""
        facts = f"{told.get('size', 'sample')}{preset}, seed {told.get('seed', '?')}"
        try:
            real = workspace.inside(path, "runs")
        except OutsideError:
            continue
        found.append(Sample(path=real, prompt=str(told.get("prompt") or path.stem), facts=facts))
    return tuple(found[:_MOST_SAMPLES])


def _verdict(evaluation: object, step: int) -> tuple[str, Strength]:
    """What the evaluation says, if its best checkpoint is the exported one."""
    found = evaluation.get("verdict") if isinstance(evaluation, dict) else None
    best = found.get("best") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(best, dict) or best.get("checkpoint") != f"step_{step:06d}":
        return "", Strength()
    value = best.get("strength")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "", Strength()
    return str(found.get("summary") or ""), Strength(value=float(value), reason=str(best.get("reason") or ""))
