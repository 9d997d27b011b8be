"""From a model's answer to a caption: without thoughts, greetings, markdown and openings that say nothing."""

import json
import re

_THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_THOUGHT_END = re.compile(r"^.*</(?:think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)
_THOUGHT_START = re.compile(r"<(?:think|thinking|reasoning)>.*$", re.DOTALL | re.IGNORECASE)
_SPECIAL = re.compile(r"<\|[^|<>]{1,40}\|>|</?s>|<(?:start|end)_of_turn>")
_FENCE = re.compile(r"```[a-z]*\n?(.*?)```", re.DOTALL)
_LINE_MARK = re.compile(r"^\s*(?:#{1,6}\s+|[-*+\u2022]\s+|\d{1,2}[.)]\s+|>\s+)")
_STRONG = re.compile(r"(\*\*\*|\*\*|\*|(?<!\w)__)(?=\S)(.+?)(?<=\S)(?:\1)(?!\w)")
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"!?\[([^\]]+)\]\([^)]*\)")
_GREETING = re.compile(
    r"^(?:(?:sure|certainly|of course|okay|ok|absolutely|great)\b[^\n:]{0,80}[:!.,]\s*)?"
    r"(?:(?:here(?:'s|\u2019s| is| are)|below is)\b[^\n:]{0,120}:\s*)",
    re.IGNORECASE,
)
_COURTESY = re.compile(r"^(?:sure|certainly|of course|absolutely)\s*[!.:,]\s+(?=\S)", re.IGNORECASE)
_LABEL = re.compile(
    r"^(?:(?:video|image|training|final|detailed)\s+)?(?:caption|description|prompt|answer)\s*:\s*", re.IGNORECASE
)
_AFTERWORD = re.compile(
    r"^(?:\(?note\b|let me know|i hope|feel free|would you like|this caption|the caption|if you (?:need|want|would))",
    re.IGNORECASE,
)
_THING = r"(?:video|clip|footage|scene|image|picture|photo|photograph|frames?|sequence|animation|shot|recording)"
_SHOWS = (
    r"(?:shows?|depicts?|features?|captures?|presents?|displays?|portrays?|illustrates?|highlights?|introduces?|"
    r"(?:begins?|starts?|opens?)\s+(?:with|on)|consists?\s+of|contains?|is\s+(?:of|about))"
)
_THE = rf"(?:the|this|these|that)\s+(?:(?:short|brief|given|provided|first|opening|still|entire)\s+)*{_THING}"
_OPENINGS = (
    re.compile(rf"^{_THE}(?:\s+{_THING})?\s+{_SHOWS}\s+(?:us\s+)?(?:that\s+)?", re.IGNORECASE),
    re.compile(rf"^in\s+{_THE}(?:\s+{_THING})?\s*,?\s*(?:(?:we|you|one)\s+(?:can\s+)?see\s+)?", re.IGNORECASE),
    re.compile(r"^(?:we|you|one)\s+(?:can\s+)?sees?\s+", re.IGNORECASE),
)
_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb", "\u300c": "\u300d"}
_REFUSAL = re.compile(
    r"^(?:(?:i['\u2019]m|i am|we are|we['\u2019]re)\s+(?:\w+\s+)?(?:sorry|unable|not able|afraid)|"
    r"(?:sorry|unfortunately)\b|"
    r"i\s+(?:can['\u2019]?t|cannot|can not|won['\u2019]?t|will not|do not|don['\u2019]t)\s|as an ai\b|"
    r"(?:there (?:is|are)|i see) no (?:image|picture|video|frame|attach)|please (?:upload|provide|share)\b)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?\u3002\uff01\uff1f][\"'\u201d\u2019)]*(?=\s|$)|[\u3002\uff01\uff1f]")
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")

FEWEST_WORDS = 8
"""Shorter answers say nothing that a model could learn to tell apart; a character of Chinese counts as a word."""
_MOST_REPEATS = 2


def clean(answer: str) -> str:
    """The caption in an answer, on one line; empty if there is none."""
    text = _SPECIAL.sub(" ", _without_thoughts(answer)).strip()
    text = _from_json(_FENCE.sub(r"\1", text).strip())
    text = _without_frame(text)
    text = " ".join(_LINE_MARK.sub("", line).strip() for line in text.splitlines())
    text = _CODE.sub(r"\1", _STRONG.sub(r"\2", _LINK.sub(r"\1", text)))
    text = " ".join(text.split())
    return _without_opening(_unquoted(_LABEL.sub("", _unquoted(text))))


def fault(caption: str) -> str | None:
    """What makes a cleaned answer unfit as a caption, in words that follow "the answer"; None if it is fit."""
    if not caption:
        return "is empty"
    if _REFUSAL.match(caption):
        return f"is a refusal ({_short(caption)})"
    if num_words(caption) < FEWEST_WORDS:
        return f"is too short ({_short(caption)})"
    sentences = [sentence.strip().casefold() for sentence in _SENTENCE_END.split(caption) if sentence.strip()]
    if max(map(sentences.count, sentences), default=0) > _MOST_REPEATS:
        return f"repeats itself ({_short(caption)})"
    return None


def whole_sentences(caption: str) -> str:
    """A caption that was cut off, up to the end of its last whole sentence; empty if there is none."""
    ends = [match.end() for match in _SENTENCE_END.finditer(caption)]
    return caption[: ends[-1]] if ends else ""


def num_words(text: str) -> int:
    """Words; characters of scripts that do not separate them count as one each."""
    return len(_WORD.findall(text))


def _without_thoughts(answer: str) -> str:
    """Some chat templates open the thought themselves, so that only its end is in the answer."""
    return _THOUGHT_START.sub("", _THOUGHT_END.sub("", _THOUGHT.sub("", answer)))


def _from_json(text: str) -> str:
    if not text.startswith("{"):
        return text
    try:
        content = json.loads(text)
    except ValueError:
        return text
    texts = [value for key, value in content.items() if key.lower() in ("caption", "description", "text")]
    return texts[0] if texts and isinstance(texts[0], str) else text


def _without_frame(text: str) -> str:
    """Drop the greeting before a caption and the paragraphs of remarks after it."""
    text = _COURTESY.sub("", _GREETING.sub("", text)).strip()
    paragraphs = re.split(r"\n\s*\n", text)
    while len(paragraphs) > 1 and _AFTERWORD.match(paragraphs[-1].strip("*_ ")):
        paragraphs.pop()
    return "\n".join(paragraphs)


def _unquoted(text: str) -> str:
    """Only quotes around the whole are taken away, not those of the first and the last of several."""
    closing = _QUOTES.get(text[:1])
    if closing and len(text) > 1 and text.endswith(closing) and not {text[0], closing} & set(text[1:-1]):
        return text[1:-1].strip()
    return text


def _without_opening(text: str) -> str:
    for opening in _OPENINGS:
        shortened = opening.sub("", text, count=1)
        if shortened != text:
            return shortened[:1].upper() + shortened[1:]
    return text


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
