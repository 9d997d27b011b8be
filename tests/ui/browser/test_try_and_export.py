"""Try it and Export in a browser, on files as the commands leave them; what the commands make is tested elsewhere."""

import shutil
import zipfile

import pytest

from datamodules.atomic import write_json
from tests.ui.packages.made import write_package
from tests.ui.tries.made import REFERENCE, write_base, write_run
from ui.tries.settings import TryLoRA, TrySettings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PROMPT = "a <img src=x onerror=alert(1)> ball"
PLAYING = "[...document.querySelectorAll('#try-history video')].map((one) => [one.currentTime, one.muted, one.paused])"


@pytest.fixture
def workspace(workspace, demo_folder):
    """Two runs: one that was exported and tried twice, one that follows a reference."""
    write_base(workspace)
    clips = sorted(demo_folder.glob("*.mp4"))
    samples = workspace / "datasets" / "mine" / "samples"
    samples.mkdir(parents=True)
    shutil.copy(clips[0], samples / "1.mp4")
    write_run(
        workspace, "edges", conditions=REFERENCE, prompts="[{prompt: x, reference_video: datasets/mine/samples/1.mp4}]"
    )
    run = write_package(workspace)
    lora = TryLoRA(file="runs/mine-1/lora/step_000010.safetensors", strength=0.75)
    for number in range(7):
        folder = run / "tries" / f"20260101-00000{number}-000000-abcd"
        folder.mkdir(parents=True)
        asked = TrySettings(prompt=PROMPT, loras=(lora,), size="128x96x25", seed=number)
        write_json(
            folder / "try.json", {"run": "mine-1", "created": 1.0, "streams": "av", "fps": 24.0, **asked.as_record()}
        )
        shutil.copy(clips[0], folder / f"01-ball-seed{number}.mp4")
        shutil.copy(clips[1], folder / f"01-ball-seed{number}-without-lora.mp4")
    return workspace


def choose(page, box, name):
    page.locator(f"#{box} input").click()
    page.get_by_role("option", name=name, exact=True).click()


@pytest.fixture
def page(studio, visit):
    page = visit(studio.url).page
    page.get_by_role("tab", name="Try it").click()
    choose(page, "try-run", "mine-1")
    page.locator(".try-card").first.wait_for()
    return page


def test_both_videos_play_on_one_clock_and_one_of_them_sounds(page):
    card = page.locator(".try-card").first
    assert card.locator(".try-prompt").text_content() == PROMPT
    card.get_by_role("button", name="Play").click()
    page.wait_for_function(f"{PLAYING}.slice(0, 2).every(([time]) => time > 0.3)")
    (left, left_muted, _), (right, right_muted, _) = page.evaluate(PLAYING)[:2]
    assert abs(left - right) < 0.15
    assert (left_muted, right_muted) == (False, True)
    card.get_by_role("button", name="without", exact=True).click()
    assert [muted for _, muted, _ in page.evaluate(PLAYING)[:2]] == [True, False]
    card.get_by_role("button", name="Pause").click()
    assert all(paused for _, _, paused in page.evaluate(PLAYING))


def test_tries_come_in_pages_and_are_deleted_after_a_second_click(page, workspace):
    assert page.locator(".try-card").count() == 5
    page.get_by_role("button", name="Older").click()
    page.locator(".try-card[data-id^='20260101-000000']").wait_for()
    page.wait_for_function("() => document.querySelectorAll('.try-card').length === 2")
    page.locator(".try-card").last.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete for good").click()
    page.locator(".try-card[data-id^='20260101-000000']").wait_for(state="detached")
    assert not (workspace / "runs/mine-1/tries/20260101-000000-000000-abcd").exists()


def test_the_settings_of_a_try_come_back_into_the_fields(page):
    from playwright.sync_api import expect

    page.locator("#try-prompt textarea").fill("something else")
    page.locator(".try-card").nth(2).get_by_role("button", name="Use these settings again").click()
    page.wait_for_function("prompt => document.querySelector('#try-prompt textarea').value === prompt", arg=PROMPT)
    expect(page.get_by_label("Seed", exact=True)).to_have_value("4")
    expect(page.get_by_label("Strength", exact=True).first).to_have_value("0.75")


def test_a_run_that_follows_a_reference_asks_for_one_and_refuses_a_size_in_words(page):
    choose(page, "try-run", "edges")
    page.get_by_text("Needed beside the prompt: Reference").wait_for()
    page.locator("#try-size input").fill("100x96")
    page.locator("#try-size input").press("Enter")
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("alert").filter(has_text="use 96 or 128").wait_for()


def test_the_chosen_run_outlives_a_reload(page, visit):
    for name in ("edges", "mine-1"):  # one of them is not what an empty choice falls to
        choose(page, "try-run", name)
        page.wait_for_function("name => sessionStorage.getItem('ltx-studio.run') === name", arg=name)
        visit.reload(page)
        page.wait_for_function("name => document.querySelector('#try-run input')?.value === name", arg=name)
        assert page.evaluate("sessionStorage.getItem('ltx-studio.run')") == name


def test_a_package_is_listed_checked_and_downloaded(page, tmp_path):
    page.get_by_role("tab", name="Export").click()
    page.get_by_text("All 2 keys have their place in base.safetensors.").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as zip").click()
    download.value.save_as(tmp_path / "package.zip")
    assert download.value.suggested_filename == "mine-1-000020.zip"
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        assert archive.testzip() is None
        assert "mine-1-000020/mine-1-000020.safetensors" in archive.namelist()


def test_a_model_card_is_edited_and_saved_and_another_page_cannot_overwrite_it(page, studio, visit, workspace):
    pages = [page, visit(studio.url).page]
    for one in pages:
        one.get_by_role("tab", name="Export").click()
        if one is not page:
            choose(one, "export-run", "mine-1")
        one.wait_for_function("() => document.querySelector('#export-card textarea').value.includes('## Use')")
    for number, one in enumerate(pages):
        one.locator("#export-card textarea").fill(f"card {number}")
        one.get_by_role("button", name="Save into the package").click()
        one.get_by_text(("Saved in runs/mine-1", "has changed since")[number]).wait_for()
    assert (workspace / "runs/mine-1/export/model-card/README.md").read_text() == "card 0"


def test_tensorboard_opens_from_the_page(page):
    with page.expect_popup() as opened:
        page.get_by_role("link", name="TensorBoard").click()
    opened.value.get_by_text("TensorBoard", exact=True).first.wait_for(timeout=60_000)
