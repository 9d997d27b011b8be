"""The train page in a real browser: runs that go on, end, are killed, outlive the server; hostile names; a phone."""

import time

import pytest

from tests.ui.tabs.train_runs import write_run
from ui.jobs.runner import Runner
from ui.workspace import Workspace

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOSTILE = "<img src=x onerror=alert(1)>"

# A training without a model: it writes what a training writes, steps until it is told to stop, and obeys `control/`.
FIT = """
import json, os, pathlib, sys, time
run = pathlib.Path("runs") / sys.argv[1]
(run / "control").mkdir(parents=True, exist_ok=True)
(run / "recipe.yaml").write_text("trainer:\\n  max_steps: 1000\\n")
log = (run / "metrics.csv").open("a", buffering=1)
log.write("step,train/loss,train/loss_video\\n")
def say(state, step):
    status = {"state": state, "step": step, "max_steps": 1000, "loss": 1 / (step + 1), "seconds_per_step": 0.1,
              "eta_s": 60.0, "pid": os.getpid(), "heartbeat": time.time(), "error": None}
    new = run / ".status.new"
    new.write_text(json.dumps(status))
    new.replace(run / "status.json")
print("<b>begun</b>", flush=True)
for step in range(1, 1000):
    say("training", step)
    log.write(f"{step},{1 / step},{2 / step}\\n")
    time.sleep(0.05)
    if (run / "control/stop").exists():
        (run / "control/stop").unlink()
        print("saved", flush=True)
        say("stopped", step)
        break
"""


@pytest.fixture
def train(workspace):
    """Submits a training without a model, as the recipe page would."""
    runner = Runner(Workspace(root=workspace))

    def submit(name: str) -> None:
        runner.submit("fit", f"Train {name}", ["-c", FIT, name], run=name, devices=1)

    return submit


@pytest.fixture
def page(studio, visit):
    return visit(studio.url).page


def until(page, condition: str, seconds: float = 60.0) -> None:
    """Waits from outside, since the page's policy forbids to evaluate text inside it."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def show(page, run: str) -> None:
    page.get_by_role("tab", name="Train").click()
    page.locator(".tr-run", has_text=run).first.click()
    until(page, f"document.querySelector('#train-run h2')?.textContent === {run!r}")


def says(page, state: str) -> None:
    until(page, f"document.querySelector('#train-run .tr-title .tr-chip')?.textContent === {state!r}")


STEP = "parseInt(document.querySelector('#train-run dd')?.textContent ?? '0')"


def test_an_empty_page_says_what_to_do(page):
    page.get_by_role("tab", name="Train").click()
    page.get_by_text("Choose a recipe and a dataset on the Recipe page").wait_for()
    page.get_by_text("Nothing runs and nothing waits.").wait_for()


def test_a_run_is_watched_stopped_and_the_queue_goes_on(page, train, studio):
    train("first")
    train("second")
    show(page, "first")
    says(page, "training")
    until(page, f"{STEP} > 20")
    until(page, "document.querySelectorAll('#train-chart .tr-curve').length === 2")
    until(page, "document.querySelector('#train-log pre').textContent.includes('<b>begun</b>')")
    page.get_by_role("button", name="Stop and save").click()
    page.get_by_text("It finishes the running step, saves and ends.").first.wait_for()
    says(page, "stopped")
    show(page, "second")
    says(page, "training")
    page.get_by_role("button", name="Kill", exact=True).click()
    page.get_by_role("button", name="Kill it").click()
    says(page, "interrupted")
    until(page, "!document.querySelector('#train-jobs').textContent.includes('running')")


def test_a_waiting_run_is_taken_out_of_the_queue(page, train, studio):
    train("first")
    train("second")
    show(page, "second")
    says(page, "waiting")
    page.get_by_role("button", name="Remove: Train second").click()
    page.get_by_text("Taken out of the queue.").wait_for()
    show(page, "first")
    says(page, "training")


def test_a_run_outlives_the_server_and_a_reload(studio, visit, train):
    one = visit(studio.url)
    train("first")
    show(one.page, "first")
    until(one.page, f"{STEP} > 5")
    with one.server_away():
        studio.kill()
        studio.start()
        one.reload()
        one.page.get_by_role("tab", name="Train").click()
        until(one.page, "document.querySelector('#train-run h2')?.textContent === 'first'")
    step = one.page.evaluate(STEP)
    says(one.page, "training")
    until(one.page, f"{STEP} > {step + 5}")
    one.page.get_by_role("button", name="Stop and save").click()
    says(one.page, "stopped")


def test_a_failed_run_shows_cause_and_fix_on_top_as_text(workspace, studio, visit):
    error = {"text": f"{HOSTILE} is no folder", "fix": "give a folder"}
    write_run(workspace, "mia-1", "failed", error=error)
    page = visit(studio.url).page
    show(page, "mia-1")
    assert page.locator(".tr-failure p").all_inner_texts() == [f"{HOSTILE} is no folder", "give a folder"]
    assert page.locator("#train-run img").count() == 0


def test_hostile_names_of_runs_samples_and_jobs_stay_text(workspace, studio, visit):
    run = write_run(workspace, HOSTILE, "finished")
    (run / "samples/step_000020").mkdir(parents=True)
    (run / f"samples/step_000020/01-{HOSTILE}-seed1.wav").write_bytes(b"RIFF")
    runner = Runner(Workspace(root=workspace))
    runner.submit("doctor", HOSTILE, ["-c", f"print({HOSTILE!r})"], subject=HOSTILE)
    page = visit(studio.url).page
    page.get_by_role("tab", name="Train").click()
    until(
        page, "document.querySelectorAll('.tr-job').length === 1 && document.querySelectorAll('.tr-run').length === 1"
    )
    assert page.locator("#page-train img[src='x'], [id^=train-] img").count() == 0
    page.get_by_role("button", name=f"Log of {HOSTILE}").click()
    until(page, f"document.querySelector('#train-log pre').textContent.includes({HOSTILE!r})")


def test_of_200_runs_a_page_is_drawn(workspace, studio, visit):
    for number in range(200):
        write_run(workspace, f"mia-{number:03d}", "finished")
    page = visit(studio.url).page
    page.get_by_role("tab", name="Train").click()
    until(page, "document.querySelectorAll('.tr-run').length === 8")
    page.get_by_role("button", name="Older").click()
    page.get_by_text("page 2 of 25").wait_for()
    assert page.locator(".tr-run").count() == 8


def test_nothing_is_drawn_anew_while_nothing_changes(workspace, studio, visit):
    write_run(workspace, "mia-1", "finished")
    page = visit(studio.url).page
    show(page, "mia-1")
    page.wait_for_timeout(3000)
    parts = "['run', 'chart', 'runs', 'jobs', 'log'].map((name) => document.querySelector(`#train-${name} .widget`))"
    page.evaluate(
        f"window.changes = 0; for (const part of {parts})"
        " new MutationObserver((all) => { window.changes += all.length; })"
        ".observe(part, {subtree: true, childList: true, attributes: true, characterData: true})"
    )
    page.wait_for_timeout(5000)  # two looks
    assert page.evaluate("window.changes") == 0


def test_a_phone_shows_the_run_first_and_nothing_sticks_out(workspace, studio, visit):
    write_run(workspace, "a-run-with-quite-a-long-name-for-a-phone-to-show-1", "training")
    page = visit(studio.url, viewport={"width": 390, "height": 844}).page
    page.get_by_role("tab", name="Train").click()
    until(page, "document.querySelectorAll('.tr-run').length === 1 && document.querySelector('.tr-chart svg')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    top = "document.querySelector('#train-{}').getBoundingClientRect().top"
    assert page.evaluate(top.format("run")) < page.evaluate(top.format("machine"))
