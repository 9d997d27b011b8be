"""The page Export in plain values."""

import json

import pytest

from tests.ui.packages.made import write_package
from tests.ui.tries.made import workspace_at, write_run
from ui.packages.page import (
    NO_PACKAGE,
    NO_RUN,
    card,
    checkpoints,
    copied,
    copy_lines,
    drafted,
    export,
    saved,
    shown_package,
)


def test_a_package_is_shown_with_its_report(workspace, root, runner):
    write_package(root)
    shown = shown_package(workspace, runner, "mine-1")
    assert shown["package"]["download"] == "package/mine-1"
    assert [file["label"] for file in shown["package"]["files"]][:2] == ["LoRA", "workflow fast"]
    assert shown["report"]["good"]
    assert ["Steps", "20"] in json.loads(json.dumps(shown))["report"]["rows"]


def test_a_broken_lora_is_told_in_the_report(workspace, root, runner):
    run = write_package(root)
    (run / "export" / "mine-1-000020.safetensors").write_bytes(b"no")
    assert "no safetensors file" in shown_package(workspace, runner, "mine-1")["report"]["verdict"]


def test_empty_pages_say_what_to_do(workspace, root, runner):
    write_run(root)
    assert shown_package(workspace, runner, "")["empty"] == NO_RUN
    assert shown_package(workspace, runner, "mine-1")["empty"] == NO_PACKAGE
    assert checkpoints(workspace, "") == []
    assert checkpoints(workspace, "gone") == []
    assert card(workspace, "mine-1").text == ""


def test_an_export_that_waits_failed_or_was_stopped_is_shown_until_the_next(workspace, root, runner):
    write_run(root)
    assert "place 1" in export(workspace, runner, "mine-1", "newest")
    (identity,) = runner.jobs
    assert shown_package(workspace, runner, "mine-1")["job"]["state"] == "queued"
    runner.states[identity] = "failed"
    job = shown_package(workspace, runner, "mine-1")["job"]
    assert job["error"]["fix"] == "Use a smaller size."
    assert "--lora runs/mine-1/lora/step_000020.safetensors:1" in job["command"]
    runner.states[identity] = "finished"
    assert shown_package(workspace, runner, "mine-1")["job"] is None


def test_what_cannot_be_exported_is_told(workspace, root, runner):
    write_run(root, "bare", steps=())
    with pytest.raises(ValueError, match="no LoRA yet"):
        export(workspace, runner, "bare", None)
    with pytest.raises(ValueError, match="No run is chosen"):
        export(workspace, runner, "", None)
    for act in (lambda: drafted(workspace, "bare"), lambda: saved(workspace, "bare", "x", "")):
        with pytest.raises(ValueError, match="Nothing is exported yet"):
            act()


def test_a_copy_says_where_things_go_and_then_where_they_went(root, tmp_path_factory):
    comfyui = tmp_path_factory.mktemp("ComfyUI")
    (comfyui / "models").mkdir()
    workspace = workspace_at(root, comfyui=comfyui)
    write_package(root)
    text, agreed, differs = copy_lines(workspace, "mine-1")
    assert "models/loras/mine-1-000020.safetensors: will be copied" in text
    assert not differs
    assert "(copied)" in copied(workspace, "mine-1", False, agreed)
    assert "is there already" in copy_lines(workspace, "mine-1")[0]


def test_without_a_comfyui_folder_the_page_says_how_to_name_one(workspace, root):
    write_package(root)
    assert "--comfyui" in copy_lines(workspace, "mine-1")[0]
    assert "--comfyui" in copy_lines(workspace, "")[0]
