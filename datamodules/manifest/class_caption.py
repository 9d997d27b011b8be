"""Captions without the trigger: what the adapter must not change.

A class caption is a final caption with a class word, such as `person`, wherever the trigger stood as a word of its own;
with an empty class word the trigger goes, with the punctuation that belonged to it.

    mia, a woman reads; mia smiles   ->   person, a woman reads; person smiles   or   a woman reads; smiles
"""

import re

_POSSESSIVE = re.compile(r"['\u2019]s(?!\w)")
_SPACES = re.compile(r"\s+")
_BEFORE_MARK = re.compile(r"\s+(?=[,;:.!?])")
_DOUBLED_MARK = re.compile(r"[,;:]+(?=[,;:.!?])")


def class_caption(caption: str, trigger: str, class_word: str) -> str:
    """The caption with the class word in place of the trigger.

    Args:
        caption: A final caption, trigger included anywhere and any number of times.
        trigger: Found as `has_word` finds it.
        class_word: What stands there instead; empty removes the trigger.
    """
    class_word = class_word.strip()
    pieces, end = [], 0
    for first, last in _places(caption, trigger):
        pieces.append(caption[end:first])
        possessive = None if class_word else _POSSESSIVE.match(caption, last)
        end = possessive.end() if possessive else last
    pieces.append(caption[end:])
    if class_word or len(pieces) == 1:
        return class_word.join(pieces)
    return _tidy("".join(pieces))


def has_word(text: str, word: str) -> bool:
    """Whether `word` stands in `text` by itself, capitals counting as equal; an empty word never does."""
    return bool(_places(text, word))


def _places(text: str, word: str) -> list[tuple[int, int]]:
    """Start and end of each occurrence; folding the case may lengthen a text, so places are traced back."""
    word = word.strip().casefold()
    if not word:
        return []
    folded = [character.casefold() for character in text]
    origin = [place for place, characters in enumerate(folded) for _ in characters]
    found = re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", "".join(folded))
    return [(origin[match.start()], origin[match.end() - 1] + 1) for match in found]


def _tidy(text: str) -> str:
    """Close the gap that a removed word leaves: doubled spaces and marks, and marks at the ends."""
    text = _DOUBLED_MARK.sub("", _BEFORE_MARK.sub("", _SPACES.sub(" ", text)))
    return text.lstrip(" ,;:.").rstrip(" ,;:")
