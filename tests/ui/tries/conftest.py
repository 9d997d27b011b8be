import pytest

from tests.ui.tries.made import StillRunner, workspace_at, write_base, write_run


@pytest.fixture
def root(tmp_path):
    write_base(tmp_path)
    (tmp_path / "datasets" / "mine" / "samples").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def run(root):
    return write_run(root)


@pytest.fixture
def workspace(root):
    return workspace_at(root)


@pytest.fixture
def runner(root):
    return StillRunner(root / ".studio" / "jobs")
