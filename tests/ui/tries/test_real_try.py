"""A try and an export from the page's handlers to files, with the real commands on the embedded model."""

import time

import pytest

from tests.ui.tries.trained import write_trained_run
from ui.jobs.runner import Runner
from ui.packages.load_report import load_report
from ui.packages.package import package_of
from ui.packages.page import export, shown_package
from ui.runs.run_recipe import run_recipe
from ui.tries.form import form_of
from ui.tries.history import history
from ui.tries.page import FIELDS, generate, shown_fields
from ui.workspace import Workspace

pytestmark = pytest.mark.slow
_SECONDS = 300.0


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, demo_folder):
    root = tmp_path_factory.mktemp("workspace")
    write_trained_run(root, demo_folder)
    return Workspace(root=root)


@pytest.fixture
def runner(workspace):
    runner = Runner(workspace)
    yield runner
    for view in runner.active():
        runner.kill(view.job.id)


def ended(runner):
    """Wait until nothing runs any more; the newest job."""
    deadline = time.monotonic() + _SECONDS
    while runner.active():
        assert time.monotonic() < deadline, "it takes too long"
        runner.advance()
        time.sleep(0.2)
    return runner.views(limit=1)[0]


def test_a_try_makes_a_video_with_and_one_without_the_lora(workspace, runner):
    values = {name: shown.get("value") for name, shown in shown_fields(workspace, "demo-1").items()}
    assert set(values) == set(FIELDS)
    generate(workspace, runner, "demo-1", {**values, "prompt": "a blue 'ball': #1", "seed": 5})
    view = ended(runner)
    assert view.state == "finished", runner.log(view.job.id)
    (one,) = history(workspace, runner, "demo-1")["tries"]
    assert (one["state"], one["prompt"], one["silent"]) == ("finished", "a blue 'ball': #1", False)
    assert one["with"]["name"] != one["without"]["name"]
    folder = workspace.runs / "demo-1" / "tries" / one["id"]
    assert (folder / one["with"]["name"]).read_bytes() != (folder / one["without"]["name"]).read_bytes()
    assert form_of(workspace, "demo-1").settings.seed == 42  # the run's own recipe is as it was


def test_an_export_is_listed_with_what_its_own_check_found(workspace, runner):
    export(workspace, runner, "demo-1", "newest")
    view = ended(runner)
    assert view.state == "finished", runner.log(view.job.id)
    package = package_of(workspace, "demo-1")
    report = load_report(workspace, package, run_recipe(workspace, "demo-1").document)
    assert package.name == "demo-1-000010"
    assert report.is_good
    assert report.num_loaded == report.num_keys == report.measured.keys_loaded
    assert shown_package(workspace, runner, "demo-1")["job"] is None


def test_a_try_that_the_command_refuses_says_why(workspace, runner, demo_folder):
    run = workspace.runs / "demo-1"
    text = (run / "recipe.yaml").read_text()
    try:
        (run / "recipe.yaml").write_text(text.replace("preset: quality", "preset: none-such"))
        values = {name: shown.get("value") for name, shown in shown_fields(workspace, "demo-1").items()}
        (run / "recipe.yaml").write_text(text.replace("assets/pico/gemma", "assets/pico/nothing"))
        generate(workspace, runner, "demo-1", {**values, "seed": 6})
        assert ended(runner).state == "failed"
        error = history(workspace, runner, "demo-1")["tries"][0]["error"]
        assert "nothing" in error["text"]
    finally:
        (run / "recipe.yaml").write_text(text)
