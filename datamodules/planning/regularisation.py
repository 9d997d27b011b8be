"""The regularisation set: ordinary clips without the trigger, trained beside the concept so that they stay ordinary.

A person among people, drawings of the plain kind, everyday scenes with their sound: what the adapter must not change.
The base itself can make them: `sample --lora none` with ordinary prompts, and the prompts as captions.
"""

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path

from datamodules.manifest.class_caption import has_word
from datamodules.manifest.clip import TRIGGER_ALONE, Finding
from datamodules.needs import Needs
from datamodules.windows.clip_windows import ClipWindow

KEY = "data.regularisation"


def regularisation_paths(given: Sequence[Path] | Path | None) -> tuple[Path, ...] | None:
    """The datasets that a recipe names: none, one or several."""
    if given is None:
        return None
    return tuple(Path(path).expanduser() for path in ([given] if isinstance(given, str | Path) else given))


def keys(paths: Sequence[Path]) -> list[str]:
    """The recipe's key of each regularisation set: a lone one needs no number."""
    return [KEY] if len(paths) == 1 else [f"{KEY}[{number}]" for number in range(len(paths))]


def without_concept(
    windows: Iterable[ClipWindow], concept: Collection[str], dataset_key: str
) -> tuple[list[ClipWindow], list[Finding]]:
    """The windows that train, and what became of the others.

    Args:
        windows: Those of the regularisation set.
        concept: Media hashes of the dataset: the same clip cannot be both.
        dataset_key: The recipe's key of the dataset.
    """
    kept, findings = [], {}
    for window in windows:
        name = window.clip.label
        if window.media_hash in concept:
            reason = f"has the same bytes as a clip of `{dataset_key}`, so `{KEY}` would train against it"
            findings[name] = Finding(name=name, action="dropped", reason=reason, fix="leave it in one of them")
        elif window.clip.split == "validation":
            reason = f"is marked `split: validation`, but clips of `{KEY}` are not held out"
            findings[name] = Finding(name=name, action="dropped", reason=reason, fix="remove the mark")
        else:
            kept.append(window)
    return kept, list(findings.values())


def that_conditions_take(
    windows: Iterable[ClipWindow], needs: Needs, fps: float
) -> tuple[list[ClipWindow], list[Finding]]:
    """The windows in which the recipe's conditions can be met, and a finding for each clip that has others.

    Args:
        windows: Those of the regularisation set.
        needs: What the conditions take.
        fps: Frames per second of training.
    """
    kept, findings = [], {}
    for window in windows:
        try:
            needs.check(window.bucket, fps)
            for keyframe in needs.keyframes:
                keyframe.number_in(window.bucket)
        except ValueError:
            name, shape = window.clip.label, "a still" if window.bucket.is_still else f"trained in {window.bucket}"
            reason = f"is {shape}, too short for `model.conditions`, so `{KEY}` leaves it out"
            findings[name] = Finding(name=name, action="dropped", reason=reason, fix=f"remove it from `{KEY}`")
        else:
            kept.append(window)
    return kept, list(findings.values())


def needs_of_ordinary(needs: Needs) -> Needs:
    """What conditions take of ordinary clips: stills of their frames, but neither references nor masks."""
    return dataclasses.replace(needs, video_reference=False, audio_reference=False, video_mask=False, audio_mask=False)


def doubts(windows: Iterable[ClipWindow], triggers: Iterable[str]) -> Iterator[Finding]:
    """A warning for each clip whose captions hold a trigger, which would teach that it means nothing."""
    clips = {window.clip.label: window.clip for window in windows}
    for (name, clip), trigger in product(clips.items(), dict.fromkeys(triggers)):
        if any(has_word(caption, trigger) for caption in clip.captions):
            reason = f"its caption holds the trigger {trigger!r}, which `{KEY}` is to be without"
            yield Finding(name=name, action="warned", reason=reason, fix="reword the caption")


def of_this_set(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings made of any dataset, in words that suit one without a trigger."""
    for finding in findings:
        reason = finding.reason.replace(TRIGGER_ALONE, "it trains on the empty caption")
        yield dataclasses.replace(finding, reason=reason)
