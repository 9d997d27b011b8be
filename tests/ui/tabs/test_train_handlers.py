"""The train page looks every two seconds: only what has changed is sent."""

import os
from pathlib import Path

import gradio as gr
import pytest

from tests.ui.jobs.waiting import SLEEP, until
from tests.ui.tabs.train_runs import write_run
from ui.parts.shared import Shared
from ui.tabs import train
from ui.tabs.train_handlers import BUTTONS, PARTS, Handlers

ASKED = (0, "", "Loss", 0.6, False)
SKIP = gr.skip()


@pytest.fixture
def do(workspace, runner, monkeypatch) -> Handlers:
    monkeypatch.setattr("ui.jobs.gpus.psutil.cpu_percent", lambda interval: 12.0)
    monkeypatch.setattr("ui.tabs.train_values._bar", lambda *given: {"name": given[0]})  # memory moves by itself
    return Handlers(workspace, runner)


def changed(updates: list) -> set[str]:
    names = [*PARTS, *BUTTONS, "steps", "options", "shown", "seen"]
    return {name for name, update in zip(names, updates, strict=True) if update != SKIP}


def test_a_look_at_nothing_new_sends_nothing(do, tmp_path):
    write_run(tmp_path, "mia-1", "training")
    first = do.look("", *ASKED, {})
    assert changed(first) == {*PARTS, *BUTTONS, "steps", "options", "shown", "seen"}
    assert changed(do.look("", *ASKED, first[-1])) == set()


def test_new_figures_send_only_their_part(do, tmp_path):
    run = write_run(tmp_path, "mia-1", "training")
    first = do.look("mia-1", *ASKED, {})
    with (run / "metrics.csv").open("a") as file:
        file.write("30,1.0,0.7,\n")
    assert changed(do.look("mia-1", *ASKED, first[-1])) == {"chart", "shown", "seen"}


def test_another_smoothing_sends_the_chart(do, tmp_path):
    write_run(tmp_path, "mia-1", "training")
    first = do.look("mia-1", *ASKED, {})
    assert changed(do.look("mia-1", 0, "", "Loss", 0.0, False, first[-1])) == {"chart", "shown", "seen"}


def test_the_first_run_of_the_list_is_shown_where_none_or_a_gone_one_is_chosen(do, tmp_path):
    older, newer = write_run(tmp_path, "older", "finished"), write_run(tmp_path, "newer", "finished")
    os.utime(older / "recipe.yaml", (1, 1))
    assert newer.name == "newer"
    for chosen in ("", "gone", "../../etc"):
        updates = do.look(chosen, *ASKED, {})
        assert updates[PARTS.index("run")]["name"] == "newer"
        assert updates[-2] == "newer"


def test_an_empty_workspace_shows_what_to_do(do):
    updates = do.look("", *ASKED, {})
    assert updates[PARTS.index("run")] == {"name": ""}
    assert not any(update["visible"] for update in _buttons(updates).values())


def _buttons(updates: list) -> dict[str, dict]:
    start = len(PARTS)
    return {
        name: update.constructor_args
        for name, update in zip(BUTTONS, updates[start : start + len(BUTTONS)], strict=True)
    }


@pytest.mark.parametrize(
    ("state", "shown", "idle"),
    [
        ("training", {"stop", "save", "sample", "clone"}, set()),
        ("encoding", {"stop", "save", "sample", "clone"}, {"save", "sample"}),
        ("stopped", {"resume", "clone"}, set()),
        ("finished", {"resume", "clone"}, set()),
        ("failed", {"resume", "clone"}, set()),
    ],
)
def test_only_buttons_that_make_sense_are_shown(do, tmp_path, state, shown, idle):
    write_run(tmp_path, "mia-1", state)
    buttons = _buttons(do.look("mia-1", *ASKED, {}))
    assert {name for name, button in buttons.items() if button["visible"]} == shown
    assert {name for name in shown if not buttons[name]["interactive"]} == idle


def test_a_run_that_never_began_can_be_started_again_but_has_no_steps_to_give(do, runner):
    job = runner.submit("fit", "Train mia-1", ["-c", "raise SystemExit(3)"], run="mia-1")
    until(lambda: not runner.view(job.id).active)
    updates = do.look("mia-1", *ASKED, {})
    assert _buttons(updates)["resume"] | {"value": "Start again", "visible": True} == _buttons(updates)["resume"]
    assert updates[len(PARTS) + len(BUTTONS)].constructor_args["visible"] is False


def test_the_log_of_a_job_takes_the_place_of_the_runs(do, runner, tmp_path):
    write_run(tmp_path, "mia-1", "finished")
    job = runner.submit("doctor", "Doctor", ["-c", "print('<b>two findings</b>')"])
    until(lambda: not runner.view(job.id).active)
    own = do.look("mia-1", *ASKED, {})[PARTS.index("log")]
    other = do.look("mia-1", 0, job.id, "Loss", 0.6, False, {})[PARTS.index("log")]
    assert own["text"] == ""
    assert "not started from this page" in own["empty"]
    assert (other["title"], other["text"], other["of_job"]) == ("Doctor", "<b>two findings</b>\n", True)


def test_a_job_that_is_gone_says_so_in_place_of_its_log(do, tmp_path):
    write_run(tmp_path, "mia-1", "finished")
    log = do.look("mia-1", 0, "20260101-000000-000000-abcd", "Loss", 0.6, False, {})[PARTS.index("log")]
    assert "reload the page" in log["empty"]


def test_a_look_at_200_runs_and_200_jobs_reads_few_files(do, runner, tmp_path, monkeypatch):
    for number in range(200):
        run = write_run(tmp_path, f"mia-{number}", "finished")
        os.utime(run / "recipe.yaml", (number, number))
    first = do.look("", *ASKED, {})
    opened: list[Path] = []
    original = Path.open

    def counted(path, *args, **kwargs):
        opened.append(path)
        return original(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", counted)
    assert changed(do.look("", *ASKED, first[-1])) == set()
    assert len(opened) <= 25  # two of each run of the page, the chosen one's figures and its curves


def test_the_page_is_built_with_an_output_for_each_update(workspace, runner):
    with gr.Blocks() as blocks:
        hidden = {name: gr.Textbox(visible=False) for name in ("page", "dataset", "run", "draft")}
        tabs = gr.Tabs()
        shared = Shared(workspace=workspace, runner=runner, blocks=blocks, tabs=tabs, **hidden)
        with tabs, gr.Tab("Train", id="train") as tab:
            train.build(shared, tab)
    looks = [one for one in blocks.fns.values() if one.name in ("look", "look_anew")]
    assert len(looks) > 5
    assert {len(one.outputs) for one in looks} == {len(PARTS) + len(BUTTONS) + 4}


def test_killing_answers_and_closes_the_question(do, runner):
    job = runner.submit("fit", "Train mia-1", SLEEP, run="mia-1")
    notice, question = do.kill("mia-1")
    until(lambda: not runner.view(job.id).active)
    assert "processes are ended" in notice.constructor_args["value"]
    assert question.constructor_args["visible"] is False
