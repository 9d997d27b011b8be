"""The results page in a real browser: samples in step, the sound of one, keys, favourite, two runs, hostile names."""

import json
import shutil
import time
from pathlib import Path

import pytest

from datamodules.media.probe import probe
from tests.ui.runs.test_evaluations import CONTENT
from tests.ui.runs.written_run import record, write_run

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PROMPTS = ("a-red-car", "a-blue-boat")
HOSTILE = "<img src=x onerror=alert(1)>"
PLAYERS = "[...document.querySelectorAll('.rg-scroll :is(video, audio)')]"
ENLARGED = "[...document.querySelectorAll('.rg-viewer video')]"


def write_played_run(run: Path, clips: list[Path], steps, prompts=PROMPTS) -> Path:
    """A run whose samples really play."""
    write_run(run, steps=steps, prompts=prompts)
    for number, video in enumerate(sorted(run.glob("samples/*/*.mp4"))):
        clip = clips[number % len(clips)]
        facts = probe(clip)
        shutil.copyfile(clip, video)
        words = video.stem[3:].partition("-seed")[0].replace("-", " ")
        size = f"{facts.width}x{facts.height}x{facts.frames}"
        video.with_suffix(".json").write_text(json.dumps(record(prompt=words, size=size, fps=facts.fps)))
    return run


@pytest.fixture
def clips(demo_folder) -> list[Path]:
    found = [path for path in sorted(demo_folder.rglob("*.mp4")) if probe(path).has_audio]
    return [path for path in found if probe(path).width == probe(found[0]).width][:3]


@pytest.fixture
def runs(workspace) -> Path:
    return workspace / "runs"


@pytest.fixture
def page(studio, visit):
    return visit(studio.url).page


def until(page, condition: str, seconds: float = 30.0) -> None:
    """Waits from outside, since the page's policy forbids to evaluate text inside it."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def show(page, run: str) -> None:
    """Chooses a run on the results page."""
    page.get_by_role("tab", name="Results").click()
    page.locator(".runs-row", has_text=run).first.click()
    page.wait_for_selector(".rg-cell")


def unmuted(page) -> list[str]:
    return page.evaluate(f"{PLAYERS}.filter((one) => !one.muted).map((one) => one.closest('.rg-cell').ariaLabel)")


def test_posters_come_first_and_all_samples_play_stop_and_step_together(runs, clips, page):
    write_played_run(runs / "mia-1", clips, (0, 30, 60))
    show(page, "mia-1")
    until(page, "document.querySelectorAll('.rg-cell img').length === 6")
    assert page.evaluate(f"{PLAYERS}.length") == 0
    page.locator(".rg-cell").first.focus()
    page.keyboard.press("Space")
    until(page, f"{PLAYERS}.length === 6 && {PLAYERS}.every((one) => !one.paused && one.currentTime > 0.1)")
    times = page.evaluate(f"{PLAYERS}.map((one) => one.currentTime)")
    assert max(times) - min(times) < 0.25  # of clips that loop every second or two, on a machine that may be busy
    page.keyboard.press("Space")
    assert page.evaluate(f"{PLAYERS}.every((one) => one.paused)")
    page.get_by_label("Frame", exact=True).first.fill("7")
    standing = f"new Set({PLAYERS}.map((one) => one.seeking ? 'seeks' : Math.floor(one.currentTime * 24)))"
    until(page, f"(() => {{ const found = {standing}; return found.size === 1 && found.has(7); }})()")
    page.locator(".rg-cell").first.focus()
    page.keyboard.press(".")
    until(page, f"(() => {{ const found = {standing}; return found.size === 1 && found.has(8); }})()")


def test_one_sample_sounds_at_a_time(runs, clips, page):
    write_played_run(runs / "mia-1", clips, (0, 30))
    show(page, "mia-1")
    page.locator(".rg-cell").nth(0).click()
    until(page, f"{PLAYERS}.length === 4")
    assert unmuted(page) == ["Before training: a red car"]
    page.locator(".rg-cell").nth(3).click()
    assert unmuted(page) == ["Step 30: a blue boat"]
    page.keyboard.press("m")
    assert unmuted(page) == []
    page.keyboard.press("ArrowUp")
    page.keyboard.press("m")
    assert unmuted(page) == ["Step 30: a red car"]


def test_a_sample_is_enlarged_beside_the_base_and_only_the_enlarged_sounds(runs, clips, page):
    write_played_run(runs / "mia-1", clips, (0, 30, 60))
    show(page, "mia-1")
    page.locator(".rg-cell").nth(2).click()
    page.keyboard.press("Enter")
    until(page, f"{ENLARGED}.length === 2 && {ENLARGED}.every((one) => !one.paused)")
    assert page.evaluate(f"{ENLARGED}.map((one) => one.muted)") == [True, False]
    assert unmuted(page) == []
    assert page.locator(".rg-viewer h3").inner_text() == "Step 60, seed 42"
    page.keyboard.press("b")
    until(page, f"{ENLARGED}.length === 1")
    page.keyboard.press("ArrowLeft")
    assert page.locator(".rg-viewer h3").inner_text() == "Step 30, seed 42"
    assert "samples/step_000030/01-a-red-car-seed42.mp4" in page.locator(".rg-facts").inner_text()
    page.keyboard.press("Escape")
    until(page, "!document.querySelector('dialog[open]')")
    assert page.evaluate("document.activeElement.ariaLabel") == "Step 30: a red car"
    assert unmuted(page) == ["Step 60: a red car"]


def test_the_favourite_is_marked_by_key_kept_and_unmarked_by_its_star(runs, clips, page):
    run = write_played_run(runs / "mia-1", clips, (0, 30, 60))
    show(page, "mia-1")
    page.locator(".rg-cell").nth(1).click()
    until(page, f"{PLAYERS}.length === 6 && {PLAYERS}.every((one) => !one.paused)")
    page.evaluate(
        f"window.stopped = 0; {PLAYERS}.forEach((one) => one.addEventListener('emptied', () => window.stopped++))"
    )
    page.keyboard.press("f")
    page.get_by_text("The favourite is step_000030 at strength 1.").wait_for()
    assert json.loads((run / "favourite.json").read_text())["sample"] == "samples/step_000030/01-a-red-car-seed42.mp4"
    assert page.evaluate("document.activeElement.ariaLabel") == "Step 30: a red car"
    assert page.evaluate("window.stopped") == 0  # what plays goes on
    page.get_by_label("Favourite: take the mark off: Step 30").click()
    page.get_by_text("No favourite yet").wait_for()
    assert not (run / "favourite.json").exists()


def test_a_favourite_chosen_elsewhere_is_shown_and_not_overwritten_unseen(runs, clips, page):
    run = write_played_run(runs / "mia-1", clips, (0, 30, 60))
    show(page, "mia-1")
    page.get_by_label("Mark as favourite: Step 60").wait_for()
    page.get_by_role("tab", name="Dataset").click()  # where no changes are looked for
    chosen = {"lora": "lora/step_000030.safetensors", "strength": 1.0}
    (run / "favourite.json").write_text(json.dumps(chosen))
    page.get_by_role("tab", name="Results").click()
    page.get_by_label("Favourite: take the mark off: Step 30").wait_for()
    assert json.loads((run / "favourite.json").read_text()) == chosen


def test_two_runs_are_compared_prompt_by_prompt(runs, clips, page):
    write_played_run(runs / "mia-1", clips, (0, 30))
    write_played_run(runs / "mia-2", clips, (0, 60), prompts=("a-blue-boat", "a-green-tree"))
    show(page, "mia-1")
    page.get_by_label("Compare with").click()
    page.get_by_role("option", name="mia-2").click()
    until(page, "document.querySelectorAll('.rg-column').length === 4")
    rows = "[...document.querySelectorAll('.rg-row:not(.rg-head)')]"
    assert page.evaluate(f"{rows}.map((row) => row.querySelectorAll('.rg-cell').length)") == [2, 4, 2]


def test_new_samples_appear_by_themselves(runs, clips, page):
    run = write_played_run(runs / "mia-1", clips, (0, 30))
    show(page, "mia-1")
    until(page, "document.querySelectorAll('.rg-column').length === 2")
    shutil.copytree(run / "samples" / "step_000030", run / "samples" / "step_000060")
    until(page, "document.querySelectorAll('.rg-column').length === 3")


def test_names_and_prompts_never_become_markup(runs, clips, page):
    run = write_played_run(runs / f"{HOSTILE}-1", clips, (0, 30))
    (run / "samples" / "step_000030").rename(run / "samples" / HOSTILE)
    for path in run.glob("samples/*/*.json"):
        path.write_text(json.dumps(record(prompt=HOSTILE, preset=HOSTILE, adapters=[HOSTILE])))
    (run / "evaluation").mkdir()
    verdict = CONTENT["verdict"] | {"summary": HOSTILE}
    (run / "evaluation" / "evaluation.json").write_text(json.dumps(CONTENT | {"verdict": verdict}))
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    show(page, HOSTILE)
    page.get_by_role("radio", name="Everything").check()
    page.locator(".rg-cell").last.click()
    page.keyboard.press("Enter")
    until(page, "document.querySelector('dialog[open]')")
    assert HOSTILE in page.locator(".rg-viewer").inner_text()
    assert page.evaluate("document.querySelectorAll('img[src=x]').length") == 0
    assert dialogs == []


def test_a_phone_shows_the_grid_without_scrolling_the_page_sideways(runs, clips, studio, visit):
    write_played_run(runs / "mia-1", clips, (0, 30, 60, 90))
    page = visit(studio.url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).page
    page.evaluate("document.getElementById('page-results-button')?.click()")
    if not page.locator(".runs-row").first.is_visible():
        page.locator(".overflow-menu button").first.tap()
        page.locator(".overflow-dropdown button", has_text="Results").tap()
    page.locator(".runs-row").first.tap()
    page.wait_for_selector(".rg-cell")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate("getComputedStyle(document.querySelector('.rg-prompt')).position") == "sticky"


def test_empty_pages_say_what_to_do(runs, page):
    page.get_by_role("tab", name="Results").click()
    page.get_by_text("Choose a recipe on the Recipe page and start it").wait_for()
    page.get_by_text("No run is chosen").wait_for()
