"""Captions in a copy of a manifest; the manifest itself is not edited.

The copy has all rows and columns of the manifest. A copy that is there already is carried on: its captions, edited or
not, count before those of the manifest.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from datamodules.atomic import replacing
from datamodules.captioning.memory import back_up
from datamodules.captioning.question import Source
from datamodules.captioning.table_file import Table, read_table, table_bytes
from datamodules.manifest.clip import Finding, media_kind, missing_file
from datamodules.manifest.rows import MEDIA_COLUMNS

_FILE_COLUMNS = (*MEDIA_COLUMNS, "audio", "reference_", "video_mask", "audio_mask")


class TableStore:
    """A manifest and its captioned copy; see `CaptionStore`.

    Args:
        path: The manifest.
        out: The copy.

    Raises:
        ValueError: If the copy's name does not fit, one of the two is malformed, they do not list the same clips, or
            no clip is there.
    """

    def __init__(self, path: Path, *, out: Path | None) -> None:
        self.out = _checked_out(path, out)
        self._home = self.out.parent.resolve()
        self._table = _moved(read_table(path), path.parent, self.out.parent)
        self._backed_up = False
        self._seen: bytes | None = None
        sources: list[Source] = []
        found: list[Finding] = []
        self._rows: dict[str, int] = {}
        for row in range(len(self._table.rows)):
            source, finding = self._source(row)
            if source is not None and source.name in self._rows:
                reason = "is listed twice; only its first row is captioned"
                finding, source = Finding(name=source.name, action="warned", reason=reason, fix="remove one row"), None
            if source is not None:
                self._rows[source.name] = row
                sources.append(source)
            found += [finding] if finding else []
        self.sources: Sequence[Source] = sources
        self.findings: Sequence[Finding] = found
        if not self.sources:
            reasons = "".join(f"\n  {finding}" for finding in found)
            raise ValueError(f"DATASET {str(path)!r} lists no clip that is there:{reasons}")
        self._carry_on()

    def content(self, source: Source, number: int) -> bytes | None:
        """What stands in the copy, edited meanwhile or not, or would be copied from the manifest."""
        self._carry_on()
        captions = self._table.captions(self._rows[source.name])
        text = captions[number - 1].strip() if number <= len(captions) else ""
        return text.encode() if text else None

    def key(self, source: Source, number: int) -> str:
        """The copy's name, the clip and the number."""
        return f"{self.out.name}|{source.name}|{number}"

    def place(self, source: Source, number: int) -> str:
        """The clip in the copy."""
        return f"{source.name} in {self.out.name}" + (f", caption {number}" if number > 1 else "")

    def write(self, source: Source, number: int, caption: str) -> bytes:
        """Writes the whole copy, or leaves the one that is there."""
        if self.content(source, number) and self.out.exists() and not self._backed_up:
            back_up(self.out.parent, self.out.name, self.out.read_bytes())
            self._backed_up = True
        self._table.set_caption(self._rows[source.name], number, caption)
        content = table_bytes(self._table)
        with replacing(self.out) as temporary:
            temporary.write_bytes(content)
        self._seen = content
        return caption.encode()

    def _source(self, row: int) -> tuple[Source | None, Finding | None]:
        named = [column for column in (*MEDIA_COLUMNS, "audio") if self._table.text(row, column)]
        place = self._table.places[row]
        if not named:
            raise ValueError(f"{place} names no file: fill one of the columns {', '.join(MEDIA_COLUMNS)}.")
        text, sound = self._table.text(row, named[0]), self._table.text(row, "audio")
        media, kind = self._file(text), media_kind(Path(text))
        if kind is None:
            raise ValueError(f"{place}: `{named[0]}` is {text!r}, which is a file we do not read.")
        if not media.is_file():
            return None, missing_file(f"{place} ({text})", media)
        if kind == "sound" or not sound:
            return Source(name=text, media=media, kind=kind), None
        audio = self._file(sound)
        if not audio.is_file():
            return None, missing_file(f"{place} ({text})", audio)
        return Source(name=f"{text}+{sound}", media=media, kind=kind, audio=audio), None

    def _file(self, text: str) -> Path:
        """The folder of the copy may not be there yet, so `..` must not go through it."""
        return Path(os.path.normpath(self._home / Path(text).expanduser()))

    def _carry_on(self) -> None:
        """Take over the captions of a copy that is there and was not read yet, if it is one of this manifest."""
        content = self.out.read_bytes() if self.out.exists() else None
        if content in (None, self._seen):
            return
        mine, theirs = self._table, read_table(self.out)
        ours = {_clip_of(mine, row): row for row in range(len(mine.rows))}
        for row in range(len(theirs.rows)):
            clip = _clip_of(theirs, row)
            if clip not in ours:
                raise ValueError(
                    f"`--out` is {str(self.out)!r}, which is there and lists {' '.join(clip).strip()!r}, a clip that "
                    "the manifest does not: give another name."
                )
            for number, caption in enumerate(theirs.captions(row), start=1):
                if caption.strip():
                    mine.set_caption(ours[clip], number, caption)
        self._seen = content


def _clip_of(table: Table, row: int) -> tuple[str, str]:
    media = next((table.text(row, column) for column in MEDIA_COLUMNS if table.text(row, column)), "")
    return media, table.text(row, "audio")


def _checked_out(path: Path, out: Path | None) -> Path:
    if out is None:
        raise ValueError(
            f"DATASET {str(path)!r} is a manifest, which is not edited: give `--out captioned{path.suffix}`, and use "
            "that file as `data.path`."
        )
    if out.suffix.lower() != path.suffix.lower():
        raise ValueError(f"`--out` is {str(out)!r}, but the copy of {path.name} must end in {path.suffix}: rename it.")
    if out.is_dir() or (out.exists() and out.samefile(path)):
        raise ValueError(f"`--out` is {str(out)!r}, but the copy must be a file of its own: give another name.")
    return out


def _moved(table: Table, home: Path, target: Path) -> Table:
    """Paths relative to the manifest's folder become relative to the copy's."""
    if home.resolve() == target.resolve():
        return table
    for row in range(len(table.rows)):
        for column in table.columns(row):
            text = table.text(row, column)
            if column.startswith(_FILE_COLUMNS) and text and not Path(text).expanduser().is_absolute():
                file = home / text
                if file.is_file() or column in MEDIA_COLUMNS:
                    relative = os.path.relpath(file.resolve(), target.resolve())
                    table.set_text(row, column, Path(relative).as_posix())
    return table
