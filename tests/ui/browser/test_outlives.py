"""A training outlives the page and the server, is stopped well, and goes on where it was."""

import json
import time

import pytest

from datamodules.world import write_dataset
from tests.ui.browser import pages

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_run_outlives_the_server_and_is_stopped_and_resumed(studio, visit, workspace):
    write_dataset(workspace / "datasets/shapes")
    made = visit(studio.url)
    page = made.page
    pages.open_page(page, "Dataset")
    page.get_by_label("Dataset", exact=True).first.click()
    page.get_by_role("option", name="shapes").click()
    pages.choose_recipe(page, "Style")
    pages.fill(page, "recipe-steps", "240")
    pages.fill(page, "recipe-interval", "240")
    pages.await_text(page, "max_steps: 240", "every_n_steps: 240")
    run = pages.start_training(page)
    pages.await_step(page, 3)

    with made.server_away():
        studio.kill()
        before = _status(workspace, run)["step"]
        _until(lambda: _status(workspace, run)["step"] >= before + 3)  # nobody watches
        studio.start()
        made.reload()
        pages.await_step(page, before + 3)

    page.locator("#train-stop").click()
    pages.await_state(page, "stopped")
    stopped = _status(workspace, run)
    assert 0 < stopped["step"] < 240
    assert [int(file.stem[-6:]) for file in (workspace / "runs" / run / "checkpoints").iterdir()] == [stopped["step"]]

    page.locator("#train-resume").click()
    pages.await_state(page, "finished")
    rows = (workspace / "runs" / run / "metrics.csv").read_text().splitlines()[1:]
    steps = [int(row.split(",")[0]) for row in rows]
    assert steps == sorted(set(steps))
    assert (workspace / "runs" / run / "lora/step_000240.safetensors").is_file()


def _status(workspace, run) -> dict:
    return json.loads((workspace / "runs" / run / "status.json").read_text())


def _until(condition, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)
