"""The page in a real browser, opened as a file."""

from pathlib import Path

import pytest
import torch

from ltx_module.evaluation.page import write_page
from tests.evaluation.realistic import FPS, FRAMES, write_realistic

pytestmark = pytest.mark.browser

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
SHOWN = "[...document.querySelectorAll('.grid-body video')]"
HEADS = "[...document.querySelectorAll('.grid-head .column > span:first-child')].map((head) => head.textContent)"
HOSTILE = '</script><script>window.hacked = 1</script><img src="https://example.org/x.png" onerror="window.hacked = 2">'


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The clips of a realistic evaluation; tests write their own pages beside them."""
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="module")
def evaluation(folder) -> dict:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # pictures this small only wait for each other
    try:
        return write_realistic(folder)
    finally:
        torch.set_num_threads(threads)


@pytest.fixture
def open_page(chromium, folder):
    """Opens an evaluation; every complaint of the browser and every address it asks for fails the test."""
    contexts, complaints = [], []

    def open_one(evaluation, *, size=DESKTOP, **options):
        path = write_page(evaluation, folder, **options.pop("written", {}))
        context = chromium.new_context(viewport=size, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if _leaves(request.url) else None)
        page.goto(path.as_uri())
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


def _leaves(address: str) -> bool:
    return not address.startswith(("file:", "blob:", "data:"))


def _until(page, condition: str, seconds: float = 20.0) -> None:
    """Waits from outside: the page's own policy forbids to evaluate text inside it."""
    for _ in range(round(seconds / 0.05)):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {condition}")


def _to_clips(page, least: int = 8) -> None:
    page.evaluate("document.getElementById('clips').scrollIntoView()")
    _until(page, f"{SHOWN}.filter((video) => video.readyState >= 2).length >= {least}")


def _frames(page) -> set[int]:
    """The frames that the clips on the screen stand at, when no seek is under way."""
    _until(page, f"{SHOWN}.every((video) => video.readyState >= 2 && !video.seeking)")
    return set(page.evaluate(f"{SHOWN}.map((video) => Math.floor(video.currentTime * {FPS}))"))


def _still(page) -> None:
    """Stops the clips at their first frame."""
    _until(page, "document.querySelector('.transport .play').ariaLabel === 'Pause'")
    page.keyboard.press("Space")
    page.get_by_label("Frame", exact=True).first.fill("0")


def test_clips_load_when_they_come_into_view_and_not_before(open_page, evaluation):
    page = open_page(evaluation)
    page.wait_for_selector(".cell", state="attached")
    assert page.evaluate(f"{SHOWN}.length") == 0
    _to_clips(page)
    page.evaluate("window.scrollTo(0, 0)")
    _until(page, f"{SHOWN}.length === 0")


def test_the_clips_begin_by_themselves_and_play_and_stop_together(open_page, evaluation):
    page = open_page(evaluation)
    _to_clips(page)
    _until(page, f"{SHOWN}.every((video) => !video.paused && video.currentTime > 0.1)")
    page.keyboard.press("Space")
    assert page.evaluate(f"{SHOWN}.every((video) => video.paused)")
    assert len(_frames(page)) == 1
    page.keyboard.press("Space")
    _until(page, f"{SHOWN}.every((video) => !video.paused)")


def test_the_clips_begin_again_together_after_the_last_frame(open_page, evaluation):
    page = open_page(evaluation)
    _to_clips(page)
    page.evaluate(f"window.ends = 0; {SHOWN}.forEach((video) => video.addEventListener('ended', () => window.ends++))")
    shown = page.evaluate(f"{SHOWN}.length")
    _until(page, f"window.ends >= {shown}")
    _until(page, f"{SHOWN}.every((video) => !video.paused && video.currentTime < 0.7)")


def test_a_reader_who_prefers_less_motion_starts_the_clips(open_page, evaluation):
    page = open_page(evaluation, reduced_motion="reduce")
    _to_clips(page)
    assert page.evaluate(f"{SHOWN}.every((video) => video.paused)")


def test_scrubbing_and_frame_steps_move_all_clips(open_page, evaluation):
    page = open_page(evaluation)
    _to_clips(page)
    _still(page)
    page.get_by_label("Frame", exact=True).first.fill("10")
    assert _frames(page) == {10}
    page.keyboard.press(".")
    assert _frames(page) == {11}
    page.get_by_label("Previous frame").first.click()
    page.get_by_label("Previous frame").first.click()
    assert _frames(page) == {9}
    page.get_by_label("Frame", exact=True).first.fill("0")
    page.keyboard.press(",")
    assert _frames(page) == {FRAMES - 1}


def test_the_table_sorts_by_a_click_and_what_is_missing_stays_last(open_page, evaluation):
    page = open_page(evaluation)
    names = "[...document.querySelectorAll('.metrics thead th > span:first-child')].map((name) => name.textContent)"
    header = page.locator(".metrics tbody button", has_text="Spectral distance")
    assert page.evaluate(names) == ["step_000500", "step_000250", "step_001000"]  # by rank
    header.click()
    assert page.evaluate(names) == ["step_000500", "step_000250", "step_001000"]  # 4.1, 6.2, none
    assert header.locator("..").get_attribute("aria-sort") == "ascending"
    header.click()
    assert page.evaluate(names) == ["step_000250", "step_000500", "step_001000"]
    page.locator(".metrics tbody button", has_text="Trigger response").click()  # higher is better: best first
    assert page.evaluate(names) == ["step_001000", "step_000500", "step_000250"]


def test_the_best_of_each_column_is_marked_by_what_is_better(open_page, evaluation):
    page = open_page(evaluation)
    marked = page.evaluate(
        "[...document.querySelectorAll('.metrics .star')].map((star) => "
        "[star.closest('tr').querySelector('.name').textContent, star.parentElement.textContent.slice(1)])"
    )
    assert marked == [
        ["Score", "0.860"],
        ["Trigger response", "0.950"],
        ["Bleed", "1.2"],
        ["Consistency over seeds", "0.940"],
        ["Overfit ratio", "0.080"],
        ["Audio level against training clips", "\u22120.60"],
        ["Spectral distance", "4.10"],
    ]


def test_the_base_stands_beside_the_checkpoints_whatever_they_are_sorted_by(open_page, evaluation):
    page = open_page(evaluation)
    row = page.locator(".metrics tbody tr", has_text="Consistency")
    assert row.locator("td").all_inner_texts() == ["0.930", "0.710", "\u26050.940", "0.950"]
    row.get_by_role("button").click()
    assert row.locator("td").all_inner_texts() == ["\u26050.940", "0.930", "0.710", "0.950"]


def test_a_metric_is_explained_on_focus_and_on_hover(open_page, evaluation):
    page = open_page(evaluation)
    header = page.locator(".metrics tbody button", has_text="Bleed")
    header.focus()
    assert page.locator("#tip").inner_text() == evaluation["metrics"]["bleed"]["help"] + " Lower is better. Unit: %."
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    header.hover()
    assert page.locator("#tip").is_visible()


def test_columns_switch_between_checkpoints_and_strengths(open_page, evaluation):
    page = open_page(evaluation)
    assert page.evaluate(HEADS) == ["base", "step_000250", "step_000500", "step_001000"]
    page.get_by_role("button", name="0.75").click()
    assert page.evaluate(HEADS) == ["base", "step_000500"]
    assert page.get_by_text("Not sampled at strength 0.75: step_000250, step_001000.").is_visible()
    page.get_by_role("button", name="Strength", exact=True).click()
    assert page.evaluate(HEADS) == ["base", "strength 0.5", "strength 0.75", "strength 1", "strength 1.25"]
    page.get_by_label("Of checkpoint").select_option("step_001000")
    assert page.evaluate(HEADS) == ["base", "strength 1"]


def test_the_verdict_leads_to_the_clips_of_the_best(open_page, evaluation):
    page = open_page(evaluation)
    page.get_by_role("button", name="See its clips").click()
    assert page.evaluate(HEADS)[1] == "strength 0.5"
    _until(page, f"{SHOWN}.length > 0")


def test_the_seed_changes_the_clips(open_page, evaluation):
    page = open_page(evaluation)
    page.get_by_role("button", name="43", exact=True).click()
    files = page.evaluate("[...document.querySelectorAll('.cell')].map((element) => element.cell.sample.file)")
    assert files
    assert all(file.endswith("-43.mp4") for file in files)


def test_hovering_a_clip_lets_it_alone_sound(open_page, evaluation):
    page = open_page(evaluation)
    _to_clips(page)
    heard = (
        "[...document.querySelectorAll('.cell')]"
        ".flatMap((cell, index) => cell.querySelector('video')?.muted === false ? [index] : [])"
    )
    page.mouse.click(5, 500)  # browsers let a page sound only after a click
    for index in (1, 2):
        page.locator(".cell").nth(index).hover()
        _until(page, f"String({heard}) === '{index}'")
    page.mouse.move(5, 500)
    _until(page, f"{heard}.length === 0")
    page.get_by_label("Sound on hover").uncheck()
    page.locator(".cell").nth(1).hover()
    page.wait_for_selector(".cell.raised")
    assert page.evaluate(heard) == []


def test_the_keyboard_moves_enlarges_flips_to_the_base_and_returns(open_page, evaluation):
    page = open_page(evaluation)
    _to_clips(page)
    page.locator(".cell[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    seen = (
        "[...document.querySelectorAll('.stage video')].map((video) => "
        "[video.ariaLabel.split(':')[0], video.checkVisibility({visibilityProperty: true}), video.muted])"
    )
    assert page.locator("#viewer-title").inner_text() == "step_000500 at strength 1, seed 42"
    assert page.evaluate(seen) == [["step_000500", True, False], ["base", False, True]]
    page.keyboard.press("b")
    assert page.evaluate(seen) == [["step_000500", False, True], ["base", True, False]]
    assert page.locator(".badge").inner_text() == "Base"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(seen)[0] == ["step_001000", True, False]
    assert "orange star" in page.locator("#viewer .prompt").inner_text()
    page.keyboard.press("s")
    assert page.locator("#viewer-title").inner_text() == "step_001000 at strength 1, seed 43"
    page.keyboard.press("Escape")
    assert not page.locator("#viewer").is_visible()
    label = page.evaluate("document.activeElement.ariaLabel")
    assert label.startswith("step_001000: ")
    assert "orange star" in label


def test_the_two_clips_of_the_enlarged_view_play_and_stop_together(open_page, evaluation):
    page = open_page(evaluation)
    _to_clips(page)
    page.locator(".cell").nth(1).click()
    videos = "[...document.querySelectorAll('.stage video')]"
    _until(page, f"{videos}.length === 2 && {videos}.every((video) => video.currentTime > 0.1)")
    assert page.evaluate(f"{SHOWN}.every((video) => video.paused)")  # nothing plays behind it
    page.keyboard.press("Space")
    _until(page, f"{videos}.every((video) => video.paused && !video.seeking)")
    assert len(set(page.evaluate(f"{videos}.map((video) => Math.floor(video.currentTime * {FPS}))"))) == 1


def test_hostile_text_is_shown_and_does_nothing(open_page, evaluation):
    best = {**evaluation["verdict"]["best"], "reason": HOSTILE}
    finding = {**evaluation["verdict"]["findings"][0], "text": HOSTILE, "remedy": HOSTILE, "fault": HOSTILE}
    hostile = {
        **evaluation,
        "run": HOSTILE,
        "trigger": HOSTILE,
        "verdict": {"summary": HOSTILE, "best": best, "findings": [finding]},
        "samples": [{**sample, "prompt": f"{HOSTILE} {sample['prompt']}"} for sample in evaluation["samples"]],
    }
    page = open_page(hostile)
    _to_clips(page)
    page.locator(".cell").nth(1).click()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    for place in (".summary", "#viewer .prompt", ".finding .text", "#facts"):
        assert HOSTILE in page.locator(place).first.text_content()


def test_an_evaluation_of_nothing_says_what_is_missing(open_page, evaluation):
    verdict = {"summary": "Nothing to judge.", "best": None, "findings": []}
    page = open_page({**evaluation, "verdict": verdict, "checkpoints": [], "samples": [], "metrics": {}})
    text = page.locator("main").inner_text()
    for sentence in (
        "No checkpoint is recommended.",
        "No LoRA was evaluated.",
        "No checkpoint was sampled at several strengths.",
        "There is no held-out split, so there is no held-out loss.",
        "No samples were generated.",
    ):
        assert sentence in text
    assert "No fault was found." not in text


def test_clips_that_share_a_caption_keep_rows_of_their_own(open_page, evaluation):
    page = open_page({**evaluation, "samples": [{**sample, "prompt": "a clip"} for sample in evaluation["samples"]]})
    files = page.evaluate("[...document.querySelectorAll('.cell')].map((element) => element.cell.sample.file)")
    assert len(files) == len(set(files)) == 5 * 4  # prompts x (base and three checkpoints)


def test_a_missing_clip_leaves_a_note_in_its_cell(open_page, evaluation):
    samples = [dict(sample) for sample in evaluation["samples"]]
    samples[0]["file"] = "samples/gone.mp4"
    page = open_page({**evaluation, "samples": samples})
    assert page.locator(".cell.absent").inner_text() == "the file is missing"
    assert page.get_by_text("1 of 70 clips cannot be shown: samples/gone.mp4.").is_visible()


def test_clips_beside_the_page_play_too(open_page, evaluation):
    page = open_page(evaluation, written={"max_inline_bytes": 0})
    assert page.get_by_text("Keep or send the whole folder.").is_visible()
    _to_clips(page)
    _until(page, f"{SHOWN}.every((video) => !video.paused && video.currentTime > 0.1)")


def test_held_out_loss_is_drawn_for_each_modality_against_the_base(open_page, evaluation):
    page = open_page(evaluation)
    lines = (
        "[...document.querySelectorAll('.pair figure')].map((figure) => "
        "[figure.querySelector('figcaption').textContent, figure.querySelectorAll('.canvas polyline').length])"
    )
    page.wait_for_selector(".pair polyline", state="attached")
    assert page.evaluate(lines) == [["Video", 4], ["Audio", 4]]  # the base and three checkpoints
    cells = "[...document.querySelectorAll('.pair table')].map((table) => table.rows[1].cells[2].textContent)"
    # at sigma 0.2 step_000250 gains 2 % x (1.5 - 0.2) on a loss of 0.32 for video, and 2.1 x that for audio
    assert page.evaluate(cells) == ["\u22122.60", "\u22122.60"]
    page.get_by_role("button", name="Loss", exact=True).click()
    assert page.evaluate(cells) == ["0.312", "0.655"]


def test_the_theme_follows_the_system_until_the_reader_chooses(open_page, evaluation):
    page = open_page(evaluation, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Theme: auto").click()
    light = page.evaluate(ground)
    assert light != dark
    page.get_by_role("button", name="Theme: light").click()
    assert page.evaluate(ground) == dark
    page.emulate_media(color_scheme="light")
    assert page.evaluate(ground) == dark
    page.get_by_role("button", name="Theme: dark").click()
    assert page.evaluate(ground) == light


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_part_of_the_page_is_wider_than_the_screen(open_page, evaluation, size):
    page = open_page(evaluation, size=size)
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
    _to_clips(page, least=4)
    page.locator(".cell").nth(1).click()
    box = page.locator("#viewer").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size["width"]
