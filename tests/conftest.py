import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from datamodules.world import write_dataset
from tests.mixed_folder import write_mixed_folder

# The same examples in every run, and no time limits on a machine that may be busy.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")

# A shell gives what it runs in the background an ignored Ctrl-C, which every process below inherits.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def mixed_folder(tmp_path_factory) -> Path:
    """A folder with clips of all kinds and defects; copy it before changing it."""
    return write_mixed_folder(tmp_path_factory.mktemp("media") / "mixed folder")


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory) -> Path:
    """The demo's clips and stills, 128x96 and 96x128; copy it before changing it."""
    directory = tmp_path_factory.mktemp("media") / "demo"
    write_dataset(directory)
    return directory


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    """A real browser; without one the tests that need it are skipped, unless REQUIRE_BROWSER is set."""
    required = bool(os.environ.get("REQUIRE_BROWSER"))
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if executable is None and not required:
        pytest.skip("no Chromium on the PATH: `apt-get install chromium`")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: `make setup`")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def parser() -> Any:
    """The command line's parser with all verbs, built once."""
    from ltx_module.cli import RecipeCLI, main  # seconds that most tests need not wait for

    built: list[Any] = []

    def keep(cli: RecipeCLI, parser: Any, args: object) -> None:
        built.append(parser)
        raise SystemExit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecipeCLI, "parse_arguments", keep)
        with pytest.raises(SystemExit):
            main([])
    return built[0]
