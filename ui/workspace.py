"""The folders that the studio may touch, and the names and addresses of what lies in them.

Commands run in the workspace's root, so that a path is written in a recipe as it is typed on a command line. Every path
that comes from a browser passes `Workspace.inside` before anything is read or written.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import quote

Area = Literal["datasets", "runs", "models", "recipes", "comfyui"]
"""Kinds of folders."""

SHIPPED_RECIPES = Path(__file__).resolve().parents[1] / "recipes"
"""The recipes that come with the project."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_LONGEST_PATH = 4096


class OutsideError(ValueError):
    """A path that lies in none of the folders that the studio may touch."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where datasets, models, recipes and runs lie."""

    root: Path
    """Commands run here; a resolved path."""
    more_datasets: tuple[Path, ...] = ()
    """Folders that hold datasets beside `datasets/` of the root."""
    more_models: tuple[Path, ...] = ()
    """Folders that hold models beside `models/` and `assets/` of the root."""
    comfyui: Path | None = None
    """A ComfyUI installation that exports are copied to."""
    _resolved: dict[str, tuple[Path, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Resolve the folders once: a link there is the choice of whoever started the studio.

        Raises:
            FileNotFoundError: If a folder that was named is not there.
        """
        object.__setattr__(self, "root", self.root.resolve())
        named = {
            "workspace": [self.root],
            "datasets": self.more_datasets,
            "models": self.more_models,
            "comfyui": filter(None, [self.comfyui]),
        }
        for option, folder in ((option, folder) for option, folders in named.items() for folder in folders):
            if not folder.is_dir():
                raise FileNotFoundError(f"--{option} {folder} is not a folder: make it, or name another one.")
        places: dict[Area, Iterable[Path]] = {
            "datasets": (self.root / "datasets", self.root / "demo", *self.more_datasets),
            "runs": (self.root / "runs",),
            "models": (self.root / "models", self.root / "assets", *self.more_models),
            "recipes": (self.recipes, SHIPPED_RECIPES),
            "comfyui": filter(None, [self.comfyui]),
        }
        self._resolved.update({area: tuple(path.resolve() for path in paths) for area, paths in places.items()})

    @property
    def datasets(self) -> tuple[Path, ...]:
        """Folders that hold datasets; the first takes new ones."""
        return self._resolved["datasets"]

    @property
    def models(self) -> tuple[Path, ...]:
        """Folders that hold models."""
        return self._resolved["models"]

    @property
    def runs(self) -> Path:
        """Directory of the runs."""
        return self.root / "runs"

    @property
    def recipes(self) -> Path:
        """Directory of the user's own recipes."""
        return self.root / "recipes" / "mine"

    @property
    def state(self) -> Path:
        """Directory of what the studio keeps for itself: jobs, posters, uploads."""
        return self.root / ".studio"

    def inside(self, path: str | Path, *areas: Area) -> Path:
        """A path with its links followed, if it lies in the folders of some areas.

        Args:
            path: Absolute, or relative to the root; it need not exist.
            areas: Which folders; a folder itself counts as inside.

        Raises:
            OutsideError: If it lies elsewhere, or is no path at all.
        """
        text = str(path)
        if not text.strip() or "\0" in text or len(text) > _LONGEST_PATH:
            raise OutsideError(f"{text[:80]!r} is not a path: name a file or folder.")
        try:
            found = (self.root / Path(text).expanduser()).resolve()
        except (OSError, RuntimeError) as error:  # a loop of links; a home that is not known
            raise OutsideError(f"{text!r} cannot be followed ({error}): name another path.") from error
        if any(found.is_relative_to(place) for area in areas for place in self._resolved[area]):
            return found
        folders = ", ".join(self.shown(place) for area in areas for place in self._resolved[area]) or "none"
        raise OutsideError(
            f"{text!r} lies outside the folders that the studio may use here ({folders}): move it there, or start the"
            " studio with --datasets FOLDER or --models FOLDER."
        )

    def shown(self, path: Path) -> str:
        """A path as a recipe writes it: relative to the root where it lies below."""
        try:
            return path.relative_to(self.root).as_posix() or "."
        except ValueError:
            return str(path)

    def places(self, area: Area) -> dict[str, Path]:
        """The folders of an area by their names in addresses: `datasets`, `datasets-2` and so on."""
        return {f"{area}-{number}" if number > 1 else area: path for number, path in enumerate(self._resolved[area], 1)}

    def place(self, name: str) -> Path:
        """The folder that an address names.

        Raises:
            OutsideError: If there is none.
        """
        areas: tuple[Area, ...] = get_args(Area)
        named = {key: path for area in areas for key, path in self.places(area).items()}
        if name not in named:
            raise OutsideError(f"{name!r} is no folder of this studio.")
        return named[name]

    def url(self, path: Path) -> str:
        """Address of a file relative to the page; it changes when the file does.

        Raises:
            OutsideError: If the file lies in no folder that is served.
            FileNotFoundError: If it is not there.
        """
        return f"media/{self._address(path)}"

    def poster_url(self, path: Path) -> str:
        """Address of a small picture of a video's or still's beginning. Raises what `url` raises."""
        return f"poster/{self._address(path)}"

    def _address(self, path: Path) -> str:
        found = self.inside(path, "datasets", "runs")
        version = found.stat().st_mtime_ns
        for name, place in {**self.places("datasets"), **self.places("runs")}.items():
            if found.is_relative_to(place):
                return f"{name}/{quote(found.relative_to(place).as_posix())}?v={version:x}"
        raise AssertionError("a path inside lies in one of the folders")


def safe_name(text: str, what: str) -> str:
    """A name that makes one ordinary folder or file.

    Args:
        text: As typed.
        what: What is named, for the error: "dataset".

    Raises:
        ValueError: If it is not 1 to 64 letters, digits, `_`, `-` and `.`, or begins with a dash or dot.
    """
    name = text.strip()
    if not name:
        raise ValueError(f"An empty name cannot name a {what}: type one.")
    if not _NAME.fullmatch(name) or ".." in name or name.endswith("."):
        raise ValueError(
            f"{text[:80]!r} cannot name a {what}: use 1 to 64 of a to z, A to Z, 0 to 9, _, - and .,"
            " no dash or dot first."
        )
    return name
