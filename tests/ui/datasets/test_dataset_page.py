"""The Dataset page in a real browser."""

# ruff: noqa: F811 - fixtures are imported

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.ui.browser.conftest import Visits, studio, visit  # noqa: F401 - fixtures
from tests.ui.browser.studio import ROOT, Studio
from tests.ui.datasets.drawn import write_clip

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with a dataset, its clips as small as can be."""
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    mine = tmp_path / "datasets" / "mine"
    for number in range(3):
        write_clip(mine / f"clip{number}.mp4")
        (mine / f"clip{number}.txt").write_text(f"a star, number {number}")
    return tmp_path


def _choose(page: Any, name: str) -> None:
    page.get_by_label("Dataset", exact=True).first.click()
    page.get_by_role("option", name=name, exact=True).click()


def _until(page: Any, script: str) -> None:
    page.wait_for_function(script)


def test_captions_are_saved_on_enter_and_disputed_when_they_changed(
    studio: Studio,
    visit: Visits,
    workspace: Path,
) -> None:
    page = visit(studio.url).page
    mine = workspace / "datasets" / "mine"
    _choose(page, "mine")
    page.get_by_label("Caption of clip0.mp4").fill("a star, anew")
    page.get_by_label("Caption of clip0.mp4").press("Enter")
    page.locator(".cg-status[data-state=saved]").wait_for()
    assert (mine / "clip0.txt").read_text() == "a star, anew\n"

    (mine / "clip1.txt").write_text("of another page")
    page.get_by_label("Caption of clip1.mp4").fill("mine")
    page.get_by_label("Caption of clip2.mp4").focus()
    page.get_by_text("of another page").wait_for()
    assert (mine / "clip1.txt").read_text() == "of another page"
    page.get_by_label("Search names and captions").fill("clip2")
    page.get_by_text("1 to 1 of 1 found among 3").wait_for()
    assert page.get_by_label("Caption of clip1.mp4").input_value() == "mine"
    page.get_by_role("button", name="Keep mine").click()
    page.locator(".cg-status[data-state=saved]").wait_for()
    assert (mine / "clip1.txt").read_text() == "mine\n"

    page.get_by_label("Caption of clip2.mp4").fill("thrown away")
    page.get_by_label("Caption of clip2.mp4").press("Escape")
    assert page.get_by_label("Caption of clip2.mp4").input_value() == "a star, number 2"


def test_texts_of_files_are_shown_as_text(studio: Studio, visit: Visits, workspace: Path) -> None:
    mine = workspace / "datasets" / "mine"
    write_clip(mine / "<img src=x onerror=document.title='hit'>.mp4")
    (mine / "<img src=x onerror=document.title='hit'>.txt").write_text("<script>document.title='hit'</script>")
    (mine / "out.mp4").symlink_to("/etc/passwd")
    page = visit(studio.url).page
    _choose(page, "mine")
    _until(page, "document.querySelectorAll('.cg-card').length === 5")
    page.locator(".cg-card", has_text="out.mp4").locator("summary").click()
    page.get_by_text("leads out of the dataset folders").wait_for()
    assert page.title() == "LTX Recipes"
    assert page.locator(".cg-card img[src='x'], .cg-card script").count() == 0
    assert "root:" not in page.content()


def test_a_clip_is_loaded_when_it_is_played_and_one_plays_at_a_time(
    studio: Studio,
    visit: Visits,
    workspace: Path,
) -> None:
    mine = workspace / "datasets" / "mine"
    write_clip(mine / "references" / "canny" / "clip0.mp4")
    asked: list[str] = []
    one = visit(studio.url)
    one.page.on("request", lambda request: asked.append(request.url) if "/media/" in request.url else None)
    _choose(one.page, "mine")
    one.page.get_by_role("button", name="Play clip0.mp4").wait_for()
    assert asked == []
    one.page.get_by_role("button", name="Play clip0.mp4").click()
    _until(
        one.page, "[...document.querySelectorAll('.cg-pane video')].filter((one) => one.currentTime > 0).length === 2"
    )
    times = one.page.evaluate("[...document.querySelectorAll('.cg-pane video')].map((one) => one.currentTime)")
    assert abs(times[0] - times[1]) < 0.2
    one.page.get_by_role("button", name="Play clip1.mp4").click()
    _until(one.page, "document.querySelectorAll('.cg-pane video').length === 1")


def test_files_and_zips_are_uploaded(studio: Studio, visit: Visits, workspace: Path, tmp_path: Path) -> None:
    page = visit(studio.url).page
    page.get_by_label("New dataset").fill("fresh")
    page.get_by_role("button", name="Create").click()
    page.get_by_text("No clip in datasets/fresh yet").wait_for()
    sent = tmp_path / "sent"
    write_clip(sent / "one.mp4")
    (sent / "one.txt").write_text("a star")
    (sent / "bad.exe").write_bytes(b"MZ")
    with zipfile.ZipFile(sent / "more.zip", "w") as packed:
        packed.write(sent / "one.mp4", "set/two.mp4")
        packed.writestr("set/../../evil.txt", "x")
    page.get_by_label("Files to add").set_input_files([str(path) for path in sorted(sent.iterdir())])
    page.get_by_text("3 added, 2 refused.").wait_for()
    page.get_by_label("Caption of two.mp4").wait_for()
    fresh = workspace / "datasets" / "fresh"
    assert sorted(path.name for path in fresh.iterdir() if not path.name.startswith(".")) == [
        "one.mp4",
        "one.txt",
        "two.mp4",
    ]
    assert [path for path in (workspace / ".studio" / "uploads").rglob("*") if path.is_file()] == []


def test_a_thousand_clips_are_a_page_at_a_time(studio: Studio, visit: Visits, workspace: Path) -> None:
    many = workspace / "datasets" / "many"
    many.mkdir()
    original = workspace / "datasets" / "mine" / "clip0.mp4"
    for number in range(1000):
        (many / f"{number:04d}.mp4").hardlink_to(original)
        (many / f"{number:04d}.txt").write_text(f"clip {number}")
    shutil.rmtree(workspace / "datasets" / "mine")
    page = visit(studio.url).page
    answers: list[int] = []
    page.on("response", lambda one: answers.append(len(one.body())) if "component_server" in one.url else None)
    _choose(page, "many")
    page.get_by_text("1 to 24 of 1000").wait_for()
    assert page.locator(".cg-card").count() == 24
    page.get_by_role("button", name="Next page, above the clips").click()
    page.get_by_text("25 to 48 of 1000").wait_for()
    assert page.locator(".cg-card").count() == 24
    page.get_by_label("Search names and captions").fill("clip 99")
    page.get_by_text("1 to 11 of 11 found among 1000").wait_for()
    assert max(answers) < 40_000


def test_what_was_chosen_survives_a_reload(studio: Studio, visit: Visits) -> None:
    page = visit(studio.url).page
    _choose(page, "mine")
    page.get_by_label("Caption of clip0.mp4").wait_for()
    page.get_by_label("Trigger word").fill("mia1")
    page.get_by_label("Trigger word").press("Enter")
    page.get_by_text("Without the trigger mia1").first.wait_for()
    visit.reload(page)
    page.get_by_label("Caption of clip0.mp4").wait_for()
    assert page.get_by_label("Trigger word").input_value() == "mia1"
    assert page.get_by_label("Dataset", exact=True).first.input_value() == "mine"


def test_a_dataset_is_checked_and_its_findings_stand_by_the_clips(studio: Studio, visit: Visits) -> None:
    page = visit(studio.url).page
    _choose(page, "mine")
    page.get_by_role("button", name="Check the dataset").click()
    page.locator(".ch-counts", has_text="3 clips").wait_for(timeout=120_000)
    page.get_by_label("Which clips are shown").select_option("findings")
    page.locator(".cg-findings summary").first.click()
    page.locator(".cg-findings .cg-fix").first.wait_for()


def test_many_captions_are_edited_after_a_preview_and_put_back(
    studio: Studio,
    visit: Visits,
    workspace: Path,
) -> None:
    page = visit(studio.url).page
    mine = workspace / "datasets" / "mine"
    _choose(page, "mine")
    page.get_by_role("button", name="Tools: captions, references, scenes").click()
    page.get_by_label("Words to find").fill("star")
    page.get_by_label("Replace by").fill("circle")
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("3 captions would change").wait_for()
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("3 captions changed.").wait_for()
    assert (mine / "clip2.txt").read_text() == "a circle, number 2\n"
    _until(page, "[...document.querySelectorAll('.cg-caption')].every((one) => one.value.includes('circle'))")
    page.get_by_role("button", name="Undo: 'star' replaced").click()
    page.get_by_text("3 captions put back.").wait_for()
    assert (mine / "clip2.txt").read_text() == "a star, number 2\n"
