"""Will ComfyUI load the exported LoRA? Every key held against the base model's own, and what the export measured.

ComfyUI passes over keys that it does not know without stopping. Here the headers of both files are compared: a key
counts as loaded if it is `diffusion_model.<module>` with a module of the base model and the matrices fit its weight.
The export itself compares outputs as well and leaves the result beside the file.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ui.packages.package import Package
from ui.packages.safetensors_header import Header, read_header
from ui.recipes.document import RecipeDocument
from ui.runs.bounded_json import read_bounded_json
from ui.workspace import OutsideError, Workspace

_KEY = re.compile(r"diffusion_model\.(.+)\.lora_([AB])\.weight")
_BASE_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "")
_LAYER = re.compile(r"transformer_blocks\.\d+\.([a-z0-9_]+)")
_LARGEST_CHECK = 100_000
_MOST_NAMED = 10

GROUPS: Mapping[str, str] = {
    "attn1": "picture: attention",
    "attn2": "picture: view of the prompt",
    "ff": "picture: feed-forward",
    "audio_attn1": "sound: attention",
    "audio_attn2": "sound: view of the prompt",
    "audio_ff": "sound: feed-forward",
    "audio_to_video_attn": "picture's view of the sound",
    "video_to_audio_attn": "sound's view of the picture",
}
"""Layers of a block in words."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the export found when it loaded its own file."""

    keys_loaded: int
    max_difference: float
    effect: float


@dataclass(frozen=True, kw_only=True)
class LoadReport:
    """How the keys of an exported LoRA fit the base model."""

    num_keys: int
    num_loaded: int
    """Keys with a place in the base model; -1 where the base model is not here to look at."""
    not_loaded: tuple[str, ...]
    """At most ten, by name."""
    groups: tuple[tuple[str, int], ...]
    """Layers in words, and how many modules of each."""
    rank: int
    dtypes: tuple[str, ...]
    num_parameters: int
    base: str
    """File name of the base model."""
    metadata: Mapping[str, str]
    measured: Measured | None

    @property
    def is_good(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.not_loaded and self.num_loaded in (-1, self.num_keys)

    @property
    def verdict(self) -> str:
        """The result in a sentence."""
        if self.num_loaded < 0:
            known = (
                f"The export checked {self.measured.keys_loaded} keys." if self.measured else "Keys were not checked."
            )
            return f"{known} {self.base} is not in the models' folders, so they cannot be compared again here."
        if not self.is_good:
            return (
                f"{self.num_keys - self.num_loaded} of {self.num_keys} keys have no place in {self.base}; ComfyUI would"
                " pass over them in silence. Export again with the base model that was trained on."
            )
        return f"All {self.num_keys} keys have their place in {self.base}."

    @property
    def comparison(self) -> str:
        """What the export measured, in a sentence; empty where it is not known."""
        if self.measured is None:
            return ""
        return (
            f"The file was loaded back and compared: its output differs from the trained one by"
            f" {self.measured.max_difference:.2g}, where the LoRA changes it by {self.measured.effect:.2g}."
        )


def load_report(workspace: Workspace, package: Package, recipe: RecipeDocument | None) -> LoadReport:
    """Look at the exported file and the base model.

    Args:
        workspace: Has both.
        package: The export.
        recipe: That of the run, which names the base model; None where it cannot be read.

    Raises:
        ValueError: If the exported file is no safetensors file.
    """
    header = read_header(package.lora.path)
    base = str(recipe.get("model.base_model") or "") if recipe is not None else ""
    weights = _base_weights(workspace, base)
    unknown = () if weights is None else tuple(name for name in header.shapes if not _fits(name, header, weights))
    modules = {match[1] for name in header.shapes if (match := _KEY.fullmatch(name))}
    return LoadReport(
        num_keys=len(header.shapes),
        num_loaded=-1 if weights is None else len(header.shapes) - len(unknown),
        not_loaded=unknown[:_MOST_NAMED],
        groups=_groups(modules),
        rank=max((shape[0] for name, shape in header.shapes.items() if ".lora_A." in name and shape), default=0),
        dtypes=tuple(sorted(set(header.dtypes.values()))),
        num_parameters=header.num_parameters,
        base=Path(base).name or "The base model",
        metadata=header.metadata,
        measured=_measured(package),
    )


def _base_weights(workspace: Workspace, base: str) -> Mapping[str, tuple[int, ...]] | None:
    """Shapes of the base model's matrices by module; None where the file is not here."""
    try:
        path = workspace.inside(base, "models")
        return _weights(path, path.stat().st_mtime_ns)
    except (OutsideError, OSError, ValueError):
        return None


@lru_cache(maxsize=4)
def _weights(path: Path, modified: int) -> Mapping[str, tuple[int, ...]]:  # noqa: ARG001 - a new file is read anew
    shapes = read_header(path).shapes
    prefix = next((one for one in _BASE_PREFIXES if any(name.startswith(one) for name in shapes)), "")
    return {
        name.removeprefix(prefix).removesuffix(".weight"): shape
        for name, shape in shapes.items()
        if name.startswith(prefix) and name.endswith(".weight") and len(shape) == 2
    }


def _fits(name: str, header: Header, weights: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether ComfyUI would find a place for a key: `weight (out, in) = B (out, rank) @ A (rank, in)`."""
    match = _KEY.fullmatch(name)
    if match is None or match[1] not in weights:
        return False
    stem = name.removesuffix(f"lora_{match[2]}.weight")
    down, up = header.shapes.get(f"{stem}lora_A.weight"), header.shapes.get(f"{stem}lora_B.weight")
    if down is None or up is None or len(down) != 2 or len(up) != 2:
        return False
    return down[0] == up[1] and (up[0], down[1]) == weights[match[1]]


def _groups(modules: set[str]) -> tuple[tuple[str, int], ...]:
    """Modules counted by the kind of their layer."""
    kinds = Counter(match[1] if (match := _LAYER.match(module)) else "outside of the blocks" for module in modules)
    order = [*GROUPS, *sorted(kinds)]
    return tuple((GROUPS.get(kind, kind), kinds[kind]) for kind in dict.fromkeys(order) if kinds[kind])


def _measured(package: Package) -> Measured | None:
    """What the export wrote beside the file, unless the file is newer."""
    try:
        if package.check.stat().st_mtime_ns < package.lora.path.stat().st_mtime_ns:
            return None
    except FileNotFoundError:
        return None
    found = read_bounded_json(package.check, _LARGEST_CHECK)
    if not isinstance(found, dict):
        return None
    try:
        return Measured(
            keys_loaded=int(found["keys_loaded"]),
            max_difference=float(found["max_difference"]),
            effect=float(found["effect"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
