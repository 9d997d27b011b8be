"""The recipe page in a real browser: form and text in step, errors before launch, a reload, two tabs, hostile names."""

import time

import pytest

from tests.recipe_files import RECIPES
from tests.ui.browser.pages import choose_recipe, open_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOSTILE = "<img src=x onerror=alert(1)>"
DEMO = (RECIPES / "demo.yaml").read_text()


@pytest.fixture
def workspace(workspace):
    clips = workspace / "demo" / "clips"
    clips.mkdir(parents=True)
    (clips / "a.mp4").write_bytes(b"")
    (clips / "a.txt").write_text("DUSK a star")
    return workspace


@pytest.fixture
def page(studio, visit):
    return visit(studio.url).page


def text(page) -> str:
    """The recipe as the browser tab remembers it."""
    return page.evaluate("() => sessionStorage.getItem('ltx-studio.recipe-text') ?? ''") + "\n"  # the editor strips it


def until(holds, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def demo(page):
    choose_recipe(page, "Demo")
    until(lambda: text(page) == DEMO)


def type_into(page, identity: str, value: str) -> None:
    page.locator(f"#{identity} input, #{identity} textarea").first.click()
    page.keyboard.press("Control+A")
    page.keyboard.type(value)


def test_buckets_that_are_typed_taken_back_and_cleared_come_into_the_text(page):
    demo(page)
    page.locator("#recipe-buckets input").click()
    page.keyboard.type("64x64x9")
    page.keyboard.press("Enter")
    until(lambda: "64x64x9]" in text(page))
    page.keyboard.press("Backspace")
    until(lambda: "64x64x9" not in text(page))
    page.locator("#recipe-buckets .remove-all").click()
    until(lambda: "buckets: []" in text(page))


def test_what_is_typed_quickly_into_the_form_comes_whole_into_the_text(page):
    demo(page)
    type_into(page, "recipe-trigger", "a rather long trigger word, typed without a pause")
    until(lambda: "trigger: a rather long trigger word, typed without a pause #" in text(page))
    for _ in range(8):
        page.keyboard.press("Backspace")
    until(lambda: "trigger: a rather long trigger word, typed without #" in text(page))
    type_into(page, "recipe-rate", "2e-3")
    until(lambda: "lr: 2.0e-3\n" in text(page))
    type_into(page, "recipe-prompts", 'a red circle\nanother: one, # with "signs"')
    until(lambda: '- "another: one, # with \\"signs\\""\n' in text(page))
    assert len(text(page).splitlines()) == len(DEMO.splitlines())


def test_what_is_typed_into_the_text_comes_into_the_form_and_an_error_shows_its_line(page):
    demo(page)
    page.locator("#recipe-editor .cm-line").nth(3).click()
    page.keyboard.press("End")
    page.keyboard.type("7")
    until(lambda: page.locator("#recipe-seed input").input_value() == "427")
    page.keyboard.type(": : [")
    page.locator("#recipe-problems").get_by_text("Line 4").wait_for()
    assert page.locator("#recipe-seed input").input_value() == "427"
    page.get_by_role("button", name="Start training").click()
    page.locator("#recipe-work .notice-slot .notice-bad").get_by_text("Line 4").wait_for()


def test_edits_stay_on_another_model_and_after_a_reload(page, visit):
    demo(page)
    type_into(page, "recipe-steps", "12")
    until(lambda: "max_steps: 12\n" in text(page))
    page.locator("#recipe-model input").click()
    page.get_by_role("option", name="dev fp8").click()
    page.locator("#recipe-problems").get_by_text("hf download").first.wait_for()
    assert "max_steps: 12\n" in text(page)
    visit.reload(page)
    open_page(page, "Recipe")
    until(lambda: page.locator("#recipe-steps input").input_value() == "12")
    assert "dev-fp8" in text(page)
    page.get_by_role("button", name="Start training").click()
    page.locator("#recipe-work .notice-slot .notice-bad").get_by_text("hf download").wait_for()


def test_a_recipe_changed_in_another_tab_is_not_overwritten(page, studio, visit):
    other = visit(studio.url).page
    for one in (page, other):
        demo(one)
    type_into(page, "recipe-name", "mia")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved as recipes/mine/mia.yaml").wait_for()
    type_into(other, "recipe-name", "mia")
    type_into(other, "recipe-steps", "5")
    until(lambda: "max_steps: 5\n" in text(other))
    other.get_by_role("button", name="Save", exact=True).click()
    other.get_by_text("already: choose another name").wait_for()
    assert (studio.workspace / "recipes/mine/mia.yaml").read_text() == DEMO


def test_a_hostile_recipe_is_shown_as_text(studio, visit):
    own = studio.workspace / "recipes" / "mine"
    own.mkdir(parents=True)
    (own / "x.yaml").write_text(f"# {HOSTILE}\n{DEMO.replace('demo/clips', f'demo/{HOSTILE}')}")
    page = visit(studio.url).page
    choose_recipe(page, "x")
    page.locator(".recipe-chosen").get_by_text(HOSTILE).wait_for()
    page.locator("#recipe-problems").get_by_text(HOSTILE).wait_for()
    assert page.locator("#page-recipe img").count() == 0
