import json
import os
import time
from pathlib import Path

import pytest

from ui.runs.run_rows import PAGE, run_names, run_rows

STATES = ("finished", "failed", "training", "stopped")


@pytest.fixture
def many(runs):
    for number in range(200):
        run = runs / f"mia-{number}"
        run.mkdir()
        status = {"state": STATES[number % 4], "step": number * 10, "heartbeat": time.time()}
        (run / "status.json").write_text(json.dumps(status))
        os.utime(run / "status.json", (number, number))
    return runs


def test_the_newest_runs_come_first_in_pages(workspace, many):
    value = run_rows(workspace, {}, "", "any state", 0)
    assert [row["name"] for row in value["rows"]] == [f"mia-{number}" for number in range(199, 199 - PAGE, -1)]
    assert (value["pages"], value["text"]) == (25, "1 to 8 of 200 runs")
    assert run_rows(workspace, {}, "", "any state", 24)["rows"][-1]["name"] == "mia-0"
    assert run_rows(workspace, {}, "", "any state", 99)["page"] == 24


def test_a_page_reads_the_status_of_its_own_runs_alone(workspace, many, monkeypatch):
    opened = []
    real = Path.open
    monkeypatch.setattr(Path, "open", lambda path, *rest, **more: (opened.append(path), real(path, *rest, **more))[1])
    run_rows(workspace, {}, "", "any state", 3)
    assert len(opened) <= 2 * PAGE  # its status and the head of its recipe


def test_runs_are_found_by_name_and_state(workspace, many):
    assert [row["name"] for row in run_rows(workspace, {}, "MIA 199", "any state", 0)["rows"]] == ["mia-199"]
    failed = run_rows(workspace, {}, "", "failed", 0)
    assert {row["state"] for row in failed["rows"]} == {"failed"}
    assert failed["pages"] == 7  # 50 of 8 a page
    assert {row["state"] for row in run_rows(workspace, {}, "", "in progress", 0)["rows"]} == {"training"}


def test_empty_lists_say_what_to_do(workspace, many, tmp_path):
    assert "change the search" in run_rows(workspace, {}, "zoo", "any state", 0)["empty"]
    for run in list(many.iterdir()):
        (run / "status.json").unlink()
        run.rmdir()
    assert "Recipe page" in run_rows(workspace, {}, "", "any state", 0)["empty"]
    many.rmdir()
    assert run_names(workspace) == []


@pytest.mark.parametrize("status", ["{", "[]", '{"state": 3, "step": "x"}', '{"state": "<b>", "step": 1e400}'])
def test_a_broken_status_is_no_reason_to_fail(workspace, runs, status):
    (runs / "mia-1").mkdir()
    (runs / "mia-1" / "status.json").write_text(status)
    assert run_rows(workspace, {}, "", "any state", 0)["rows"][0]["name"] == "mia-1"


def test_marks_say_what_a_run_has(workspace, runs):
    (runs / "mia-1" / "evaluation").mkdir(parents=True)
    (runs / "mia-1" / "evaluation" / "evaluation.json").write_text("{}")
    (runs / "mia-1" / "favourite.json").write_text("{}")
    row = run_rows(workspace, {}, "", "any state", 0)["rows"][0]
    assert (row["marks"], row["state"]) == ("evaluated, favourite", "interrupted")
