"""Small pictures of videos and stills, made once and remembered up to a number and a size."""

import contextlib
import hashlib
import json
import os
import queue
import select
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from ui.workspace import Workspace

_REPOSITORY = Path(__file__).resolve().parents[2]
_AT_ONCE = 2
_DRAWINGS_BETWEEN_SWEEPS = 100


class Posters:
    """Draws the pictures of a workspace and keeps them.

    Args:
        workspace: Its state holds the pictures.
        most: Number of pictures that are kept; the oldest go.
        most_bytes: Their size together.
        seconds: That one picture may take.
    """

    def __init__(
        self, workspace: Workspace, *, most: int = 20_000, most_bytes: int = 2**28, seconds: float = 20.0
    ) -> None:
        self.workspace, self.most, self.most_bytes, self.seconds = workspace, most, most_bytes, seconds
        self.folder = workspace.state / "posters"
        self._drawers: queue.SimpleQueue[_Drawer] = queue.SimpleQueue()
        for _ in range(_AT_ONCE):
            self._drawers.put(_Drawer())
        self._drawings = 0
        self._given_up: set[str] = set()  # took too long; asked again after a restart
        self._sweeping = threading.Lock()

    def poster(self, media: Path) -> Path | None:
        """A small JPEG of a video or still; None where there is nothing to see.

        Of a run's sample it shows the middle, of a clip the beginning.

        Args:
            media: A file inside the workspace.
        """
        status = media.stat()
        key = hashlib.sha256(f"{media}\0{status.st_size}\0{status.st_mtime_ns}".encode()).hexdigest()[:32]
        target = self.folder / f"{key}.jpg"
        if not target.exists() and key not in self._given_up:
            drawer = self._drawers.get()
            try:
                if not target.exists() and key not in self._given_up:
                    self._draw(drawer, media, target)
            finally:
                self._drawers.put(drawer)
        # an empty file remembers that there is nothing to see
        return target if target.is_file() and target.stat().st_size else None

    def close(self) -> None:
        """End the processes that draw."""
        for _ in range(_AT_ONCE):
            drawer = self._drawers.get()
            drawer.close()
            self._drawers.put(drawer)

    def _draw(self, drawer: "_Drawer", media: Path, target: Path) -> None:
        middle = media.is_relative_to(self.workspace.runs.resolve())
        drawn = drawer.draw({"media": str(media), "target": str(target), "middle": middle}, self.seconds)
        if drawn is None:
            self._given_up.add(target.stem)
        elif not drawn:
            self.folder.mkdir(parents=True, exist_ok=True)
            target.touch()
        self._drawings += 1
        if self._drawings % _DRAWINGS_BETWEEN_SWEEPS == 1:
            self.sweep()

    def sweep(self) -> None:
        """Remove the oldest pictures beyond the number and the size that are kept."""
        with self._sweeping:
            pictures = []
            for entry in os.scandir(self.folder) if self.folder.is_dir() else ():
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    pictures.append((status.st_mtime_ns, status.st_size, entry.path))
            count, size = len(pictures), sum(each[1] for each in pictures)
            for _, bytes_, path in sorted(pictures):
                if count <= self.most and size <= self.most_bytes:
                    break
                Path(path).unlink(missing_ok=True)
                count, size = count - 1, size - bytes_


class _Drawer:
    """A process that draws, started when it is needed and ended when it takes too long."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def draw(self, asked: dict[str, Any], seconds: float) -> bool | None:
        """Whether a picture was drawn; None if that was not known in time, as on a busy machine."""
        process = self._process()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], seconds)
            answer = process.stdout.readline() if ready else b""
        except BrokenPipeError:
            answer = b""
        if not answer:  # too slow, or it broke on the file
            self.close()
            return None
        return answer.strip() == b"1"

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            for stream in (self.process.stdin, self.process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            self.process.wait()
            self.process = None

    def _process(self) -> "subprocess.Popen[bytes]":
        if self.process is None or self.process.poll() is not None:
            self.close()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ui.serving.poster_drawing"],
                cwd=_REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self.process
