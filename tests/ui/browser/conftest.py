"""The studio in a real browser: every complaint of the browser and every address elsewhere fails the test."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.ui.browser.studio import ROOT, Studio
from ui.jobs.runner import Runner
from ui.workspace import Workspace

DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture
def workspace(tmp_path) -> Path:
    """An empty workspace that knows the embedded model."""
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    return tmp_path


@pytest.fixture
def studio(workspace) -> Iterator[Studio]:
    """A running studio; what it started ends with the test."""
    one = Studio(workspace)
    one.start()
    yield one
    one.stop()
    runner = Runner(Workspace(root=workspace))
    for view in runner.active():  # runs outlive the server
        runner.kill(view.job.id)


@dataclass
class Visit:
    """A browser tab and what it complained about."""

    page: Any
    url: str
    complaints: list[str] = field(default_factory=list)
    away: bool = False

    def complain(self, text: str) -> None:
        if not self.away:
            self.complaints.append(text)

    def asks(self, address: str) -> None:
        if not address.startswith((self.url, "blob:", "data:")):
            self.complaints.append(f"asks {address}")

    @contextlib.contextmanager
    def server_away(self) -> Iterator[None]:
        """While the server is gone, the browser may say so."""
        self.away = True
        yield
        self.away = False

    def reload(self) -> None:
        """Load the page anew, as F5 does. The requests that this cuts off may be complained of, and a page whose
        server came back may be loading itself at the same moment: that navigation is let through first."""
        was, self.away = self.away, True
        for attempt in (1, 2, 3):
            try:
                self.page.goto(self.url)
                break
            except Exception as error:
                if "ERR_ABORTED" not in str(error) or attempt == 3:
                    raise
                self.page.wait_for_load_state()
        self.away = was


class Visits:
    """Opens addresses, each in a fresh browser profile."""

    def __init__(self, browser: Any) -> None:
        self.browser, self.made = browser, []

    def __call__(self, url: str, **options: Any) -> Visit:
        context = self.browser.new_context(**{"viewport": DESKTOP, "accept_downloads": True, **options})
        page = context.new_page()
        page.set_default_timeout(30_000)
        visit = Visit(page, url)
        self.made.append(visit)
        page.on("console", lambda message: visit.complain(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: visit.complain(str(error)))
        page.on("request", lambda request: visit.asks(request.url))
        page.goto(url)
        return visit

    def reload(self, page: Any) -> None:
        next(visit for visit in self.made if visit.page is page).reload()


@pytest.fixture
def visit(chromium) -> Iterator[Visits]:
    visits = Visits(chromium)
    yield visits
    for visit in visits.made:
        visit.page.context.close()
    assert [text for visit in visits.made for text in visit.complaints] == []
