import signal
from pathlib import Path

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
