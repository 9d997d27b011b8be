from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ui.datasets.drawn import write_clip
from ui.datasets.dataset import Dataset, open_dataset
from ui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "work"
    (root / "datasets").mkdir(parents=True)
    return Workspace(root=root)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside every folder of the workspace."""
    path = tmp_path / "secret.txt"
    path.write_text("the secret words", encoding="utf-8")
    return path


@pytest.fixture
def folder(workspace: Workspace) -> Callable[..., Dataset]:
    """Makes a dataset of empty or drawn files: names to captions; None is no caption."""

    def make(name: str = "mine", *, drawn: bool = False, **captions: str | None) -> Dataset:
        directory = workspace.datasets[0] / name
        directory.mkdir(parents=True, exist_ok=True)
        for stem, caption in captions.items():
            clip = directory / f"{stem}.mp4"
            if drawn:
                write_clip(clip)
            else:
                clip.write_bytes(b"\0\0\0\x18ftypisom")
            if caption is not None:
                clip.with_suffix(".txt").write_text(caption, encoding="utf-8")
        return open_dataset(workspace, f"datasets/{name}")

    return make
