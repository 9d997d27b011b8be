"""Runs as training leaves them, as the tests of tries have them."""

from tests.ui.tries.conftest import root, run, runner, workspace

__all__ = ["root", "run", "runner", "workspace"]
