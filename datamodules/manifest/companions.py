"""References and masks of a folder's clips: files in the reserved folders `references/` and `masks/` at its root.

A companion has the path and stem of its clip: `references/dance.mp4`, or `references/canny/dance.mp4` where there are
several signals, and `masks/dance.mp4` belong to `dance.mp4`. Pictures and sounds of one stem are told apart by their
suffix, so that `masks/dance.png` masks the picture and `masks/dance.wav` the sound.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from datamodules.manifest.clip import Clip, Finding, media_kind

REFERENCES = "references"
MASKS = "masks"
SAMPLES = ("samples", "samples.yaml")
"""Media and prompts of samples at a dataset's root, which are none of its clips."""
RESERVED_FOLDERS = (REFERENCES, MASKS)
"""Sub-folders of a dataset's root that hold no clips."""

_ROLES = {REFERENCES: "reference", MASKS: "mask"}


@dataclass(kw_only=True)
class Companions:
    """What belongs to one clip; the fields are those of `Clip`."""

    references: dict[str, Path] = field(default_factory=dict)
    reference_audio: dict[str, Path] = field(default_factory=dict)
    video_mask: Path | None = None
    audio_mask: Path | None = None


def is_companion(directory: Path, file: Path) -> bool:
    """Whether a file of a dataset lies in a reserved folder."""
    parts = file.relative_to(directory).parts
    return len(parts) > 1 and parts[0] in RESERVED_FOLDERS


def with_companions(
    directory: Path, clips: Sequence[Clip], files: Iterable[Path]
) -> tuple[tuple[Clip, ...], list[Finding]]:
    """The clips with the references and masks that belong to them.

    Args:
        directory: The dataset.
        clips: Its clips.
        files: The files in reserved folders.

    Returns:
        The clips, and a warning for each file that belongs to none.

    Raises:
        ValueError: If two files claim one place, or a file may belong to two clips.
    """
    stems = {_stem(clip.media.relative_to(directory)) for clip in clips}
    companions: defaultdict[str, Companions] = defaultdict(Companions)
    findings = []
    for file in sorted(files):
        kind = media_kind(file)
        relative = file.relative_to(directory)
        owner = _owner(relative, stems)
        role = _ROLES[relative.parts[0]]
        if kind is None:
            reason, fix = f"is no file that a {role} can be read from; it is ignored", ""
        elif owner is None:
            reason, fix = (
                f"no clip has the path and stem of this {role}",
                f"rename it like its clip, or remove the {role}",
            )
        else:
            _assign(companions[owner[0]], file, role=role, signal=owner[1], is_sound=kind == "sound")
            continue
        action: Literal["noted", "warned"] = "noted" if kind is None else "warned"
        findings.append(Finding(name=relative.as_posix(), action=action, reason=reason, fix=fix))
    paired = tuple(
        dataclasses.replace(clip, **vars(companions[stem]))
        if (stem := _stem(clip.media.relative_to(directory))) in companions
        else clip
        for clip in clips
    )
    return paired, findings


def _stem(relative: Path) -> str:
    return relative.with_suffix("").as_posix()


def _owner(relative: Path, stems: Collection[str]) -> tuple[str, str] | None:
    """The stem of the clip that a file belongs to, and its signal."""
    role, *inner = relative.with_suffix("").parts
    whole, rest = "/".join(inner), "/".join(inner[1:])
    with_signal = role == REFERENCES and rest in stems
    if whole in stems and with_signal:
        raise ValueError(
            f"{relative.as_posix()} may be the reference of {whole} or the reference {inner[0]!r} of {rest}: rename "
            "the folder of the clips or that of the references."
        )
    if whole in stems:
        return whole, ""
    return (rest, inner[0]) if with_signal else None


def _assign(companions: Companions, file: Path, *, role: str, signal: str, is_sound: bool) -> None:
    if role == "reference":
        by_signal = companions.reference_audio if is_sound else companions.references
        taken = by_signal.setdefault(signal, file)
    elif is_sound:
        taken = companions.audio_mask = companions.audio_mask or file
    else:
        taken = companions.video_mask = companions.video_mask or file
    if taken != file:
        raise ValueError(f"{taken} and {file} are both a {role} of one clip: remove one of them.")
