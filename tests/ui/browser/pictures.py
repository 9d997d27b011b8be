"""Pictures of every page for the documentation: `python -m tests.ui.browser.pictures WORKSPACE DATASET RUN`.

They are written to docs/studio as JPEG, light and dark, 1280 pixels wide, and of the pages that are watched on the way
as a phone shows them. Look at each before it is committed.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

from tests.ui.browser.studio import ROOT, Studio

PICTURES = ROOT / "docs" / "studio"
TITLES = ("Dataset", "Recipe", "Train", "Results", "Try it", "Export")
PAGES = {title.split()[0].lower(): title for title in TITLES}
_SETTLED = 4000
_QUALITY = 78


def main(workspace: Path, dataset: str, run: str) -> None:
    """Take them.

    Args:
        workspace: With a dataset and a finished run that has been evaluated, tried and exported.
        dataset: As a recipe writes it.
        run: Its name.
    """
    from playwright.sync_api import sync_playwright

    PICTURES.mkdir(exist_ok=True)
    studio = Studio(workspace)
    studio.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for scheme in ("light", "dark"):
                page = _open(browser, studio.url, scheme, (1280, 860), dataset, run)
                for name, title in PAGES.items():
                    _to(page, title)
                    page.screenshot(path=PICTURES / f"{name}-{scheme}.jpg", type="jpeg", quality=_QUALITY)
            page = _open(browser, studio.url, "dark", (390, 844), dataset, run)
            for name in ("train", "results"):
                _to(page, PAGES[name])
                page.screenshot(path=PICTURES / f"{name}-phone.jpg", type="jpeg", quality=_QUALITY)
            browser.close()
    finally:
        studio.stop()


def _open(browser: Any, url: str, scheme: str, size: tuple[int, int], dataset: str, run: str) -> Any:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    remembered = {"dataset": dataset, "run": run}
    for key, value in remembered.items():
        context.add_init_script(f"sessionStorage.setItem('ltx-studio.{key}', {value!r})")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    page.wait_for_timeout(_SETTLED)
    return page


def _to(page: Any, title: str) -> None:
    """Open a page, from the menu where a phone folds the tabs away."""
    tab = page.get_by_role("tab", name=title, exact=True).first
    if not tab.is_visible():
        page.locator(".overflow-menu > button").first.click()
        tab = page.locator(".overflow-dropdown button", has_text=title).first
    tab.click()
    page.wait_for_timeout(_SETTLED)
    if title == "Recipe":
        card = page.get_by_role("button", name="Style")
        if card.count() and card.first.is_visible():
            card.first.click()
            page.wait_for_timeout(_SETTLED)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3])
