"""Words of captions: openings that say nothing, words that tell nothing, and words that mean the same subject."""

import re
from collections.abc import Mapping

_THING = r"(?:video|clip|image|photo|photograph|picture|footage|scene|shot|frame|sequence|animation)"
_SHOWS = (
    r"(?:shows|depicts|features|captures|displays|presents|portrays|showcases|illustrates|is about|consists of|"
    r"begins with|opens with|starts with|contains|is of|of)"
)
_OPENING = re.compile(
    rf"(?:(?:the|this|a|an)\s+(?:short\s+|brief\s+)?{_THING}(?:\s+clip)?\s+{_SHOWS}\s+"
    rf"|{_THING}\s+of\s+"
    rf"|in\s+(?:the|this)\s+{_THING}(?:\s+clip)?\s*,?\s+(?:we\s+(?:can\s+)?see\s+|there\s+(?:is|are)\s+)?"
    r"|we\s+(?:can\s+)?see\s+"
    r"|here\s+(?:is|are|we\s+(?:see|have))\s+"
    r"|you\s+(?:can\s+)?see\s+)",
    re.IGNORECASE,
)
_LETTER_SCRIPT = re.compile(r"[^\W_][\w'\u2019-]*")
_DENSE_SCRIPT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # written without spaces
_FILE_NAME = re.compile(r"(?:img|dsc|mvi|vid|clip|video|untitled|screen ?recording)[ _-]*\d*(?:\.\w+)?", re.IGNORECASE)

_FILLERS = frozenset(
    re.findall(
        r"\w+", "a an the this that some of in on at with and or is are it its to there very really here one two"
    )
)
_GENERIC = frozenset(
    re.findall(
        r"\w+",
        "video clip image photo picture footage scene shot frame movie film person people someone somebody something "
        "thing things object objects stuff subject character nice beautiful good great cool amazing awesome high "
        "quality best test sample untitled example doing standing moving content random short style animation",
    )
)

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "a woman": ("woman", "lady", "female figure", "female person", "female character", "female"),
    "a man": ("man", "guy", "gentleman", "male figure", "male person", "male character", "male", "dude"),
    "a child": ("child", "kid", "youngster"),
    "a girl": ("girl", "little girl", "young girl"),
    "a boy": ("boy", "little boy", "young boy", "lad"),
    "a person": ("person", "individual", "human figure", "human being", "human"),
    "a dog": ("dog", "puppy", "hound", "canine", "doggy"),
    "a cat": ("cat", "kitten", "kitty", "feline"),
    "a car": ("car", "automobile", "vehicle", "motorcar"),
    "a robot": ("robot", "android", "droid", "automaton"),
    "a mascot": ("mascot", "plush", "stuffed animal", "plushie", "soft toy"),
}
"""Words that mean one subject; of two that fit, the longer one counts."""


def words(text: str) -> list[str]:
    """The words of a text; a character of a script without spaces counts as one."""
    dense = _DENSE_SCRIPT.findall(text)
    return [*_LETTER_SCRIPT.findall(_DENSE_SCRIPT.sub(" ", text)), *dense]


def count_word(text: str, word: str) -> int:
    """How often a word stands in a text by itself, capitals counting as equal."""
    if not word.strip():
        return 0
    return len(re.findall(rf"(?<!\w){re.escape(word.strip().casefold())}(?!\w)", text.casefold()))


def without_word(text: str, word: str) -> str:
    """The text with each occurrence of a word, and the marks after it, taken out."""
    if not word.strip():
        return text.strip()
    pattern = re.compile(rf"(?<!\w){re.escape(word.strip())}(?!\w)[\s,;:.-]*", re.IGNORECASE)
    return pattern.sub("", text).strip()


def opening(caption: str, trigger: str = "") -> str:
    """The words at the beginning, after the trigger, that only say that there is a picture; empty if there are none."""
    match = _OPENING.match(caption, _after_trigger(caption, trigger))
    return match[0].strip() if match and match.end() < len(caption.rstrip()) else ""


def without_opening(caption: str, trigger: str = "") -> str:
    """The caption without its empty opening; what follows begins with a capital if the opening did."""
    if not opening(caption, trigger):
        return caption
    begin = _after_trigger(caption, trigger)
    match = _OPENING.match(caption, begin)
    assert match is not None
    rest = caption[match.end() :].lstrip()
    if match[0][0].isupper():
        rest = rest[0].upper() + rest[1:]
    return caption[:begin] + rest


def is_generic(text: str) -> bool:
    """Whether a caption without its trigger would suit any clip."""
    if _FILE_NAME.fullmatch(text.strip()):
        return True
    telling = [word.casefold() for word in words(text) if word.casefold() not in _FILLERS]
    return all(word in _GENERIC or word.isdigit() for word in telling)


def subject_words(caption: str) -> dict[str, set[str]]:
    """For each group of `SYNONYMS` that a caption uses, the words it uses of it."""
    found: dict[str, set[str]] = {}
    for group, terms in SYNONYMS.items():
        left = caption.casefold()
        for term in sorted(terms, key=len, reverse=True):
            pattern = re.compile(rf"\b{re.escape(term)}(?:'s|\u2019s)?\b")
            if pattern.search(left):
                found.setdefault(group, set()).add(term)
                left = pattern.sub(" ", left)
    return found


def _after_trigger(caption: str, trigger: str) -> int:
    """Where the caption begins after its trigger and the marks that follow it."""
    if not trigger.strip():
        return 0
    match = re.match(rf"\s*{re.escape(trigger.strip())}(?!\w)[\s,;:.-]*", caption, re.IGNORECASE)
    return match.end() if match else 0
