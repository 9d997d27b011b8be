"""One clip described: its captions asked for one after the other, each once more if the answer is of no use."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from datamodules.captioning.question import (
    Answer,
    Asking,
    Captioner,
    CaptionerDownError,
    Question,
    Source,
    asked_again,
    worded_differently,
)
from datamodules.captioning.trigger import with_trigger
from datamodules.captioning.wording import clean, fault, num_words, whole_sentences

_WORDS_WITHOUT_TRIGGER = 3


@dataclass(frozen=True, kw_only=True)
class Naming:
    """How the trigger stands in captions; see `with_trigger`."""

    trigger: str
    as_name: bool
    subject: str


@dataclass(kw_only=True)
class Described:
    """What came of a clip."""

    captions: dict[int, str] = field(default_factory=dict)
    """By their number, the first is 1."""
    failure: str = ""
    """Why one is missing; empty if none is."""


def describe(
    captioner: Captioner,
    asking: Asking,
    naming: Naming,
    source: Source,
    *,
    numbers: Sequence[int],
    known: Sequence[str],
) -> Described:
    """Ask for captions of a clip.

    Args:
        captioner: The model.
        asking: What is shown and asked.
        naming: How the trigger stands in it.
        source: The clip.
        numbers: Which captions are wanted, the first is 1.
        known: Captions it has already, which the new ones shall differ from.

    Returns:
        The captions, trigger in front, as far as it came.

    Raises:
        CaptionerDownError: If the model answers no more.
    """
    described, earlier = Described(), list(known)
    question = asking.question(source)
    for number in numbers:
        try:
            caption, reason = _caption(captioner, worded_differently(question, earlier), naming)
        except CaptionerDownError:
            raise
        except ValueError as error:
            described.failure = str(error)
            return described
        if reason:
            described.failure = f"the answer {reason}"
            return described
        described.captions[number] = caption
        earlier.append(caption)
    return described


def _caption(captioner: Captioner, question: Question, naming: Naming) -> tuple[str, str]:
    """The caption, or an empty one and what was wrong with two answers."""
    caption, reason = _checked(captioner.answer(question), naming)
    if reason:
        caption, reason = _checked(captioner.answer(asked_again(question, reason)), naming)
        reason = f"{reason}, twice" if reason else ""
    return ("", reason) if reason else (caption, "")


def _checked(answer: Answer, naming: Naming) -> tuple[str, str]:
    text = clean(answer.text)
    if answer.is_cut:
        text = whole_sentences(text)
        if not text:
            return "", "was cut off before its first sentence ended: raise `--max_new_tokens`"
    if reason := fault(text):
        return "", reason
    caption = with_trigger(text, naming.trigger, as_name=naming.as_name, subject=naming.subject)
    if num_words(caption) - num_words(naming.trigger) < _WORDS_WITHOUT_TRIGGER:
        return "", "says nothing but the trigger"
    return caption, ""
