"""Sound: there, loud enough but not clipped, and as long as the picture."""

from collections.abc import Iterator

from datamodules.doctor.diagnosis import Diagnosis
from datamodules.doctor.examination import Examination, ExaminedClip
from datamodules.doctor.sound import SoundFacts

MAJORITY = 0.5
"""Share of videos with sound from which on those without are told, where the recipe does not say."""
SILENT_SHARE = 0.98
"""Share of a sound without any level from which on it is silent."""
LOWEST_DB, HIGHEST_DB = -40.0, -6.0
"""Levels, dBFS, between which a sound is neither too low nor too high; speech lies at -30 to -15."""
CLIPPED_SHARE = 0.005
"""Share of samples in runs at full scale from which on clipping is heard; mastered music stays below."""
OFFSET_SECONDS = 0.1
"""Difference of the beginnings of sound and picture that is noticed."""
END_SECONDS = 0.25
"""Length of picture without sound at its end that is noticed."""


def check_sounds(examination: Examination) -> Iterator[Diagnosis]:
    """`audio-missing`, `audio-silent`, `audio-quiet`, `audio-loud`, `audio-clipped`, `audio-offset`, `audio-short`."""
    wanted = examination.wanted
    if wanted.streams_known and not wanted.trains_sound:
        return
    clips = [clip for clip in examination.readable if clip.is_video or clip.clip.kind == "sound"]
    heard = sum(clip.sound is not None for clip in clips)
    for clip in clips:
        if clip.sound is not None:
            yield from _check_level(clip, clip.sound)
            yield from _check_times(clip, clip.sound)
        elif wanted.trains_sound or heard > MAJORITY * len(clips):
            because = "the recipe trains sound" if wanted.trains_sound else f"{heard} of {len(clips)} clips have it"
            yield Diagnosis(
                code="audio-missing",
                severity="problem" if wanted.needs.requires_sound else "warning",
                name=clip.name,
                message=f"has no sound, and {because}",
                fix="put its sound beside it as .wav, or leave the clip out",
            )


def _check_level(clip: ExaminedClip, sound: SoundFacts) -> Iterator[Diagnosis]:
    if sound.silent_share >= SILENT_SHARE:
        yield Diagnosis(
            code="audio-silent",
            severity="warning",
            name=clip.name,
            message=f"its sound is silent for {sound.silent_share:.0%} of its {sound.seconds:.2f} s",
            fix="remove the track, so that the clip trains the picture alone; as it is, it teaches silence",
            can_fix=clip.audio is None and clip.is_video,
        )
    elif sound.clipped_share >= CLIPPED_SHARE:
        yield Diagnosis(
            code="audio-clipped",
            severity="warning",
            name=clip.name,
            message=f"{sound.clipped_share:.1%} of its samples are clipped at full scale",
            fix="use a recording with a lower level: turning it down now does not undo the distortion",
        )
    elif sound.loudness_db > HIGHEST_DB:
        yield Diagnosis(
            code="audio-loud",
            severity="warning",
            name=clip.name,
            message=f"its level is {sound.loudness_db:.0f} dBFS, above {HIGHEST_DB:g}",
            fix="turn it down to about -20 dBFS",
        )
    elif sound.loudness_db < LOWEST_DB:
        yield Diagnosis(
            code="audio-quiet",
            severity="warning",
            name=clip.name,
            message=f"its level is {sound.loudness_db:.0f} dBFS, below {LOWEST_DB:g}",
            fix="turn it up to about -20 dBFS",
        )


def _check_times(clip: ExaminedClip, sound: SoundFacts) -> Iterator[Diagnosis]:
    if not clip.is_video or clip.info is None:
        return
    if abs(sound.begin) > OFFSET_SECONDS:
        when = "after" if sound.begin > 0 else "before"
        yield Diagnosis(
            code="audio-offset",
            severity="warning",
            name=clip.name,
            message=f"its sound begins {abs(sound.begin):.2f} s {when} its picture",
            fix="check that lips and sounds are in step, and export it with both from the same moment",
        )
    lacking = clip.info.duration - (sound.begin + sound.seconds)
    if lacking > END_SECONDS:
        yield Diagnosis(
            code="audio-short",
            severity="warning",
            name=clip.name,
            message=f"its sound ends {lacking:.2f} s before its picture, which lasts {clip.info.duration:.2f} s",
            fix="trim the picture, or lengthen the sound: the rest is trained as silence",
        )
