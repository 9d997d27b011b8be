"""A shipped overlay as it can be run where bitsandbytes may be missing."""

import importlib.util
from pathlib import Path

import yaml

_FOREIGN = "bitsandbytes"
_IN_ITS_PLACE = "torch.optim.AdamW"


def runnable(overlay: Path, directory: Path) -> tuple[Path, list[str]]:
    """The overlay itself, or a copy whose optimizer torch has.

    Args:
        overlay: The shipped file.
        directory: Where a copy may be written.

    Returns:
        The file to use, and what it changes: nothing where the optimizer's package is installed.

    Raises:
        FileNotFoundError: If there is no such overlay.
    """
    if not overlay.is_file():
        raise FileNotFoundError(f"{overlay} does not exist: a row is measured by the overlay that users name.")
    recipe = yaml.safe_load(overlay.read_text(encoding="utf-8")) or {}
    optimizer = recipe.get("model", {}).get("optimizer")
    name = optimizer if isinstance(optimizer, str) else (optimizer or {}).get("class_path", "")
    if not name.startswith(f"{_FOREIGN}.") or importlib.util.find_spec(_FOREIGN) is not None:
        return overlay, []
    kept = {key: value for key, value in _arguments(optimizer).items() if key in ("lr", "betas", "eps", "weight_decay")}
    recipe["model"]["optimizer"] = {"class_path": _IN_ITS_PLACE, "init_args": kept}
    copy = directory / overlay.name
    copy.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return copy, [f"{_IN_ITS_PLACE} in place of {name}"]


def _arguments(optimizer: object) -> dict[str, object]:
    return dict(optimizer.get("init_args", {})) if isinstance(optimizer, dict) else {}
