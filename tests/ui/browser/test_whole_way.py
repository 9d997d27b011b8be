"""From an empty workspace to an exported LoRA, by clicks and typing only, as someone would who never saw a terminal."""

import json
import re
import zipfile
from pathlib import Path

import pytest
from safetensors import safe_open

from datamodules.world import write_dataset
from tests.ui.browser import pages

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def clips(tmp_path_factory) -> list[Path]:
    """What the user has: six clips with captions, the last two in a zip."""
    folder = tmp_path_factory.mktemp("camera")
    write_dataset(folder)
    videos = sorted(folder.glob("*.mp4"))[:6]
    archive = folder / "more.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for video in videos[4:]:
            for one in (video, video.with_suffix(".txt")):
                file.write(one, f"holiday/{one.name}")
    return [*videos[:4], *(video.with_suffix(".txt") for video in videos[:4]), archive]


def test_clips_become_an_exported_lora(studio, visit, workspace, clips, tmp_path):
    made = visit(studio.url)
    page = made.page
    _prepare(page, workspace, clips)
    _write_recipe(page)
    run = _train(made, workspace)
    _choose(page, workspace, run)
    _try(page, workspace, run)
    _export(page, workspace, run, tmp_path)


def _prepare(page, workspace, clips) -> None:
    pages.create_dataset(page, "dusk")
    pages.add_clips(page, clips)
    page.locator(".clip-card, [class*=card] textarea").nth(5).wait_for()
    page.get_by_label("Trigger word").fill("DUSK")
    page.get_by_label("Trigger word").press("Enter")
    caption = page.locator("#page-dataset textarea[aria-label*=aption]").first
    caption.fill("a shape at dusk, with a low tone")
    caption.press("Enter")
    page.get_by_text("saved", exact=False).first.wait_for()
    written = [path.read_text().strip() for path in (workspace / "datasets/dusk").rglob("*.txt")]
    assert "a shape at dusk, with a low tone" in written
    assert len(list((workspace / "datasets/dusk").rglob("*.mp4"))) == 6


def _write_recipe(page) -> None:
    page.get_by_role("button", name="Next: choose a recipe").click()
    pages.choose_recipe(page, "Style")
    pages.fill(page, "recipe-steps", "30")
    pages.fill(page, "recipe-interval", "15")
    pages.await_text(page, "max_steps: 30", "every_n_steps: 15")
    page.get_by_role("button", name="Check", exact=True).click()
    page.locator("#recipe-plan").get_by_text("128x96x25").first.wait_for(timeout=pages.SLOW)


def _train(made, workspace) -> str:
    page = made.page
    run = pages.start_training(page)
    pages.await_step(page, 5)
    made.reload()
    pages.await_step(page, 10)
    pages.await_state(page, "finished")
    assert (workspace / "runs" / run / "lora/step_000030.safetensors").is_file()
    return run


def _choose(page, workspace, run) -> None:
    pages.open_page(page, "Results")
    page.get_by_role("button", name=re.compile("favourite: Step 30")).click()
    page.get_by_text("The favourite is step_000030 at strength 1").wait_for()
    assert (workspace / "runs" / run / "favourite.json").is_file()


def _try(page, workspace, run) -> None:
    pages.open_page(page, "Try it")
    page.locator("#page-try").get_by_label("Prompt", exact=True).fill("a red circle spins over a teal background")
    page.locator("#try-generate").click()
    page.locator("#try-history video").nth(1).wait_for(timeout=pages.SLOW)
    assert len(list((workspace / "runs" / run / "tries").rglob("*.mp4"))) == 2
    records = [json.loads(path.read_text()) for path in (workspace / "runs" / run / "tries").rglob("*seed42.json")]
    assert [Path(record["lora"][0]["file"]).stem for record in records] == ["step_000030"]  # the favourite


def _export(page, workspace, run, tmp_path) -> None:
    pages.open_page(page, "Export")
    page.locator("#export-start").click()
    page.get_by_text(re.compile(r"All \d+ keys have their place")).wait_for(timeout=pages.SLOW)
    with page.expect_download() as waiting:
        page.get_by_text("Download as zip").click()
    archive = tmp_path / "package.zip"
    waiting.value.save_as(archive)
    with zipfile.ZipFile(archive) as file:
        assert file.testzip() is None
        file.extractall(tmp_path / "package")
    lora = next((tmp_path / "package").rglob("*.safetensors"))
    with safe_open(lora, framework="np") as tensors:
        names = tensors.keys()
    assert names
    assert all(name.startswith("diffusion_model.") for name in names)
    assert list((tmp_path / "package").rglob("*quality.json"))
