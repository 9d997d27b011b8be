"""A workspace with every folder that recipes name."""

from pathlib import Path

import pytest

from ui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for folder in ("datasets", "models", "assets", "runs", "demo"):
        (tmp_path / "work" / folder).mkdir(parents=True)
    return Workspace(root=tmp_path / "work")
