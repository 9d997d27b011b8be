import pytest

from tests.ui.jobs.waiting import runner_of, until


@pytest.fixture
def runner(tmp_path):
    """A runner on a machine without GPU; nothing of its jobs outlives the test."""
    for name in ("datasets", "models", "runs"):
        (tmp_path / name).mkdir()
    runner = runner_of(tmp_path)
    yield runner
    for view in runner.active():
        runner.kill(view.job.id)
    until(lambda: not runner.active())


@pytest.fixture
def workspace(runner):
    return runner.workspace
