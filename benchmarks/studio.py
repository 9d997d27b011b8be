"""How fast the studio is with a thousand clips and two hundred runs: `python -m benchmarks.studio`.

Starts the server on a large workspace, opens it in Chromium and times what a user waits for: the server's start, the
first page, each change of page, the next page of clips. Each figure is the median of several rounds; bytes are those
that the browser received. Needs Chromium and playwright (`make setup`).
"""

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.large_workspace import write_large_workspace
from tests.ui.browser.studio import ROOT, Studio

ROUNDS = 5
PAGES = ("Recipe", "Train", "Results", "Try it", "Export", "Dataset")
_READY = {
    "Recipe": "#recipe-cards button",
    "Train": "#train-runs button",
    "Results": ".rg-scroll video, .rg-scroll img",
    "Try it": "#page-try textarea",
    "Export": "#page-export button",
    "Dataset": "#page-dataset textarea[aria-label*=aption]",
}
"""What is on the screen when a page can be used."""


@dataclass
class Figures:
    """Seconds and bytes of each thing that was timed."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    bytes: dict[str, list[int]] = field(default_factory=dict)

    def add(self, what: str, seconds: float, received: int) -> None:
        """Take another round's figures of a thing."""
        self.seconds.setdefault(what, []).append(seconds)
        self.bytes.setdefault(what, []).append(received)

    def lines(self) -> list[str]:
        """The medians as a table."""
        width = max(map(len, self.seconds))
        return [
            f"{what:<{width}}  {statistics.median(values):6.2f} s  {statistics.median(self.bytes[what]) / 1e3:8.0f} kB"
            for what, values in self.seconds.items()
        ]


def main() -> None:
    """Measure, and print the figures."""
    from playwright.sync_api import sync_playwright

    figures = Figures()
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        root = Path(directory)
        (root / "assets").symlink_to(ROOT / "assets")
        write_large_workspace(root)
        studio = Studio(root)
        begin = time.monotonic()
        studio.start()
        figures.add("start of the server", time.monotonic() - begin, 0)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            for _ in range(ROUNDS):
                _one_round(browser.new_context(viewport={"width": 1280, "height": 900}), studio.url, figures)
        finally:
            browser.close()
            studio.stop()
    sys.stdout.write("\n".join(figures.lines()) + "\n")


def _one_round(context: Any, url: str, figures: Figures) -> None:
    page = context.new_page()
    received = [0]
    context.new_cdp_session(page).send("Network.enable")
    page.on("response", lambda response: _count(response, received))
    page.set_default_timeout(60_000)
    _timed(figures, "first page", received, lambda: _open(page, url))
    page.evaluate("sessionStorage.setItem('ltx-studio.dataset', 'datasets/large')")
    page.evaluate("sessionStorage.setItem('ltx-studio.run', 'style-200')")
    _timed(figures, "first page, a thousand clips", received, lambda: _open(page, url, _READY["Dataset"]))
    for name in PAGES:
        _timed(figures, f"to {name}", received, lambda name=name: _switch(page, name))
    for name in PAGES:
        _timed(figures, f"back to {name}", received, lambda name=name: _switch(page, name))
    context.close()


def _open(page: Any, url: str, ready: str = "#pages button[role=tab]") -> None:
    page.goto(url)
    page.wait_for_selector(ready, state="visible")


def _switch(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    page.wait_for_selector(_READY[name], state="visible")


def _timed(figures: Figures, what: str, received: list[int], action: Callable[[], None]) -> None:
    before, begin = received[0], time.monotonic()
    action()
    figures.add(what, time.monotonic() - begin, received[0] - before)


def _count(response: Any, received: list[int]) -> None:
    received[0] += int(response.headers.get("content-length", 0))


if __name__ == "__main__":
    main()
