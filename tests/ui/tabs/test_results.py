"""The results page's listeners, called as the page calls them."""

import shutil

import gradio as gr
import pytest

from tests.ui.runs.written_run import write_run
from ui.runs.favourite import favourite
from ui.tabs.results_handlers import Handlers
from ui.workspace import Workspace

NUM_DRAWN = 15
SKIPPED = gr.skip()


class Queue:
    """Stands in for the runner: without jobs, keeping what it is given."""

    def __init__(self) -> None:
        self.submitted = []

    def views(self, **_):
        return []

    def submit(self, kind, title, words, **more):
        self.submitted.append((kind, words))
        return type("Submitted", (), {"title": title})()


@pytest.fixture
def do(tmp_path) -> Handlers:
    (tmp_path / "runs").mkdir()
    write_run(tmp_path / "runs" / "mia-1")
    return Handlers(Workspace(root=tmp_path), Queue())


def asked(run="mia-1", **changes) -> list:
    values = {"source": "samples", "view": None, "checkpoint": None, "seed": -1, "other": "", "windows": None} | changes
    return [run, *values.values()]


def event(**data) -> gr.EventData:
    return gr.EventData(None, data)


def test_a_chosen_run_fills_the_page_and_folds_the_list(do):
    values = do.choose("mia-1", "", "any state")
    assert len(values) == NUM_DRAWN + 3
    assert [row["prompt"] for row in values[2]["rows"]] == ["MIA a red car", "MIA a blue boat"]
    assert values[NUM_DRAWN]["chosen"] == "mia-1"
    assert values[NUM_DRAWN + 1].open is False
    assert values[10].value == "step_000060"


def test_without_a_run_the_list_is_open_and_nothing_can_be_started(do):
    values = do.choose("", "", "any state")
    assert values[NUM_DRAWN + 1].open is True
    assert [button.interactive for button in values[NUM_DRAWN - 4 : NUM_DRAWN]] == [False] * 4


def test_a_row_of_the_list_chooses_its_run(do):
    assert do.take(event(run="mia-1"))[0] == "mia-1"
    assert do.turn_runs(event(page="x"), "", "any state", "")["page"] == 0


def test_a_press_of_the_star_marks_and_draws_again(do):
    values = do.mark(event(run="mia-1", checkpoint="step_000030", strength=1.0, on=True, seen=""), *asked())
    assert favourite(do.workspace, "mia-1").checkpoint == "step_000030"
    assert [column["favourite"] for column in values[2]["columns"]] == [False, True, False]


def test_nothing_is_sent_while_nothing_changes(do):
    seen = do.draw(*asked())[0]
    assert do.refresh(seen, *asked()) == [SKIPPED] * NUM_DRAWN
    write_run(do.workspace.runs / "mia-2", steps=())
    assert do.refresh(seen, *asked()) == [SKIPPED] * NUM_DRAWN
    (do.workspace.runs / "mia-1" / "favourite.json").write_text("{}")
    assert do.refresh(seen, *asked())[2] != SKIPPED


def test_a_run_that_is_deleted_meanwhile_is_no_reason_to_complain_every_other_second(do):
    seen = do.draw(*asked())[0]
    shutil.rmtree(do.workspace.runs / "mia-1")
    values = do.refresh(seen, *asked())
    assert values[1:] == [SKIPPED] * (NUM_DRAWN - 1)
    assert do.refresh(values[0], *asked()) == [SKIPPED] * NUM_DRAWN


def test_the_windows_that_were_turned_are_kept_until_a_control_changes(do):
    windows = do.turn(event(rows=3), *asked(windows={"columns": 2, "rows": 0}))[7]
    assert windows == {"columns": 2, "rows": 3}
    assert do.draw(*asked(windows=windows))[7] == {"columns": None, "rows": 0}


def test_jobs_are_started_with_the_commands_that_are_shown(do):
    do.evaluate("mia-1")
    do.sample("mia-1", "step_000030", "0.5 1.5")
    assert [kind for kind, _ in do.runner.submitted] == ["evaluate", "sample", "sample"]
    with pytest.raises(ValueError, match="no strength"):
        do.sample("mia-1", "step_000030", "much")
    with pytest.raises(ValueError, match="No run is chosen"):
        do.evaluate("")


def test_the_checkpoints_of_a_run_that_trains_can_be_sampled_as_they_come(do):
    loras = do.workspace.runs / "mia-1/lora"
    loras.rename(loras.with_name("later"))
    values = do.choose("mia-1", "", "any state")
    assert values[10].choices == []
    assert "saved no checkpoint yet" in values[8]
    loras.with_name("later").rename(loras)
    values = do.refresh(values[0], *asked())
    assert next(name for name, _ in values[10].choices) == "step_000060"
    do.sample("mia-1", None, "0.5")
    assert any("step_000060" in word for word in do.runner.submitted[0][1])
