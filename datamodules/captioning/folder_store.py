"""Captions in text files beside the clips: `dance.txt`, and further ones in `dance.2.txt`, `dance.3.txt`."""

from collections.abc import Sequence
from pathlib import Path

from datamodules.atomic import replacing
from datamodules.captioning.memory import back_up
from datamodules.captioning.question import Source
from datamodules.manifest.clip import Finding
from datamodules.manifest.folder import scan_folder
from datamodules.manifest.scan import nothing_left

_SUFFIXES = (".txt", ".TXT", ".Txt")  # the scanner reads them whatever their capitals; new ones are in small letters


class FolderStore:
    """A folder of clips; see `CaptionStore`.

    Args:
        directory: The folder.
        variants: Captions per clip.

    Raises:
        ValueError: If it holds no clips, or two clips would share a caption file.
    """

    def __init__(self, directory: Path, *, variants: int) -> None:
        manifest = scan_folder(directory)
        self._directory = directory
        self.sources: Sequence[Source] = [
            Source(name=clip.name, media=clip.media, kind=clip.kind, audio=clip.audio) for clip in manifest.clips
        ]
        self.findings: Sequence[Finding] = [finding for finding in manifest.findings if finding.action == "dropped"]
        if not self.sources:
            raise nothing_left(directory, manifest.findings, "DATASET")
        _check_apart([[self._path(source, number) for number in range(1, variants + 1)] for source in self.sources])

    def content(self, source: Source, number: int) -> bytes | None:
        """What stands in the file."""
        try:
            return self._path(source, number).read_bytes()
        except FileNotFoundError:
            return None

    def key(self, source: Source, number: int) -> str:
        """The file, relative to the folder."""
        return self._path(source, number).relative_to(self._directory).as_posix()

    def place(self, source: Source, number: int) -> str:
        """The file, relative to the folder."""
        return self.key(source, number)

    def write(self, source: Source, number: int, caption: str) -> bytes:
        """Writes the file, whole or not at all."""
        path, content = self._path(source, number), f"{caption}\n".encode()
        standing = self.content(source, number)
        if standing and standing.strip():
            back_up(self._directory, self.key(source, number), standing)
        with replacing(path) as temporary:
            temporary.write_bytes(content)
        return content

    def _path(self, source: Source, number: int) -> Path:
        end = "" if number == 1 else f".{number}"
        files = [source.media.with_suffix(f"{end}{suffix}") for suffix in _SUFFIXES]
        return next((file for file in files if file.exists()), files[0])


def _check_apart(files: list[list[Path]]) -> None:
    """A clip named `dance.2.mp4` keeps its caption where the second one of `dance.mp4` would stand."""
    taken = {paths[0] for paths in files}
    for paths in files:
        for path in paths[1:]:
            if path in taken:
                raise ValueError(
                    f"`--variants` is {len(paths)}, but {path} is the caption of another clip: rename that clip, or "
                    "ask for fewer variants."
                )
