import json
import re
from dataclasses import replace

from tests.ui.runs.test_evaluations import CONTENT
from tests.ui.runs.written_run import write_run
from ui.runs.evaluations import Evaluation, evaluation
from ui.runs.verdict_html import verdict_html

HOSTILE = '<img src=x onerror="alert(1)">`<b>`'


def shown(workspace, runs, **changes) -> Evaluation:
    run = write_run(runs / "mia-1")
    (run / "evaluation").mkdir()
    (run / "evaluation" / "evaluation.json").write_text(json.dumps(CONTENT | changes))
    return evaluation(workspace, "mia-1")


def test_a_run_that_was_not_evaluated_says_what_an_evaluation_is():
    assert "Not evaluated yet" in verdict_html(None)


def test_the_verdict_says_what_is_best_what_is_wrong_and_what_to_change(workspace, runs):
    text = verdict_html(shown(workspace, runs))
    assert "step_000030 at strength 0.75 is the best." in text
    assert "Error: Too strong (step_000060)" in text
    assert "What to change: Halve <code>lr</code>." in text
    assert "Evaluated 2026-01-02 03:04 UTC." in text


def test_a_fault_of_another_checkpoint_does_not_colour_the_recommended_one(workspace, runs):
    found = shown(workspace, runs)
    assert 'verdict-summary good"' in verdict_html(found)
    assert 'verdict-summary error"' in verdict_html(replace(found, best="step_000060"))
    assert 'verdict-summary error"' in verdict_html(replace(found, best=""))


def test_the_best_of_each_row_is_marked(workspace, runs):
    text = verdict_html(shown(workspace, runs))
    assert re.findall(r'class="top">([\d.]+)<', text) == ["0.70", "1.08"]


def test_texts_of_the_file_never_become_markup(workspace, runs):
    verdict = {
        "summary": HOSTILE,
        "best": {"checkpoint": HOSTILE, "strength": 1, "reason": HOSTILE},
        "findings": [
            dict.fromkeys(("fault", "severity", "checkpoint", "text", "remedy"), HOSTILE) | {"evidence": {HOSTILE: 1}}
        ],
    }
    checkpoints = [{"name": HOSTILE, "score": 1, "scores": {HOSTILE: 1}}]
    metrics = {HOSTILE: dict.fromkeys(("label", "unit", "help", "better"), HOSTILE)}
    text = verdict_html(
        shown(workspace, runs, verdict=verdict, checkpoints=checkpoints, metrics=metrics, created=HOSTILE)
    )
    assert "<img" not in text
    assert "<b>" not in text
    assert 'onerror="' not in text


def test_a_problem_is_shown_in_place_of_the_verdict():
    text = verdict_html(Evaluation(problem="<b>cannot be read"))
    assert "&lt;b&gt;cannot be read" in text
    assert "No fault" not in text
