"""Which media a try needs beside its prompt: what `sample` asks for, told from the recipe's conditions without a model.

A recipe names its conditions by class. Each takes one of several groups of media; a condition of probability 1 must
have one, another is left out where they lack.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datamodules.manifest.clip import SOUND_SUFFIXES, STILL_SUFFIXES, VIDEO_SUFFIXES

_STILLS = ("FirstFrame", "Keyframes")
_PACKAGE = "ltx_module.diffusion.conditioning."


@dataclass(frozen=True, kw_only=True)
class MediaKey:
    """A place for a file in a prompt of `sample.prompts`."""

    label: str
    suffixes: tuple[str, ...]


MEDIA_KEYS: Mapping[str, MediaKey] = {
    "image": MediaKey(label="First frame (picture)", suffixes=STILL_SUFFIXES),
    "last_image": MediaKey(label="Last frame (picture)", suffixes=STILL_SUFFIXES),
    "video": MediaKey(label="Video", suffixes=VIDEO_SUFFIXES),
    "video_mask": MediaKey(label="Mask (white is made anew)", suffixes=VIDEO_SUFFIXES + STILL_SUFFIXES),
    "reference_video": MediaKey(label="Reference (video or picture)", suffixes=VIDEO_SUFFIXES + STILL_SUFFIXES),
    "audio": MediaKey(label="Sound", suffixes=SOUND_SUFFIXES + VIDEO_SUFFIXES),
    "audio_mask": MediaKey(label="Sound mask (loud is made anew)", suffixes=SOUND_SUFFIXES),
    "reference_audio": MediaKey(label="Reference sound", suffixes=SOUND_SUFFIXES + VIDEO_SUFFIXES),
}
"""In the order in which they are shown."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one condition takes."""

    name: str
    """As the recipe names it."""
    always: bool
    """Whether every sample must have it."""
    ways: tuple[tuple[str, ...], ...]
    """Any one of these groups of keys, wholly."""


def needs_of(conditions: object, frozen: object, *, stills_of_video: bool = False) -> tuple[Need, ...]:
    """What a recipe's conditions take; conditions of the user's own are passed over, since their media are not known.

    Args:
        conditions: Value of `model.conditions`.
        frozen: Value of `model.frozen`.
        stills_of_video: Whether first and last frames may be those of a video, even if nothing else takes one.
    """
    found = []
    if frozen in ("audio", "video"):
        found.append(Need(name=f"model.frozen: {frozen}", always=True, ways=((str(frozen),),)))
    for entry in conditions if isinstance(conditions, Sequence) and not isinstance(conditions, str) else ():
        if not isinstance(entry, Mapping):
            continue
        path, arguments = str(entry.get("class_path", "")), entry.get("init_args")
        ways = _ways(path.removeprefix(_PACKAGE), arguments if isinstance(arguments, Mapping) else {})
        if ways:
            always = not isinstance(arguments, Mapping) or arguments.get("probability", 1) == 1
            found.append(Need(name=path.rpartition(".")[2], always=always, ways=ways))
    others = [need for need in found if need.name not in _STILLS]
    takes_video = stills_of_video or any("video" in way for need in others for way in need.ways)
    return tuple(found) if takes_video else tuple(_of_pictures(need) for need in found)


def keys_of(needs: Sequence[Need]) -> tuple[str, ...]:
    """The keys that any condition takes, in the order of `MEDIA_KEYS`."""
    used = {key for need in needs for way in need.ways for key in way}
    return tuple(key for key in MEDIA_KEYS if key in used)


def is_required(key: str, needs: Sequence[Need]) -> bool:
    """Whether no sample is possible without it."""
    return any(need.always and all(key in way for way in need.ways) for need in needs)


def require_media(needs: Sequence[Need], given: Collection[str]) -> None:
    """Check that nothing is missing and nothing too much, in the words of `sample`.

    Args:
        needs: Those of the recipe.
        given: Keys with a file.

    Raises:
        ValueError: Naming what is missing, or what no condition takes.
    """
    files = set(given)
    if unused := sorted(files - set(keys_of(needs))):
        raise ValueError(
            f"{MEDIA_KEYS[unused[0]].label}: no condition of this run's recipe takes it. Take the file out."
        )
    if "reference_video" in files and any(("reference_audio",) in need.ways for need in needs):
        files.add("reference_audio")  # its own track, as in training
    for need in needs:
        if need.always and not any(set(way) <= files for way in need.ways):
            ways = " or ".join(" and ".join(f"“{MEDIA_KEYS[key].label}”" for key in way) for way in need.ways)
            raise ValueError(f"{ways} is missing: {need.name} of the recipe always applies. Choose or upload a file.")


def _of_pictures(need: Need) -> Need:
    """A need whose stills are pictures, never frames of a video."""
    return replace(need, ways=tuple(way for way in need.ways if way != ("video",))) if need.name in _STILLS else need


def _ways(name: str, arguments: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """The groups of media that a condition takes; none of a class that is not ours."""
    modality = "audio" if arguments.get("modality") == "audio" else "video"
    if name == "FirstFrame":
        return (("image",), ("video",))
    if name == "Keyframes":
        frames = arguments.get("frames") or (0, -1)
        return (*((key,) for frame, key in ((0, "image"), (-1, "last_image")) if frame in frames), ("video",))
    if name == "Mask":
        return ((modality, f"{modality}_mask"),)
    if name == "Reference":
        return ((f"reference_{modality}",),)
    return ((modality,),) if name in ("Prefix", "Suffix", "SpatialCrop") else ()
