"""Captions mended: the trigger in front, the empty opening gone."""

import codecs
from dataclasses import dataclass
from pathlib import Path

from datamodules.doctor.wording import count_word, opening, without_opening
from datamodules.manifest.clip import final_caption


@dataclass(frozen=True, kw_only=True)
class CaptionFixes:
    """What is done to captions."""

    trigger: str
    """Word for what is learnt."""
    adds_trigger: bool
    """Whether it is put in front of captions without it: where others have it."""

    def mended(self, caption: str) -> tuple[str, tuple[str, ...]]:
        """A caption as it should be, and what was done to it; an empty one stays empty."""
        done = []
        text = caption.strip()
        if opening(text, self.trigger):
            text = without_opening(text, self.trigger)
            done.append("opening left out")
        if text and self.adds_trigger and not count_word(text, self.trigger):
            text = final_caption(text, self.trigger)
            done.append("trigger put in front")
        return (text, tuple(done)) if done else (caption, ())


def caption_files(media: Path) -> list[Path]:
    """The captions beside a media file: `dance.txt`, `dance.2.txt`, `dance.3.txt`."""
    numbered = (
        file
        for file in media.parent.glob("*.txt")
        if file.stem.rpartition(".")[0] == media.stem and file.stem.rpartition(".")[2].isdigit()
    )
    return [file for file in (media.with_suffix(".txt"), *sorted(numbered)) if file.is_file()]


def read_caption(file: Path) -> str | None:
    """The text of a caption; None if it is not UTF-8 or UTF-16 with a mark."""
    content = file.read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        return None
