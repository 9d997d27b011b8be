"""What a reference was made from, kept in its own metadata: a file that carries no stamp was made by somebody else.

A reference is up to date if it was made by the same signal with the same settings from the same bytes. Size and time
of change of the source are remembered beside its hash, so that a second run reads no clip.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from datamodules.manifest.clip import MediaError, media_kind
from datamodules.manifest.scan import file_hash
from datamodules.media.container import opened

_FORMAT = 1
_KEY = "ltx_reference"
_COMMENT = "comment"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a reference is made: signal, its settings and how it is stored."""

    signal: str
    """Such as `canny`."""
    settings: Mapping[str, object]
    """All that decides how it looks, as JSON."""


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What a reference was made from."""

    recipe: Recipe
    """How it was made."""
    source_hash: str
    """SHA-256 of the clip's bytes."""
    source_size: int
    """Bytes of the clip."""
    source_mtime_ns: int
    """When the clip was changed last."""

    def text(self) -> str:
        """As it stands in the metadata."""
        content = {
            "format": _FORMAT,
            "signal": self.recipe.signal,
            "settings": dict(self.recipe.settings),
            "hash": self.source_hash,
            "size": self.source_size,
            "mtime_ns": self.source_mtime_ns,
        }
        return json.dumps({_KEY: content}, sort_keys=True)

    def is_of(self, source: Path) -> bool:
        """Whether the clip is still the one it was made from."""
        status = source.stat()
        if status.st_size != self.source_size:
            return False
        return status.st_mtime_ns == self.source_mtime_ns or file_hash(source) == self.source_hash


def stamp_for(source: Path, recipe: Recipe) -> Stamp:
    """The stamp of a reference that is about to be made."""
    status = source.stat()  # before reading: a change on the way shows afterwards
    return Stamp(
        recipe=recipe,
        source_hash=file_hash(source),
        source_size=status.st_size,
        source_mtime_ns=status.st_mtime_ns,
    )


def read_stamp(reference: Path) -> Stamp | None:
    """The stamp of a file, or None if it has none or cannot be read."""
    try:
        text = _still_comment(reference) if media_kind(reference) == "image" else _video_comment(reference)
        content = json.loads(text)[_KEY]
        if content["format"] != _FORMAT:
            return None
        recipe = Recipe(signal=content["signal"], settings=content["settings"])
        return Stamp(
            recipe=recipe,
            source_hash=content["hash"],
            source_size=content["size"],
            source_mtime_ns=content["mtime_ns"],
        )
    except (MediaError, OSError, ValueError, KeyError, TypeError):
        return None


def write_still(picture: Image.Image, path: Path, comment: str) -> None:
    """Writes a PNG with a comment to an open temporary path."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(_COMMENT, comment)
    picture.save(path, "PNG", pnginfo=info)


def _still_comment(path: Path) -> str:
    with Image.open(path) as image:
        return str(image.info.get(_COMMENT, ""))


def _video_comment(path: Path) -> str:
    with opened(path) as container:
        return str(container.metadata.get(_COMMENT, ""))
