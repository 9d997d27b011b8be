import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.runs.test_sample_record import JSON
from tests.ui.runs.written_run import write_run
from ui.runs import evaluations
from ui.runs.evaluations import evaluation
from ui.workspace import Workspace

CONTENT = {
    "schema": 1,
    "created": "2026-01-02T03:04:05+00:00",
    "verdict": {
        "summary": "step_000030 at strength 0.75 is the best.",
        "best": {"checkpoint": "step_000030", "strength": 0.75, "reason": "concept 55%"},
        "findings": [
            {
                "fault": "too_strong",
                "severity": "error",
                "checkpoint": "step_000060",
                "text": "It is too strong.",
                "remedy": "Halve `lr`.",
                "evidence": {"adoption": 1.08, "odd": "x"},
            }
        ],
    },
    "checkpoints": [
        {"name": "step_000030", "score": 0.7, "scores": {"adoption": 0.5}},
        {"name": "step_000060", "score": 0.3, "scores": {"adoption": 1.08, "burn": None}},
    ],
    "base_scores": {"adoption": 0.0},
    "metrics": {
        "adoption": {"label": "Concept", "unit": "%", "help": "How far.", "better": "higher"},
        "burn": {"label": "Burnt"},
    },
    "samples": [],
}


@pytest.fixture
def run(runs):
    return write_run(runs / "mia-1")


def write(run, content) -> None:
    folder = run / "evaluation"
    folder.mkdir(exist_ok=True)
    (folder / "evaluation.json").write_text(content if isinstance(content, str) else json.dumps(content))


def test_a_run_that_was_not_evaluated_has_none(workspace, run):
    assert evaluation(workspace, "mia-1") is None


def test_the_verdict_the_faults_and_the_figures_are_shown(workspace, run):
    write(run, CONTENT)
    (run / "evaluation" / "evaluation.html").write_text("<html>")
    found = evaluation(workspace, "mia-1")
    assert (found.best, found.best_strength, found.problem) == ("step_000030", 0.75, "")
    finding = found.findings[0]
    assert (finding.title, finding.severity, finding.remedy) == ("Too strong", "error", "Halve `lr`.")
    assert finding.evidence == (("Concept", 1.08),)
    assert found.checkpoints == ("step_000030", "step_000060")
    assert [(metric.label, metric.values) for metric in found.metrics] == [
        ("Score", (0.7, 0.3, None)),
        ("Concept", (0.5, 1.08, 0.0)),
    ]
    assert found.page_url.startswith("media/runs/mia-1/evaluation/evaluation.html")


def test_lora_files_that_came_later_are_named(workspace, run):
    write(run, CONTENT)
    os.utime(run / "evaluation" / "evaluation.json", (1_000, 1_000))
    assert evaluation(workspace, "mia-1").newer == ("step_000030", "step_000060")
    os.utime(run / "lora" / "step_000030.safetensors", (500, 500))
    assert evaluation(workspace, "mia-1").newer == ("step_000060",)


@pytest.mark.parametrize("content", ["{", "[]", "null", json.dumps({"schema": 2}), json.dumps({"schema": "<b>"})])
def test_what_cannot_be_read_says_what_to_do(workspace, run, content):
    write(run, content)
    assert "evaluate the run again" in evaluation(workspace, "mia-1").problem


def test_a_huge_file_is_not_read(workspace, run, monkeypatch):
    write(run, CONTENT)
    monkeypatch.setattr(evaluations, "MAX_BYTES", 100)
    assert "cannot be read" in evaluation(workspace, "mia-1").problem


def test_a_new_evaluation_replaces_the_one_that_was_read_before(workspace, run):
    write(run, CONTENT)
    evaluation(workspace, "mia-1")
    write(run, CONTENT | {"verdict": {"summary": "Now another."}})
    assert evaluation(workspace, "mia-1").summary == "Now another."


@given(st.sampled_from(sorted(CONTENT)), JSON)
def test_parts_of_any_type_never_raise(tmp_path_factory, key, value):
    root = tmp_path_factory.mktemp("studio")
    run = write_run(root / "runs" / "mia-1")
    write(run, CONTENT | {"schema": 1, key: value} if key != "schema" else CONTENT)
    assert evaluation(Workspace(root=root), "mia-1").problem == ""


def test_an_evaluation_that_is_a_link_out_of_the_run_is_not_read(workspace, run, tmp_path):
    (tmp_path / "evaluation.json").write_text(json.dumps(CONTENT))
    (run / "evaluation").mkdir()
    (run / "evaluation" / "evaluation.json").symlink_to(tmp_path / "evaluation.json")
    found = evaluation(workspace, "mia-1")
    assert (found.summary, bool(found.problem)) == ("", True)
