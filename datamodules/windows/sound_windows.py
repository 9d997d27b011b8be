"""Windows of sound alone: of sound files and of the tracks of videos, in lengths of seconds such as `4s`.

A clip takes the longest length that fits. Windows begin at multiples of an audio latent, 1/25 s;
`datamodules.windows.clip_windows` tells which windows a rule takes.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from datamodules.geometry import AudioLatentSpec, Bucket
from datamodules.manifest.clip import Clip, Finding
from datamodules.media.probe import MediaInfo
from datamodules.windows.clip_windows import ClipWindow, WindowRule, window_starts

_ROUNDING_SECONDS = 0.02  # by which encoders of sound miss a length
_SHORTEST_SUGGESTED = 0.2


def plan_sound_windows(
    clips: Sequence[Clip],
    infos: Sequence[MediaInfo],
    buckets: Sequence[Bucket],
    *,
    hashes: Mapping[Path, str],
    windows: WindowRule = "head",
    max_windows: int = 4,
) -> tuple[tuple[ClipWindow, ...], tuple[Finding, ...]]:
    """Cut the sound of clips into windows.

    Args:
        clips: The clips to use.
        infos: What is in each clip, from `clip_info`.
        buckets: The recipe's lengths.
        hashes: Content hash of each file of the clips, by path.
        windows: How many windows a clip longer than its bucket gives.
        max_windows: Windows per clip at most, for `uniform`.

    Returns:
        The windows in the order of the clips, and what there is to say about the clips.
    """
    planned: list[ClipWindow] = []
    findings: list[Finding] = []
    for clip, info in zip(clips, infos, strict=True):
        if not info.has_audio:
            reason = "is a still" if clip.kind == "image" else "has no sound"
            reason += ", and `model.streams: audio` trains sound alone"
            findings.append(Finding(name=clip.name, action="dropped", reason=reason, fix="remove it"))
            continue
        if clip.audio is not None:
            findings.append(
                Finding(name=clip.name, action="noted", reason=f"its sound is that of {clip.audio.name}", fix="")
            )
        duration = info.sound_duration + _ROUNDING_SECONDS
        bucket = max((bucket for bucket in buckets if bucket.seconds <= duration), default=None)
        if bucket is None:
            findings.append(_too_short(clip, info, buckets))
            continue
        rate = AudioLatentSpec().latents_per_second
        length = math.ceil(bucket.seconds * rate)
        available = max(math.floor(duration * rate), length)
        planned += [
            ClipWindow(
                clip=clip,
                bucket=bucket,
                start=start / rate,
                has_audio=True,
                media_hash=hashes[clip.media],
                audio_hash=hashes[clip.audio] if clip.audio else None,
            )
            for start in window_starts(available, length, windows, max_windows)
        ]
    return tuple(planned), tuple(findings)


def _too_short(clip: Clip, info: MediaInfo, buckets: Sequence[Bucket]) -> Finding:
    shortest = min(bucket.seconds for bucket in buckets)
    reason = f"has {info.sound_duration:.2f} s of sound, less than the {shortest:g} s of the shortest bucket"
    suggested = math.floor(info.sound_duration * 10) / 10
    fix = f"add {suggested:g}s to `data.buckets`" if suggested >= _SHORTEST_SUGGESTED else "use a longer clip"
    return Finding(name=clip.name, action="dropped", reason=reason, fix=fix)
