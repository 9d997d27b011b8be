"""One page of a dataset's clips, as the grid shows them.

The whole dataset is listed by names; captions and media files are read for the clips of the page alone. Only a search
in captions reads the captions of all clips, once.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from datamodules.doctor.diagnosis import SEVERITIES, Diagnosis
from datamodules.manifest.class_caption import has_word
from datamodules.manifest.clip import media_kind
from ui.datasets.clip_facts import bucket_in_words, facts_in_words, unreadable
from ui.datasets.entry import ClipEntry, Listing, is_plain
from ui.datasets.health import Health
from ui.datasets.purpose import Purpose
from ui.datasets.seen import CaptionText, Facts, Seen
from ui.workspace import OutsideError

PER_PAGE = 24
"""Clips of a page."""

_MOST_PER_PAGE = 96
_LONGEST_SEARCH = 200
_MOST_FINDINGS = 12
_TOLD_BY_THE_DOCTOR = frozenset({"too-short", "no-still-bucket", "upscaled", "cropped"})

Show = Literal["all", "uncaptioned", "triggerless", "findings"]


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which clips are shown."""

    page: int = 1
    """From 1; one past the end is the last."""
    per_page: int = PER_PAGE
    """Clips of a page."""
    search: str = ""
    """Stands in a name or a caption, capitals counting as equal."""
    show: Show = "all"
    """All, those without a caption, those whose caption lacks the trigger, or those with findings."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What clips are judged by."""

    purpose: Purpose
    """The recipe they are meant for."""
    trigger: str = ""
    """The trigger word."""
    health: Health | None = None
    """The doctor's last report."""


def clip_page(listing: Listing, seen: Seen, query: Query, judgement: Judgement) -> dict[str, Any]:
    """The clips of a page with everything that is shown of them, as JSON can hold it."""
    chosen = [entry for entry in listing.entries if _is_shown(entry, seen, query, judgement)]
    per_page = min(max(query.per_page, 1), _MOST_PER_PAGE)
    pages = max(math.ceil(len(chosen) / per_page), 1)
    page = min(max(query.page, 1), pages)
    entries = chosen[(page - 1) * per_page : page * per_page]
    facts = seen.facts(list(dict.fromkeys(file for entry in entries for file in (entry.media, entry.sound) if file)))
    return {
        "dataset": listing.dataset.shown,
        "is_manifest": listing.dataset.is_manifest,
        "trigger": judgement.trigger,
        "page": page,
        "pages": pages,
        "per_page": per_page,
        "total": len(listing.entries),
        "matching": len(chosen),
        "first": (page - 1) * per_page + 1 if entries else 0,
        "clips": [_card(listing, entry, facts, seen, judgement) for entry in entries],
    }


def captions_of(entry: ClipEntry, seen: Seen) -> list[tuple[int, CaptionText]]:
    """The captions of a clip with their numbers, the first one even if it is empty."""
    if entry.captions:
        return [(number, CaptionText(text=text)) for number, text in entry.captions]
    files = entry.caption_files
    return [(number, seen.caption(file)) for number, file in enumerate(files, 1)] or [(1, CaptionText())]


def findings_of(entry: ClipEntry, health: Health | None) -> tuple[Diagnosis, ...]:
    """What is known to be wrong with a clip, from its name and from the doctor, the worst first."""
    told = health.by_clip.get(entry.name, ()) if health else ()
    if health and entry.sound is not None:
        told += health.by_clip.get(f"{entry.name}+{entry.sound.name}", ())
    return tuple(sorted((*entry.issues, *told), key=lambda finding: SEVERITIES.index(finding.severity)))


def _is_shown(entry: ClipEntry, seen: Seen, query: Query, judgement: Judgement) -> bool:
    if query.show == "findings" and not findings_of(entry, judgement.health):
        return False
    wanted = query.search.strip()[:_LONGEST_SEARCH].casefold()
    if query.show not in ("uncaptioned", "triggerless") and (not wanted or wanted in entry.name.casefold()):
        return True
    captions = [caption.text for _, caption in captions_of(entry, seen)]
    if query.show == "uncaptioned" and any(captions):
        return False
    if query.show == "triggerless" and not _lacks_trigger(captions, judgement.trigger):
        return False
    return wanted in entry.name.casefold() or any(wanted in caption.casefold() for caption in captions)


def _lacks_trigger(captions: Iterable[str], trigger: str) -> bool:
    return bool(trigger) and any(caption and not has_word(caption, trigger) for caption in captions)


def _card(
    listing: Listing, entry: ClipEntry, facts: Mapping[Path, Facts], seen: Seen, judgement: Judgement
) -> dict[str, Any]:
    captions = captions_of(entry, seen) if not entry.locked else []
    problem = next((caption.problem for _, caption in captions if caption.problem), "")
    look = facts[entry.media] if entry.media else Facts()
    info = look.info
    if info is not None and entry.sound is not None and (sound := facts[entry.sound].info) is not None:
        info = dataclasses.replace(info, has_audio=sound.has_audio)
    findings = list(findings_of(entry, judgement.health))
    if look.problem and not any(finding.code == "unreadable" for finding in findings):
        findings.insert(0, unreadable(entry.name, look.problem))
    bucket, fate = bucket_in_words(info, judgement.purpose) if info else ("", "")
    if any(finding.code in _TOLD_BY_THE_DOCTOR for finding in findings):
        fate = ""
    is_served = entry.media is not None and is_plain(entry.name) and not look.is_false
    return {
        "key": entry.key,
        "name": entry.name,
        "kind": entry.kind,
        "media": _address(listing, entry.media, "url") if is_served else "",
        "poster": _address(listing, entry.media, "poster_url") if is_served and info and info.has_video else "",
        "sound": _address(listing, entry.sound, "url"),
        "facts": facts_in_words(info) if info else [],
        "bucket": bucket,
        "fate": fate,
        "captions": [{"number": number, "text": caption.text} for number, caption in captions],
        "locked": entry.locked or (f"The caption cannot be shown: {problem}." if problem else ""),
        "triggerless": _lacks_trigger([caption.text for _, caption in captions], judgement.trigger),
        "references": _companions(listing, entry.references.items()),
        "masks": _companions(listing, (("", mask) for mask in entry.masks)),
        "lacks_reference": judgement.purpose.takes_references and not entry.references,
        "lacks_mask": judgement.purpose.takes_masks and not entry.masks,
        "findings": _told(findings),
    }


def _told(findings: Sequence[Diagnosis]) -> list[dict[str, str]]:
    told = [
        {"severity": finding.severity, "message": finding.message, "fix": finding.fix}
        for finding in findings[:_MOST_FINDINGS]
    ]
    if len(findings) > _MOST_FINDINGS:
        told.append({"severity": "note", "message": f"and {len(findings) - _MOST_FINDINGS} more", "fix": ""})
    return told


def _companions(listing: Listing, files: Iterable[tuple[str, Path]]) -> list[dict[str, str]]:
    return [
        {
            "signal": signal,
            "media": _address(listing, file, "url"),
            "poster": "" if media_kind(file) == "sound" else _address(listing, file, "poster_url"),
            "kind": media_kind(file) or "",
        }
        for signal, file in files
    ]


def _address(listing: Listing, file: Path | None, of: Literal["url", "poster_url"]) -> str:
    """Where the page fetches a file; empty where it is not there."""
    if file is None:
        return ""
    workspace = listing.dataset.workspace
    try:
        return workspace.url(file) if of == "url" else workspace.poster_url(file)
    except (OSError, OutsideError):
        return ""
