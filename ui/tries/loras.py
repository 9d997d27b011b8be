"""LoRA files that a try may use: of the chosen run, the newest of other runs, and those in the folders of models."""

from functools import lru_cache
from pathlib import Path

from ltx_module.run_directory import RunDirectory, step_of
from ui.packages.safetensors_header import read_header
from ui.runs.favourite import favourite
from ui.tries.settings import LARGEST_STRENGTH, TryLoRA
from ui.workspace import Area, Workspace

_MOST_RUNS = 200
_MOST_MODELS = 200
_DEPTH = 3  # of the models' folders


def lora_choices(workspace: Workspace, run: str) -> list[tuple[str, str]]:
    """What can be chosen, the chosen run's newest first.

    Args:
        workspace: Its runs and models are looked through.
        run: Name of the chosen run; empty for none.

    Returns:
        Label and path as a recipe writes it, of each.
    """
    own = RunDirectory(workspace.runs / run).loras()[::-1] if run else []
    choices = [(f"step {step_of(path)} of this run", workspace.shown(path)) for path in own]
    choices += [
        (f"{other.name}, step {step_of(newest)}", workspace.shown(newest))
        for other in _other_runs(workspace, run)
        for newest in RunDirectory(other).loras()[-1:]
    ]
    return choices + model_loras(workspace)


def first_lora(workspace: Workspace, run: str) -> TryLoRA | None:
    """The run's favourite with its strength, else its newest LoRA file, or None where there is none."""
    chosen = favourite(workspace, run)
    if chosen is not None and chosen.strength <= LARGEST_STRENGTH:
        return TryLoRA(file=workspace.shown(chosen.lora), strength=chosen.strength)
    found = RunDirectory(workspace.runs / run).loras()
    return TryLoRA(file=workspace.shown(found[-1])) if found else None


def model_loras(workspace: Workspace) -> list[tuple[str, str]]:
    """LoRA files in the folders of models, label and path of each."""
    return [(path.name, workspace.shown(path)) for path in _in_models(workspace)]


def require_lora(workspace: Workspace, file: str, *areas: Area) -> Path:
    """The LoRA file of a path that the page sent.

    Args:
        workspace: Has the file.
        file: The path.
        *areas: Where it may lie; by default among runs and models.

    Raises:
        ValueError: If it lies outside, is not there, or is no LoRA.
    """
    path = workspace.inside(file, *(areas or ("runs", "models")))
    if not path.is_file():
        raise ValueError(f"{file} is not there: choose another LoRA file.")
    if path.suffix.lower() != ".safetensors" or not _is_lora(path, path.stat().st_mtime_ns):
        raise ValueError(f"{file} is no LoRA file: choose a .safetensors file that training or an export wrote.")
    return path


def _other_runs(workspace: Workspace, run: str) -> list[Path]:
    """Directories of runs, those that changed last first."""
    if not workspace.runs.is_dir():
        return []
    runs = [path for path in workspace.runs.iterdir() if path.name != run and not path.is_symlink() and path.is_dir()]
    return sorted(runs, key=lambda path: path.stat().st_mtime, reverse=True)[:_MOST_RUNS]


def _in_models(workspace: Workspace) -> list[Path]:
    """LoRA files in the folders of models, by name."""
    found: list[Path] = []
    for folder in workspace.models:
        for depth in range(_DEPTH):
            for path in folder.glob("*/" * depth + "*.safetensors"):
                if len(found) < _MOST_MODELS and path.is_file() and _is_lora(path, path.stat().st_mtime_ns):
                    found.append(path)
    return sorted(found)


@lru_cache(maxsize=1024)
def _is_lora(path: Path, modified: int) -> bool:  # noqa: ARG001 - a file that changed is looked at again
    try:
        return read_header(path).is_lora
    except (OSError, ValueError):
        return False
