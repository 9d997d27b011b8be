"""The regularisation set: ordinary clips without the trigger, trained beside the concept so that they stay ordinary.

A person among people, drawings of the plain kind, everyday scenes with their sound: what the adapter must not change.
The base itself can make them: `sample --lora none` with ordinary prompts, and the prompts as captions.
"""

import dataclasses
from collections.abc import Collection, Iterable, Iterator

from datamodules.class_caption import has_word
from datamodules.clip import TRIGGER_ALONE, Finding
from datamodules.windows import ClipWindow

KEY = "data.regularisation"


def without_concept(windows: Iterable[ClipWindow], concept: Collection[str]) -> tuple[list[ClipWindow], list[Finding]]:
    """The windows that train, and what became of the others.

    Args:
        windows: Those of the regularisation set.
        concept: Media hashes of the dataset: the same clip cannot be both.
    """
    kept, findings = [], {}
    for window in windows:
        name = window.clip.label
        if window.media_hash in concept:
            reason = f"has the same bytes as a clip of `data.path`, so `{KEY}` would train against it"
            findings[name] = Finding(name=name, action="dropped", reason=reason, fix="leave it in one of them")
        elif window.clip.split == "validation":
            reason = f"is marked `split: validation`, but clips of `{KEY}` are not held out"
            findings[name] = Finding(name=name, action="dropped", reason=reason, fix="remove the mark")
        else:
            kept.append(window)
    return kept, list(findings.values())


def doubts(windows: Iterable[ClipWindow], trigger: str) -> Iterator[Finding]:
    """A warning for each clip whose caption holds the trigger, which would teach that it means nothing."""
    named = {window.clip.label: window.clip for window in windows if has_word(window.clip.caption, trigger)}
    for name in named:
        reason = f"its caption holds the trigger {trigger!r}, which `{KEY}` is to be without"
        yield Finding(name=name, action="warned", reason=reason, fix="reword the caption")


def of_this_set(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings made of any dataset, in words that suit one without a trigger."""
    for finding in findings:
        reason = finding.reason.replace(TRIGGER_ALONE, "it trains on the empty caption")
        yield dataclasses.replace(finding, reason=reason)
