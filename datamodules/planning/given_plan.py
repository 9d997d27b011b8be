"""What conditions take beside each clip: which references and masks there are, whether they fit, and their entries.

A clip with several references gives one item of training for each signal. What is missing or does not fit is collected
and stops the recipe, all of it in one message.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from datamodules.given_keys import GivenKeys
from datamodules.manifest.clip import Clip
from datamodules.needs import Needs
from datamodules.planning.entry_plan import EntryPlan, Stretch
from datamodules.windows.clip_windows import ClipWindow
from datamodules.windows.pairing import FileCheck

_NAMES_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class PairingCount:
    """How many clips have something that a recipe takes."""

    what: str
    """Such as `references canny`."""
    clips: int
    """Clips that have it."""
    of: int
    """All clips."""

    def __str__(self) -> str:
        return f"{self.what}: {self.clips} of {self.of} clips"


class GivenPlan:
    """Plans what is given of each window.

    Args:
        needs: What the recipe's conditions take.
        entries: Where the entries are collected.
    """

    def __init__(self, needs: Needs, entries: EntryPlan) -> None:
        self.needs = needs
        self.entries = entries
        self.check = FileCheck(entries.index.info, entries.encoders.fps)
        self._clips: dict[str, None] = {}
        self._having: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._lacking: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def items(self, window: ClipWindow) -> list[tuple[str, GivenKeys]]:
        """The items of a window: a signal and what is given with it.

        Returns:
            One for each reference, or one with an empty signal where no reference is taken; none if something is
            missing or does not fit.

        Raises:
            ValueError: If a factor does not divide the bucket, or a keyframe is not in it.
        """
        self._clips[window.clip.label] = None
        shared = self._shared(window)
        if shared is None:
            return []
        if not self._takes_references(window):
            return [("", shared)]
        found = []
        for signal in self._signals(window):
            keys = self._with_references(window, signal, shared)
            if keys is not None:
                what = "references" if self.needs.video_reference else "reference sounds"
                self._count(f"{what} {signal}".strip(), window.clip, present=True)
                found.append((signal, keys))
        return found

    @property
    def problems(self) -> list[str]:
        """What is missing or does not fit."""
        return [*(_missing(what, list(names)) for what, names in self._lacking.items()), *self.check.problems]

    @property
    def counts(self) -> tuple[PairingCount, ...]:
        """How many of the clips have what is taken."""
        return tuple(
            PairingCount(what=what, clips=len(names), of=len(self._clips)) for what, names in self._having.items()
        )

    def _shared(self, window: ClipWindow) -> GivenKeys | None:
        """What does not depend on the signal: masks and keyframes."""
        clip, bucket, stretch = window.clip, window.bucket, Stretch.of(window)
        video_mask = audio_mask = None
        if self.needs.video_mask and not bucket.is_sound:
            self._count("masks of the picture", clip, present=clip.video_mask is not None)
            if clip.video_mask is None or not self.check.picture(clip.video_mask, "mask", window):
                return None
            video_mask = self.entries.video_mask(clip.video_mask, stretch)
        if self.needs.audio_mask and window.has_audio:
            self._count("masks of the sound", clip, present=clip.audio_mask is not None)
            if clip.audio_mask is None:
                return None
            mask = clip.audio_mask
            fits = self.check.sound(mask, "mask", window) if isinstance(mask, Path) else self.check.spans(mask, window)
            if not fits:
                return None
            audio_mask = self.entries.audio_mask(clip.audio_mask, stretch)
        keyframes = () if bucket.is_sound else dict.fromkeys(self.needs.keyframes)
        stills = tuple((still.frame, self.entries.keyframe(clip.media, stretch, still)) for still in keyframes)
        return GivenKeys(video_mask=video_mask, audio_mask=audio_mask, keyframes=stills)

    def _takes_references(self, window: ClipWindow) -> bool:
        video = self.needs.video_reference and not window.bucket.is_sound
        return video or (self.needs.audio_reference and window.has_audio)

    def _signals(self, window: ClipWindow) -> Iterator[str]:
        """The signals of a clip that the recipe trains on."""
        clip = window.clip
        available = clip.references
        if not self.needs.video_reference or window.bucket.is_sound:
            available = clip.reference_audio or clip.references
        wanted = self.entries.pairing.signals
        chosen = [signal for signal in available if wanted is None or signal in wanted]
        if not chosen:
            what = "references" + (f" of the signals {', '.join(wanted)}" if wanted else "")
            if wanted and available:
                what += f" (they have {', '.join(available)}: see `data.signals`)"
            self._count(what, clip, present=False)
        yield from chosen

    def _with_references(self, window: ClipWindow, signal: str, shared: GivenKeys) -> GivenKeys | None:
        """What is given with one signal; None if it does not fit."""
        clip, stretch = window.clip, Stretch.of(window)
        role = f"reference {signal}".strip()
        video = audio = None
        if self.needs.video_reference and not window.bucket.is_sound:
            if not self.check.picture(clip.references[signal], role, window):
                return None
            video = self.entries.reference(clip.references[signal], stretch)
        if self.needs.audio_reference and window.has_audio:
            sound = clip.reference_audio.get(signal) or clip.reference_audio.get("") or clip.references.get(signal)
            if sound is None:
                self._count("reference sounds", clip, present=False)
                return None
            if not self.check.sound(sound, "reference sound", window):
                return None
            audio = self.entries.sound(sound, stretch, is_reference=True)
        return GivenKeys(
            video_reference=video,
            audio_reference=audio,
            video_mask=shared.video_mask,
            audio_mask=shared.audio_mask,
            keyframes=shared.keyframes,
        )

    def _count(self, what: str, clip: Clip, *, present: bool) -> None:
        (self._having if present else self._lacking)[what][clip.label] = None


def _missing(what: str, names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    kind = "masks" if what.startswith("mask") else "references"
    return (
        f"{len(names)} clips have no {what}, which `model.conditions` take: {shown}{more}. Put a file of the same path "
        f"and stem into the dataset's folder `{kind}/` (or name it in the manifest), or remove the clips."
    )
