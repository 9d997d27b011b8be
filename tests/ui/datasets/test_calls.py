import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ui.datasets.drawn import write_clip
from ui.datasets.calls import Calls, server_function
from ui.datasets.choices import write_recipe, write_trigger
from ui.datasets.dataset import Dataset, open_dataset
from ui.datasets.health import report_path
from ui.datasets.overview import draw_example, overview
from ui.datasets.seen import Seen
from ui.jobs.runner import Runner
from ui.workspace import Workspace

Make = Callable[..., Dataset]


@pytest.fixture
def runner(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """A runner that starts nothing."""
    runner = Runner(workspace)
    monkeypatch.setattr(runner, "advance", lambda: None)
    return runner


@pytest.fixture
def calls(workspace: Workspace, runner: Runner) -> Calls:
    return Calls(workspace=workspace, runner=runner, seen=Seen(workspace))


def _upload(workspace: Workspace, name: str, content: bytes = b"a caption") -> str:
    path = workspace.state / "uploads" / "0123abcd" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def test_a_page_of_clips_is_judged_by_what_was_chosen(folder: Make, calls: Calls) -> None:
    dataset = folder(drawn=True, a="a star", b="DUSK, a circle")
    write_trigger(dataset, "DUSK")
    write_recipe(dataset, "demo")
    page = calls.clips({"dataset": "datasets/mine", "show": "triggerless"})
    assert [clip["name"] for clip in page["clips"]] == ["a.mp4"]
    assert page["clips"][0]["bucket"] == "128x96x25"
    write_recipe(dataset, "mine/gone")
    assert calls.clips({"dataset": "datasets/mine"})["clips"][0]["bucket"] == ""


@pytest.mark.parametrize(
    "request_",
    [
        *([], None, 3, "datasets/mine", {}, {"dataset": ["datasets/mine"]}, {"dataset": "../x"}),
        {"dataset": "datasets/mine\0"},
        {"dataset": "datasets/mine", "key": {}},
        {"dataset": "datasets/mine", "key": "../../secret", "text": "x", "shown": ""},
        {"dataset": "/etc", "key": "passwd", "text": "x", "shown": ""},
        {"path": "/etc/passwd", "name": "a.txt", "dataset": "datasets/mine"},
        {"id": "../../x"},
    ],
)
def test_a_request_that_makes_no_sense_is_answered_with_an_error(
    folder: Make, calls: Calls, request_: Any, secret: Path
) -> None:
    folder(a="one")
    for method in (calls.clips, calls.save_caption, calls.take_upload, calls.health, calls.stop_job):
        answer = server_function("one", method)(request_)
        json.dumps(answer)
        if "error" not in answer:
            assert method in (calls.clips, calls.health)
            assert answer["dataset"] == "datasets/mine"
    assert secret.exists()
    assert Path("/etc/passwd").exists()


def test_a_caption_is_kept_or_disputed(folder: Make, calls: Calls) -> None:
    dataset = folder(a="one")
    request = {"dataset": "datasets/mine", "key": "a.mp4", "number": 1, "text": "two", "shown": "one"}
    assert calls.save_caption(request) == {"saved": True, "standing": "two"}
    (dataset.path / "a.txt").write_text("three")
    assert calls.save_caption({**request, "text": "four", "shown": "two"}) == {"saved": False, "standing": "three"}


def test_an_upload_is_taken_and_gone(folder: Make, calls: Calls) -> None:
    dataset = folder(a=None)
    path = _upload(dataset.workspace, "a.txt")
    answer = calls.take_upload({"dataset": "datasets/mine", "path": path, "name": "night/a.txt"})
    assert answer == {"received": [{"name": "night/a.txt", "fate": "added", "reason": ""}]}
    assert (dataset.path / "night" / "a.txt").read_text() == "a caption"
    assert list((dataset.workspace.state / "uploads").iterdir()) == []


def test_an_upload_that_cannot_be_taken_is_gone_too(folder: Make, calls: Calls) -> None:
    path = _upload(folder(a=None).workspace, "a.txt")
    answer = server_function("take", calls.take_upload)({"dataset": "datasets/none", "path": path, "name": "a.txt"})
    assert "no dataset" in answer["error"]
    assert not Path(path).exists()


def test_only_what_was_uploaded_is_taken(folder: Make, calls: Calls, secret: Path) -> None:
    dataset = folder(a="one")
    uploads = dataset.workspace.state / "uploads"
    _upload(dataset.workspace, "fine.txt")
    (uploads / "link.txt").symlink_to(secret)
    take = server_function("take", calls.take_upload)
    paths = [
        *(str(secret), str(dataset.path / "a.txt"), str(uploads / "link.txt"), str(uploads), "fine.txt", ""),
        *(f"{uploads}/../../datasets/mine/a.txt", f"{uploads}/0123abcd/../link.txt", f"{uploads}/a\0", "x" * 5000),
    ]
    for path in paths:
        assert "error" in take({"dataset": "datasets/mine", "path": path, "name": "b.txt"}), path
    assert secret.exists()
    assert (dataset.path / "a.txt").exists()
    assert not (dataset.path / "b.txt").exists()


def test_jobs_of_a_dataset_are_told_and_stopped(folder: Make, calls: Calls, runner: Runner) -> None:
    dataset = folder(drawn=True, a="one", b="two")
    words = ("-m", "datamodules", "references", "datasets/mine", "--signal", "canny")
    job = runner.submit("references", "Make <b>edges</b>", words, subject="datasets/mine")
    fit = runner.submit("fit", "Train", ("-m", "ltx_module"), run="mia-1", subject="datasets/mine")
    write_clip(dataset.path / "references" / "canny" / "a.mp4")
    (card,) = calls.jobs({"dataset": "datasets/mine"})["jobs"]
    assert (card["id"], card["title"], card["active"]) == (job.id, "Make <b>edges</b>", True)
    assert (card["done"], card["total"]) == (1, 2)
    assert card["command"] == "python -m datamodules references datasets/mine --signal canny"
    assert calls.jobs({"dataset": "datasets/other"}) == {"jobs": []}
    calls.stop_job({"id": job.id})
    assert not calls.jobs({"dataset": "datasets/mine"})["jobs"][0]["active"]
    with pytest.raises(ValueError, match="none of a dataset"):
        calls.stop_job({"id": fit.id})


def test_the_health_card_tells_what_concerns_no_single_clip(folder: Make, calls: Calls) -> None:
    dataset = folder(a="one")
    (dataset.path / "stray.txt").write_text("of nothing")
    findings = [
        {"code": "few", "severity": "warning", "name": "", "message": "only 1 clip", "fix": "add", "can_fix": True},
        {"code": "frozen", "severity": "problem", "name": "a.mp4", "message": "still", "fix": ""},
    ]
    report_path(dataset).parent.mkdir(parents=True)
    content = {"verdict": "Not ready.", "clips": 1, "seconds": 2.0, "findings": findings}
    report_path(dataset).write_text(json.dumps(content))
    card = calls.health({"dataset": "datasets/mine"})
    assert (card["verdict"], card["tone"], card["mendable"], card["checked"]) == ("Not ready.", "bad", 1, "just now")
    assert card["counts"] == "1 clips, 2 s in all: 1 problem, 1 warning"
    assert [(one["name"], one["message"]) for one in card["findings"]] == [
        ("", "only 1 clip"),
        ("stray.txt", "no clip has this stem"),
    ]


def test_an_empty_workspace_says_how_to_begin(workspace: Workspace) -> None:
    found = overview(workspace, "")
    assert (found.chosen, found.choices, found.upload) == ("", [], {"dataset": ""})
    assert "draw the example" in found.grid["empty"][1]


def test_a_dataset_comes_with_all_that_was_chosen_for_it(folder: Make) -> None:
    dataset = folder(a="one")
    write_trigger(dataset, "mia1")
    write_recipe(dataset, "character")
    found = overview(dataset.workspace, str(dataset.path))
    assert (found.chosen, found.trigger, found.recipe, found.undo) == ("datasets/mine", "mia1", "character", "")
    assert found.choices == [("mine", "datasets/mine")]
    assert found.health["clips"] == 1
    json.dumps([found.grid, found.upload, found.health])


def test_a_broken_manifest_says_so_where_its_health_stands(folder: Make) -> None:
    dataset = folder(a="one")
    (dataset.path / "clips.csv").write_text("video;caption\n")
    found = overview(dataset.workspace, "datasets/mine/clips.csv")
    assert "separate columns by commas" in found.health["error"]
    assert "manifest takes no uploads" in found.upload["closed"]


def test_the_example_is_drawn_into_a_free_name(workspace: Workspace, runner: Runner) -> None:
    assert draw_example(runner, workspace) == "datasets/example"
    assert draw_example(runner, workspace) == "datasets/example-2"
    found = overview(workspace, "datasets/example")
    assert (found.trigger, found.recipe) == ("DUSK", "demo")
    views = runner.views(kinds=("draw",), subject="datasets/example")
    assert views[0].job.words[:3] == ("-m", "datamodules.world", "datasets/example")


def test_a_preview_of_an_edit_is_escaped(folder: Make) -> None:
    from ui.datasets.caption_edits import Edit, preview
    from ui.datasets.edit_preview import preview_markup

    dataset = folder(**{f"c{number}": "<script>alert(1)</script>" for number in range(7)})
    edit = Edit(kind="replace", find="alert", words="<img onerror=x>")
    markup = preview_markup(preview(open_dataset(dataset.workspace, "datasets/mine"), Seen(dataset.workspace), edit))
    assert "7 captions would change" in markup
    assert "and 2 more" in markup
    assert "<script" not in markup
    assert "<img" not in markup
