import json
from dataclasses import replace

import pytest
from hypothesis import given

from tests.ui.runs.test_evaluations import CONTENT
from tests.ui.runs.test_sample_record import JSON
from tests.ui.runs.written_run import write_run, write_samples
from ui.jobs.job import Job, JobView
from ui.runs.failures import Failure
from ui.runs.favourite import favourite, favourite_version
from ui.runs.grid_value import stamp
from ui.runs.results_page import CHOOSE, Asked, comparable, headline, jobs_of, listed_runs, mark, shown_grid, verdict
from ui.workspace import Workspace

JOB = Job(
    id="1", kind="sample", title="Sample mia-1 step_000030 at 0.5", words=("-m", "ltx_module", "sample"), run="mia-1"
)


class Jobs:
    """Stands in for the runner: knows some jobs and their logs."""

    def __init__(self, *views: JobView, log: str = "") -> None:
        self.known, self.text = views, log

    def views(self, **_):
        return list(self.known)

    def log(self, job_id, max_bytes):
        return self.text


@pytest.fixture
def run(runs):
    return write_run(runs / "mia-1")


def test_without_a_run_the_grid_says_what_to_do(workspace):
    assert shown_grid(workspace, Asked(run=""))["empty"] == CHOOSE
    assert headline(workspace, "") == ("", False)
    assert verdict(workspace, "") == ""


def test_a_run_without_samples_says_how_to_make_some(workspace, runs):
    (runs / "mia-1").mkdir()
    assert "Sample a checkpoint" in shown_grid(workspace, Asked(run="mia-1"))["empty"][1]
    assert "Evaluate this run" in shown_grid(workspace, Asked(run="mia-1", source="evaluation"))["empty"][1]


@given(JSON, JSON, JSON, JSON, JSON, JSON)
def test_whatever_a_browser_sends_as_controls_gives_a_grid(
    tmp_path_factory, source, view, checkpoint, seed, other, windows
):
    root = tmp_path_factory.mktemp("studio")
    write_run(root / "runs" / "mia-1")
    other = "" if isinstance(other, str) else other
    asked = Asked(run="mia-1", source=source, view=view, checkpoint=checkpoint, seed=seed, other=other, windows=windows)
    assert len(shown_grid(Workspace(root=root), asked)["rows"]) == 2


def test_windows_of_the_page_reach_the_grid(workspace, runs):
    write_run(runs / "mia-1", prompts=[f"prompt-{number}" for number in range(30)])
    value = shown_grid(workspace, Asked(run="mia-1", windows={"rows": 1}))
    assert value["rows"][0]["prompt"] == "MIA prompt 12"
    assert value["row_window"]["text"] == "Prompts 13 to 24 of 30"


def test_marking_and_unmarking_go_through_the_version_that_was_shown(workspace, run):
    event = {"run": "mia-1", "checkpoint": "step_000030", "strength": 0.75, "sample": "", "on": True, "seen": ""}
    mark(workspace, event)
    assert favourite(workspace, "mia-1").strength == 0.75
    assert headline(workspace, "mia-1") == ("mia-1. The favourite is step_000030 at strength 0.75.", True)
    with pytest.raises(ValueError, match="in the meantime"):
        mark(workspace, {**event, "checkpoint": "step_000060"})
    mark(workspace, {**event, "on": False, "seen": favourite_version(workspace, "mia-1")})
    assert favourite(workspace, "mia-1") is None


@pytest.mark.parametrize(
    "event", [{}, {"run": 3}, {"run": "../x", "on": True}, {"run": "mia-1", "on": True, "checkpoint": []}]
)
def test_a_mark_that_names_nothing_is_refused(workspace, run, event):
    with pytest.raises(ValueError, match=r"run|LoRA"):
        mark(workspace, event)


def test_jobs_say_their_state_command_last_line_and_way_out(workspace):
    running = jobs_of(Jobs(JobView(job=JOB, state="running"), log="first\nwrote 1 of 2\n"), "mia-1")["jobs"][0]
    assert (running["told"], running["lines"], running["active"]) == ("running", ["wrote 1 of 2"], True)
    assert running["command"] == "python -m ltx_module sample"
    waiting = jobs_of(Jobs(JobView(job=JOB, state="queued", position=2)), "mia-1")["jobs"][0]
    assert waiting["told"] == "waits in the queue, place 2"
    failed = replace(
        JobView(job=JOB, state="failed"),
        error=Failure(text="Full.", fix="Make room."),
    )
    assert jobs_of(Jobs(failed), "mia-1")["jobs"][0]["lines"] == ["Full.", "What to do: Make room."]
    assert jobs_of(Jobs(failed), "") == {"jobs": []}


def test_the_stamp_changes_with_samples_evaluation_and_favourite_alone(workspace, run):
    stamps = [stamp(workspace, ["mia-1"])]
    (run / "metrics.csv").write_text("step\n1\n")
    assert stamp(workspace, ["mia-1"]) == stamps[0]
    write_samples(run / "samples" / "step_000090")
    stamps.append(stamp(workspace, ["mia-1"]))
    write_samples(run / "samples" / "step_000090", ("a-third-prompt",))
    stamps.append(stamp(workspace, ["mia-1"]))
    (run / "evaluation").mkdir()
    (run / "evaluation" / "evaluation.json").write_text(json.dumps(CONTENT))
    stamps.append(stamp(workspace, ["mia-1"]))
    (run / "favourite.json").write_text("{}")
    stamps.append(stamp(workspace, ["mia-1"]))
    assert len(set(stamps)) == len(stamps)
    assert stamp(workspace, ["gone-1"])


def test_a_run_can_be_compared_with_the_others(workspace, runs, run):
    write_run(runs / "mia-2")
    assert comparable(workspace, "mia-1") == ["mia-2"]
    assert listed_runs(workspace, Jobs(), "", "any state", 0, "mia-1")["chosen"] == "mia-1"
