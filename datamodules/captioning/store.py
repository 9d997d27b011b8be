"""Where a dataset keeps its captions: what stands there, whose it is, and writing it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from datamodules.captioning.folder_store import FolderStore
from datamodules.captioning.question import Source
from datamodules.captioning.table_store import TableStore
from datamodules.manifest.clip import MANIFEST_SUFFIXES, Finding


class CaptionStore(Protocol):
    """The captions of a dataset."""

    sources: Sequence[Source]
    """Its clips, in order."""
    findings: Sequence[Finding]
    """Files and rows that are no clips, and why."""

    def content(self, source: Source, number: int) -> bytes | None:
        """What stands at present as the clip's caption of this number, the first is 1; None if there is nothing."""

    def key(self, source: Source, number: int) -> str:
        """Under what the caption is remembered."""

    def place(self, source: Source, number: int) -> str:
        """Where it stands, for messages."""

    def write(self, source: Source, number: int, caption: str) -> bytes:
        """Put it there, with a copy of what it takes the place of.

        Returns:
            What stands there from now on.
        """


def open_store(dataset: Path, *, out: Path | None, variants: int) -> CaptionStore:
    """Find the clips of a dataset and their captions; nothing is written.

    Args:
        dataset: A folder, or a manifest.
        out: Where the captioned copy of a manifest goes.
        variants: Captions per clip.

    Returns:
        What it holds, with at least one clip.

    Raises:
        FileNotFoundError: If there is no such dataset.
        ValueError: If it holds no clips, is malformed, or `out` does not fit it.
    """
    if not dataset.exists():
        raise FileNotFoundError(
            f"DATASET is {str(dataset)!r}, but there is nothing: give a folder of clips or a "
            f"{', '.join(MANIFEST_SUFFIXES)} manifest."
        )
    if dataset.is_dir():
        if out is not None:
            raise ValueError(
                f"`--out` is {str(out)!r}, but the captions of a folder stand beside its clips: leave it out."
            )
        return FolderStore(dataset, variants=variants)
    if dataset.suffix.lower() not in MANIFEST_SUFFIXES:
        raise ValueError(
            f"DATASET is {str(dataset)!r}, but a dataset is a folder or a manifest ({', '.join(MANIFEST_SUFFIXES)}): "
            "give the folder that holds the file."
        )
    return TableStore(dataset, out=out)
