"""What was read of a dataset's files, remembered until they change, so that a page costs what is new in it."""

import codecs
import contextlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datamodules.manifest.clip import MediaError
from ui.datasets.content_kind import contradicts_name
from ui.workspace import Workspace

if TYPE_CHECKING:
    from datamodules.media.index import MediaIndex
    from datamodules.media.probe import MediaInfo

MOST_CAPTION_BYTES = 64 * 1024
"""Bytes of a caption that is shown."""
HEADER_ONLY_BYTES = 256 * 1024 * 1024
"""Bytes from which on a file's header is believed, since reading all of it would take seconds."""

_MOST_REMEMBERED = 50_000
_THREADS = 4


@dataclass(frozen=True, kw_only=True)
class CaptionText:
    """What a caption file holds."""

    text: str = ""
    """Without spaces at the ends."""
    problem: str = ""
    """Why it cannot be shown; empty if it can."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is inside a media file."""

    info: "MediaInfo | None" = None
    """None if it cannot be read."""
    problem: str = ""
    """Why not."""
    is_false: bool = False
    """Whether its content is not what its name says, so that it is shown nowhere."""


class Seen:
    """Captions and facts of media files by path, size and time of change.

    Args:
        workspace: Its state directory keeps the facts.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.num_captions_read = 0
        self._index_path = workspace.state / "datasets" / "media.json"
        self._captions: dict[Path, tuple[tuple[int, int], CaptionText]] = {}
        self._looking = threading.Lock()
        self._index: MediaIndex | None = None

    def caption(self, path: Path) -> CaptionText:
        """What a caption file holds; nothing if it is not there."""
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return CaptionText()
        except OSError as error:
            return CaptionText(problem=f"it cannot be read ({error.strerror})")
        identity = status.st_size, status.st_mtime_ns
        known = self._captions.get(path)
        if known is not None and known[0] == identity:
            return known[1]
        self.num_captions_read += 1
        if len(self._captions) >= _MOST_REMEMBERED:
            self._captions.clear()
        read = read_caption(path)
        self._captions[path] = identity, read
        return read

    def facts(self, files: Sequence[Path]) -> dict[Path, Facts]:
        """What is inside media files, several looked at in one go; what cannot be read says why."""
        from datamodules.media.index import MediaIndex

        with self._looking:
            index = self._index = self._index or MediaIndex(self._index_path)
            with ThreadPoolExecutor(_THREADS) as threads:
                found = dict(zip(files, threads.map(lambda file: _look(index, file), files), strict=True))
            with contextlib.suppress(OSError):  # a full disk: the files are looked at again next time
                index.save()
            return found


def read_caption(path: Path) -> CaptionText:
    """Read a caption file.

    Raises:
        OSError: If it cannot be opened.
    """
    with path.open("rb") as file:
        content = file.read(MOST_CAPTION_BYTES + 1)
    if len(content) > MOST_CAPTION_BYTES:
        return CaptionText(problem=f"it is longer than {MOST_CAPTION_BYTES // 1024} KiB, which no caption is")
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return CaptionText(text=plain(content.decode("utf-16" if wide else "utf-8-sig")))
    except UnicodeDecodeError:
        return CaptionText(problem="it is not UTF-8: save it as UTF-8")


def plain(text: str) -> str:
    """A caption as it is shown and compared: line ends of one kind, no spaces at its ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _look(index: "MediaIndex", file: Path) -> Facts:
    try:
        if (status := file.stat()).st_size and contradicts_name(file):
            return Facts(problem="its content is not what its name says: it is not opened", is_false=True)
        info = _header(file) if status.st_size > HEADER_ONLY_BYTES else index.info(file)
    except FileNotFoundError:
        return Facts(problem="the file is not there")
    except MediaError as error:
        return Facts(problem=f"it {error.reason}")
    except (OSError, ValueError) as error:
        return Facts(problem=f"it cannot be read ({error})")
    return Facts(info=info)


def _header(file: Path) -> "MediaInfo":
    """What the header of a large file says."""
    from datamodules.media.container import opened, sound_stream, video_stream
    from datamodules.media.probe import MediaInfo

    with opened(file) as container:
        video, sound = video_stream(container), sound_stream(container)
        seconds = float(container.duration or 0) / 1e6
        rate = float(video.average_rate or 0) if video else 0.0
        return MediaInfo(
            width=video.width if video else 0,
            height=video.height if video else 0,
            frames=round(seconds * rate) if video else 0,
            duration=seconds,
            fps=rate,
            has_audio=sound is not None,
            has_video=video is not None,
            variable_fps=False,
            sound_duration=seconds if sound else 0.0,
        )
