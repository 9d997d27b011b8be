"""What a dataset lists: its clips by name, before any of their files is opened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from datamodules.doctor.diagnosis import Diagnosis
from datamodules.manifest.clip import MediaKind
from ui.datasets.dataset import Dataset

OUTSIDE = "leads out of the dataset folders, so it is neither read nor shown"
"""What is said of a link or a row that names a file elsewhere."""
OUTSIDE_FIX = "put the file itself there, or start the studio with --datasets FOLDER for the folder it lies in"


@dataclass(frozen=True, kw_only=True)
class ClipEntry:
    """A clip that is listed, its files by name."""

    key: str
    """What the page calls it: its name below the folder, or `row 3` of a manifest."""
    name: str
    """Its name as it is shown."""
    kind: MediaKind
    """What its name says it is."""
    media: Path | None
    """The file; None where it must not be touched."""
    sound: Path | None = None
    """The sound that replaces the video's own."""
    caption_files: tuple[Path, ...] = ()
    """Files of its captions in a folder, the first one first."""
    captions: tuple[tuple[int, str], ...] = ()
    """Captions of a manifest's row with their numbers."""
    references: Mapping[str, Path] = field(default_factory=dict)
    """References by signal."""
    masks: tuple[Path, ...] = ()
    """Masks of picture and sound."""
    issues: tuple[Diagnosis, ...] = ()
    """What its name and files show already."""
    locked: str = ""
    """Why its caption cannot be edited here; empty if it can."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The clips of a dataset by name."""

    dataset: Dataset
    """The dataset."""
    entries: tuple[ClipEntry, ...]
    """Its clips in the order of their names or rows."""
    issues: tuple[Diagnosis, ...] = ()
    """What was noticed about other files."""
    leads_out: tuple[str, ...] = ()
    """Names of links and rows that lead out of the dataset folders."""

    def entry(self, key: str) -> ClipEntry:
        """The clip of a key.

        Raises:
            ValueError: If there is none any more.
        """
        for entry in self.entries:
            if entry.key == key:
                return entry
        raise ValueError(f"The dataset has no clip {key[:200]!r} any more: reload the page.")

    def require_contained(self) -> None:
        """Refuse work by commands, which would follow links out of the dataset folders.

        Raises:
            ValueError: If a link or row leads out.
        """
        if self.leads_out:
            raise ValueError(
                f"{shown_name(self.leads_out[0])} {OUTSIDE} ({len(self.leads_out)} in all): {OUTSIDE_FIX}, or remove"
                " it."
            )


def shown_name(name: str) -> str:
    """A file's name as text that can be shown, whatever its bytes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def is_text(name: str) -> bool:
    """Whether a file's name is UTF-8."""
    return shown_name(name) == name


def is_plain(name: str) -> bool:
    """Whether a file's name can stand in an address."""
    return name.isprintable() and "\\" not in name


def outside(name: str) -> Diagnosis:
    """The finding for a file that must not be touched."""
    return Diagnosis(code="leads-out", severity="problem", name=name, message=OUTSIDE, fix=OUTSIDE_FIX)
