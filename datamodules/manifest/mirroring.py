"""Clips shown mirrored beside their originals, left and right exchanged in picture and sound, where that is safe.

A mirrored clip contradicts a caption that names a side, and would teach that left is right. A side is named by a word
that begins with left or right, whatever follows (`leftmost`, `right-handed`, `lefthand`) and whatever it means there
(`right away`): a clip that is kept for nothing costs little. Clockwise and its opposite change places too.
"""

import re
from collections.abc import Iterable

from datamodules.manifest.clip import Finding

MIRRORED = " mirrored"
"""End of the name of a window that is shown mirrored."""

# Words of which the beginning means something else; a hyphen or an underscore begins a new word.
_SIDE = re.compile(
    r"(?<![^\W_])(?:left(?!overs?(?![^\W_]))|right(?!eous))[^\W_]*|(?:counter|anti)?[ -]?clockwise", re.IGNORECASE
)


def side_named(texts: Iterable[str]) -> str | None:
    """The first word in any of the texts that names a side; None if a mirrored clip agrees with all of them."""
    found = filter(None, map(_SIDE.search, texts))
    return next((match.group().strip(" -") for match in found), None)


def kept_unmirrored(name: str, word: str) -> Finding:
    """The finding for a clip that is not mirrored.

    Args:
        name: The clip.
        word: The word of its caption or of the trigger that names a side.
    """
    reason = f"is not mirrored, because its caption says {word!r}"
    return Finding(name=name, action="noted", reason=reason, fix="reword the caption if that names no side")
