from pathlib import Path

import pytest

from ui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    root = tmp_path / "studio"
    (root / "runs").mkdir(parents=True)
    return Workspace(root=root)


@pytest.fixture
def runs(workspace) -> Path:
    return workspace.runs
