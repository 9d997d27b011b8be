"""A studio that tests start, kill and start again, with a workspace of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[3]
_SECONDS_TO_START = 60.0


@dataclass
class Studio:
    """The server as `make ui` starts it."""

    workspace: Path
    port: int = 0
    process: subprocess.Popen | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self, *options: str) -> None:
        """Start it and wait until it answers."""
        self.port = self.port or free_port()
        words = [sys.executable, "-m", "ui", "--workspace", str(self.workspace), "--port", str(self.port), *options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        log = (self.workspace / "server.log").open("ab")
        self.process = subprocess.Popen(words, cwd=self.workspace, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + _SECONDS_TO_START
        while not self._answers():
            assert self.process.poll() is None, (self.workspace / "server.log").read_text()
            assert time.monotonic() < deadline, "the studio does not answer"
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.url, timeout=5).close()
        except (urllib.error.URLError, OSError):
            return False
        return True

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as Ctrl-C would."""
        self._end(signal.SIGINT)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(30)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
