"""The trigger in a caption: first, and there alone."""

import re

from datamodules.manifest.class_caption import class_caption, has_word

_LOWERED = re.compile(
    r"(?:An?|The|Two|Three|Four|Five|Several|Many|Some|In|On|At|Under|Over|Above|Behind|Beside|Between|Inside|Outside|"
    r"Near|Along|Across|Through|From|With|Against|Amid|Among|While|As|It|He|She|They|There)(?!\w)"
)


def with_trigger(caption: str, trigger: str, *, as_name: bool, subject: str = "") -> str:
    """Put the trigger in front of a cleaned caption and take it away elsewhere.

    Args:
        caption: A cleaned caption, with the trigger anywhere or nowhere.
        trigger: The trigger; if it is empty the caption stays as it is.
        as_name: Whether the trigger is the name of who is in the clip. Then a caption that begins with it stays a
            sentence about it, and later it becomes `the SUBJECT`; otherwise it is set in front with a comma.
        subject: What to call a named one later, such as `woman`; `subject` if empty.
    """
    trigger = trigger.strip()
    if not trigger:
        return caption
    if not as_name:
        return f"{trigger}, {_lowered(class_caption(caption, trigger, ''))}"
    noun = f"the {subject or 'subject'}"
    begins = has_word(caption[: len(trigger)], trigger) and not re.match(r"\w", caption[len(trigger) :])
    rest = caption[len(trigger) :] if begins else caption
    rest = class_caption(rest, trigger, noun)
    rest = re.sub(rf"(^|[.!?]\s+)t(?={re.escape(noun[1:])}(?!\w))", r"\1T", rest)
    return f"{trigger}{rest}" if begins else f"{trigger}, {_lowered(rest)}"


def _lowered(text: str) -> str:
    """Small letter where the first word is no name."""
    return text[:1].lower() + text[1:] if _LOWERED.match(text) else text
