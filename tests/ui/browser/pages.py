"""What a user does on each page, by clicking and typing alone."""

import re
from pathlib import Path
from typing import Any

SLOW = 240_000
"""Milliseconds for what a whole command does."""


def open_page(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).first.click()


def create_dataset(page: Any, name: str) -> None:
    page.get_by_label("New dataset").fill(name)
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_text("Drop clips, captions, a folder or a zip here").wait_for()


def add_clips(page: Any, files: list[Path]) -> None:
    page.get_by_label("Files to add").set_input_files(files)
    page.get_by_text(re.compile(r"\d+ added")).wait_for(timeout=SLOW)


def choose_recipe(page: Any, title: str) -> None:
    open_page(page, "Recipe")
    page.get_by_role("button", name=re.compile(rf"^{title}\b")).first.click()
    page.locator("#recipe-editor .cm-content").wait_for()


def fill(page: Any, identity: str, value: str) -> None:
    """Type into a field of the form and leave it."""
    box = page.locator(f"#{identity} input, #{identity} textarea").first
    box.fill(value)
    box.press("Tab")


def await_text(page: Any, *parts: str) -> None:
    """Wait until what was typed into the form stands in the recipe, as the page remembers it."""
    script = "(parts) => parts.every((part) => (sessionStorage.getItem('ltx-studio.recipe-text') ?? '').includes(part))"
    for _ in range(120):
        if page.evaluate(script, list(parts)):
            return
        page.wait_for_timeout(250)
    raise AssertionError(f"{parts} never came into the recipe")


def start_training(page: Any) -> str:
    """Start it, and say the run's name once its page shows it."""
    page.get_by_role("button", name="Start training").click()
    page.locator("#page-train-button[aria-selected=true]").wait_for(timeout=60_000)
    title = page.locator("#train-run h2")
    title.wait_for(timeout=60_000)
    return title.inner_text()


def await_state(page: Any, state: str, timeout: int = SLOW) -> None:
    """Wait until the run on the Train page is in a state."""
    page.locator("#train-run .tr-title .tr-chip", has_text=re.compile(rf"^{state}$")).wait_for(timeout=timeout)


def await_step(page: Any, step: int, timeout: int = SLOW) -> None:
    """Wait until the run on the Train page has made so many steps."""
    script = (
        "(least) => { const shown = [...document.querySelectorAll('#train-run dd')].map((one) => one.textContent);"
        " const step = shown.map((text) => text.match(/^(\\d+) of \\d+/)).find(Boolean);"
        " return step && Number(step[1]) >= least; }"
    )
    for _ in range(timeout // 250):
        if page.evaluate(script, step):
            return
        page.wait_for_timeout(250)
    raise AssertionError(f"step {step} never came: {page.locator('#train-run').inner_text()}")
