"""What a recipe begins with before it is edited: the card's text, a model, a memory profile, options, a dataset."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from datamodules.geometry import Bucket
from ui.recipes.document import RecipeDocument
from ui.recipes.overlays import Model, merged, overlay_text, overlays_for
from ui.recipes.reading import RecipeTextError
from ui.recipes.rules import require_safe
from ui.workspace import OutsideError, Workspace

Profile = Literal["recipe", "less", "more"]
PROFILES: dict[Profile, tuple[str, str]] = {
    "recipe": ("As the recipe says", "48 GB with sound, 32 GB just without"),
    "less": ("Less memory", "smaller and shorter: 768x448, 33 frames"),
    "more": ("Much memory", "141 GB: nothing is computed twice"),
}
"""Label of each profile, and what it means; the figures are those of docs/hardware.md."""
MODELS: dict[Model, tuple[str, str]] = {
    "ltx-2.3-dev": ("LTX-2.3 dev", "the published model, 46 GB"),
    "ltx-2.3-dev-fp8": ("LTX-2.3 dev fp8", "the smaller download, 29 GB; trains in bf16 as well"),
    "pico": ("pico", "tiny, for trying everything on a laptop: drawn shapes, 128 pixels wide"),
}
"""Label of each model, and what it is."""
_SMALL = {"wide": "768x448x33", "tall": "448x768x33", "square": "576x576x33"}


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a recipe begins with."""

    text: str
    """Of the card, of a recipe of one's own, or of a run."""
    name: str
    """Of the recipe; names its runs and chooses the overlays."""
    model: Model | None = None
    """None leaves the model that the text names."""
    profile: Profile = "recipe"
    ema: bool = False
    """Whether the running average of the adapter is used."""
    smoke: bool = False
    """Whether the run is a trial of two steps."""
    dataset: str = ""
    """Chosen dataset as a recipe writes it; empty leaves the text's."""
    trigger: str = ""
    """The dataset's trigger word; empty leaves the text's."""

    def base(self, workspace: Workspace) -> RecipeDocument:
        """The recipe as it stands before any edit.

        Args:
            workspace: Where the dataset lies.

        Raises:
            RecipeTextError: If the text is no recipe.
        """
        names = overlays_for(self.name, self.model) if self.model else []
        names = [*names, *(["ema"] if self.ema else []), *(["smoke"] if self.smoke else [])]
        document = merged(self.text, map(overlay_text, names))
        has_sets = bool(document.get("data.sets"))  # which name their datasets themselves
        if self.dataset and not has_sets:
            document = merged(document, samples_of(workspace, self.dataset)).set("data.path", self.dataset)
        if self.trigger and not has_sets and document.has("data.trigger"):
            document = document.set("data.trigger", self.trigger)
        return merged(document, [_profile_values(document, self.profile)])


def samples_of(workspace: Workspace, dataset: str) -> list[dict[str, Any]]:
    """The prompts and media that come with a dataset: its `samples.yaml`, or that beside it; none where it is unfit.

    Args:
        workspace: Where the dataset lies.
        dataset: As a recipe writes it.
    """
    try:
        path = workspace.inside(dataset, "datasets")
        file = workspace.inside((path if path.is_dir() else path.parent) / "samples.yaml", "datasets")
        text = file.read_text(encoding="utf-8")
        require_safe(text, workspace)
        values = RecipeDocument(text).values
    except (OutsideError, RecipeTextError, OSError, ValueError):
        return []
    return [{"sample": values["sample"]}] if isinstance(values.get("sample"), dict) else []


def stem_of(path: Path) -> str:
    """Name of a recipe's file, or of the recipe that a run's `recipe.yaml` came from."""
    if not path.stem.startswith("recipe"):
        return path.stem
    name, _, number = path.parent.name.rpartition("-")
    return name if name and number.isdigit() else path.parent.name


def _profile_values(document: RecipeDocument, profile: Profile) -> dict[str, Any]:
    """What a memory profile changes."""
    if profile == "more":
        return {"model": {"gradient_checkpointing": False}}
    if profile == "recipe":
        return {}
    buckets = document.get("data.buckets")
    listed = [str(one) for one in buckets] if isinstance(buckets, list) else []
    size = str(document.get("sample.size", "960x544x49"))
    values: dict[str, Any] = {"sample": {"size": _smaller(size)}}
    if listed:
        values["data"] = {"buckets": list(dict.fromkeys(map(_smaller, listed)))}
    return values


def _smaller(text: str) -> str:
    """A bucket of the same orientation that takes less memory; what is small already stays."""
    try:
        bucket = Bucket.parse(text)
    except ValueError:
        return text
    if bucket.is_sound:
        return text
    shape = "wide" if bucket.aspect_ratio > 1 else "tall" if bucket.aspect_ratio < 1 else "square"
    small = Bucket.parse(_SMALL[shape])
    if bucket.width * bucket.height <= small.width * small.height and bucket.frames <= small.frames:
        return text
    width, height = min((bucket.width, bucket.height), (small.width, small.height), key=lambda one: one[0] * one[1])
    return f"{width}x{height}x{min(bucket.frames, small.frames)}"
