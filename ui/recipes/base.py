"""What a recipe begins with before it is edited: the card's text, a model, a memory profile, options, a dataset."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ui.recipes.document import RecipeDocument
from ui.recipes.overlays import Model, merged, model_of, overlay_text, overlays_for
from ui.recipes.reading import RecipeTextError
from ui.recipes.rules import require_safe
from ui.workspace import OutsideError, Workspace

Profile = Literal["recipe", "gpu_16gb", "gpu_24gb", "gpu_32gb", "gpu_48gb", "gpu_80gb", "gpu_141gb", "gpu_auto"]
PROFILES: dict[Profile, tuple[str, str]] = {
    "recipe": ("As in the recipe", "bf16, for 48 GB with sound and 32 GB without"),
    "gpu_16gb": ("16 GB", "eight-bit numbers, rank 16, half of the model in main memory"),
    "gpu_24gb": ("24 GB", "eight-bit numbers, rank 16, an optimizer of eight bits"),
    "gpu_32gb": ("32 GB", "eight-bit numbers"),
    "gpu_48gb": ("48 GB", "eight-bit numbers, less computed twice"),
    "gpu_80gb": ("80 GB", "eight-bit numbers, hardly anything computed twice"),
    "gpu_141gb": ("141 GB", "eight-bit numbers, nothing computed twice"),
    "gpu_auto": ("Automatic", "the fastest way that fits the card"),
}
"""Label of each profile, named after its overlay, and what it means; pico needs none."""
MODELS: dict[Model, tuple[str, str]] = {
    "ltx-2.3-dev": ("LTX-2.3 dev", "the published model, 46 GB"),
    "ltx-2.3-dev-fp8": ("LTX-2.3 dev fp8", "the smaller download, 29 GB"),
    "pico": ("pico", "tiny, for trying everything on a laptop: drawn shapes, 128 pixels wide"),
}
"""Label of each model, and what it is."""


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
        if self.profile != "recipe" and model_of(document) != "pico":
            document = merged(document, [overlay_text(self.profile)])
        return document


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
