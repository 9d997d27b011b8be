"""The page Try it in plain values."""

import os

import pytest

from tests.ui.tries.made import REFERENCE, write_lora, write_run
from ui.runs.favourite import Choice, mark_favourite
from ui.tries.form import form_of
from ui.tries.page import (
    FIELDS,
    NO_RUNS,
    NO_TRIES,
    again,
    generate,
    lora_updates,
    run_choices,
    settings_from,
    shown_fields,
)
from ui.tries.page import shown_history as shown
from ui.tries.settings import TryLoRA, TrySettings


def values_of(fields):
    return {name: one.get("value") for name, one in fields.items()}


@pytest.mark.parametrize("values", [{}, {"streams": "audio", "size": "4s"}, {"streams": "video", "factor": 2}])
def test_what_the_fields_show_is_what_they_give_back(workspace, root, values):
    write_run(root, **values)
    form = form_of(workspace, "mine-1")
    fields = shown_fields(workspace, "mine-1")
    assert tuple(sorted(fields)) == tuple(sorted(FIELDS))
    assert settings_from(values_of(fields), form) == form.settings


def test_fields_that_a_recipe_has_no_use_for_are_hidden(workspace, root):
    write_run(root, streams="audio", size="4s")
    fields = shown_fields(workspace, "mine-1")
    assert [fields[name]["visible"] for name in ("size", "frames", "seconds", "image_strength")] == [
        *(False, False, True, False)
    ]


def test_a_needed_reference_has_no_choice_of_none(workspace, root):
    write_run(root, conditions=REFERENCE)
    field = shown_fields(workspace, "mine-1")["reference_video"]
    assert ("none", "") not in field["choices"]
    assert field["label"] == "Reference (video or picture)"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": None}, "The seed is empty"),
        ({"seed": 1.5}, "whole number"),
        ({"seed": -1}, "seed is -1"),
        ({"steps": 201}, "use 1 to 200"),
        ({"strength_1": 5}, "from -4 to 4"),
        ({"strength_1": None}, "strength of a LoRA is empty"),
        ({"size": "100x96"}, "use 96 or 128"),
        ({"prompt": " "}, "prompt is empty"),
    ],
)
def test_what_is_missing_is_told_by_its_name(workspace, runner, run, change, said):
    values = values_of(shown_fields(workspace, "mine-1"))
    with pytest.raises(ValueError, match=said):
        generate(workspace, runner, "mine-1", {**values, **change})


def test_generating_says_what_happens_now(workspace, runner, run):
    values = values_of(shown_fields(workspace, "mine-1"))
    assert "place 1" in generate(workspace, runner, "mine-1", values)
    with pytest.raises(ValueError, match="No run is chosen"):
        generate(workspace, runner, "", values)


def test_a_try_used_again_fills_the_fields_with_its_own_settings(workspace, root, runner, run):
    write_lora(root / "models" / "other.safetensors")
    asked = {"lora_2": "models/other.safetensors", "strength_2": 0.3, "seed": 99, "frames": 9, "prompt": "a cube"}
    generate(workspace, runner, "mine-1", {**values_of(shown_fields(workspace, "mine-1")), **asked})
    (identity,) = runner.jobs
    filled = values_of(again(workspace, "mine-1", identity))
    assert {name: filled[name] for name in asked} == asked


def test_a_lora_that_is_in_no_list_can_still_be_shown(workspace, run):
    settings = TrySettings(prompt="a", size="64x64x9", loras=(TryLoRA(file="runs/mine-1/export/x.safetensors"),))
    field = shown_fields(workspace, "mine-1", settings)["lora_1"]
    assert field["value"] in [value for _, value in field["choices"]]


def test_runs_that_changed_last_come_first_and_those_that_have_not_begun_are_left_out(workspace, root):
    for number, name in enumerate(("old", "new")):
        run = write_run(root, name)
        for path in (run, run / "status.json"):
            os.utime(path, (1000 + number, 1000 + number))
    (root / "runs" / "waiting").mkdir()
    assert run_choices(workspace) == ["new", "old"]


def test_empty_pages_say_what_to_do(workspace, runner, run):
    assert shown(workspace, runner, "mine-1", 0)["empty"] == NO_TRIES
    assert shown(workspace, runner, "", 0)["empty"] == NO_RUNS


def test_a_page_of_the_history_looks_at_its_own_tries_alone(workspace, runner, run, monkeypatch):
    values = values_of(shown_fields(workspace, "mine-1"))
    for seed in range(60):
        generate(workspace, runner, "mine-1", {**values, "seed": seed})
    looked = []
    monkeypatch.setattr("ui.tries.history._shown", lambda *words: looked.append(words) or {"id": "x"})
    assert shown(workspace, runner, "mine-1", 3)["total"] == 60
    assert len(looked) == 5


def test_the_first_lora_follows_the_favourite_until_the_user_chooses_one(workspace, root, run):
    write_lora(run / "lora" / "step_000002.safetensors")
    mark_favourite(workspace, run.name, Choice(checkpoint="step_000002", strength=0.75), "")
    first, *_, strength = lora_updates(workspace, run.name, own=False)
    assert (first["value"], strength["value"]) == (f"runs/{run.name}/lora/step_000002.safetensors", 0.75)
    assert "value" not in lora_updates(workspace, run.name, own=True)[0]
