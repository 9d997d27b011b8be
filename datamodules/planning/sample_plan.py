"""The media that samples are given: whether they can be used, and their cache entries.

Pictures are scaled to cover the sample's size and cropped; a video longer than the sample is cut to its beginning.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datamodules.encoding.encoders import Encoders
from datamodules.encoding.entries import MediaEntry
from datamodules.geometry import AudioLatentSpec, Bucket, nearest_frames
from datamodules.given_keys import GivenKeys
from datamodules.manifest.clip import Finding, MediaError
from datamodules.media.index import MediaIndex
from datamodules.media.probe import MediaInfo
from datamodules.needs import Keyframe, Needs
from datamodules.planning.entry_plan import EntryPlan, Stretch
from datamodules.sample_media import SampleMedia
from datamodules.windows.pairing import ASPECT_TOLERANCE, ROUNDING_SECONDS, PairingSettings

SampleWithMedia = tuple[SampleMedia, Bucket]
"""What a sample is given, and its size."""

SampleKey = tuple[tuple[tuple[str, Path], ...], Bucket]
"""A sample's files by name, and its size."""

_PICTURES = ("image", "last_image", "video", "video_mask", "reference_video")
_SOUNDS = ("audio", "audio_mask", "reference_audio")


@dataclass(frozen=True, kw_only=True)
class SamplePlan:
    """What samples are given."""

    keys: Mapping[SampleKey, GivenKeys] = field(default_factory=dict)
    """Entries of each sample with media."""
    entries: Mapping[str, MediaEntry] = field(default_factory=dict)
    """All entries by key."""
    findings: tuple[Finding, ...] = ()
    """What was noticed."""


def plan_samples(
    samples: Sequence[SampleWithMedia],
    needs: Needs,
    pairing: PairingSettings,
    encoders: Encoders,
    index: MediaIndex,
) -> SamplePlan:
    """Looks at the media of samples; encodes nothing.

    Args:
        samples: What each is given, and its size.
        needs: What the recipe's conditions take.
        pairing: What the recipe says about references and masks.
        encoders: Components that the entries depend on.
        index: Remembers hashes and probed properties.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file cannot be read, is too short, or is nothing for the sample.
    """
    plan = EntryPlan(encoders=encoders, index=index, pairing=pairing)
    findings: list[Finding] = []
    keys = {}
    for media, bucket in samples:
        if media.files:
            sample = _Sample(media=media, bucket=bucket, needs=needs, plan=plan, findings=findings)
            keys[sample_key(media, bucket)] = sample.keys()
    return SamplePlan(keys=keys, entries=plan.entries, findings=tuple(dict.fromkeys(findings)))


def sample_key(media: SampleMedia, bucket: Bucket) -> SampleKey:
    """What tells samples apart, whatever their prompts."""
    return tuple(media.files.items()), bucket


@dataclass(frozen=True, kw_only=True)
class _Sample:
    media: SampleMedia
    bucket: Bucket
    needs: Needs
    plan: EntryPlan
    findings: list[Finding]

    def keys(self) -> GivenKeys:
        """The entries of everything that is given."""
        media, stretch = self.media, Stretch(name="a sample", start=0.0, bucket=self.bucket)
        infos = {key: self._info(key, path) for key, path in media.files.items()}
        self._check_kinds(infos)
        video, reference = infos.get("video"), infos.get("reference_video")
        audio = reference_audio = audio_mask = None
        if media.audio is not None:
            audio = self.plan.sound(media.audio, self._heard(infos["audio"], stretch), is_reference=False)
        if media.reference_audio is not None:
            reference_audio = self._whole_sound("reference_audio", infos, stretch)
        elif self.needs.audio_reference and reference is not None and reference.has_audio:
            reference_audio = self._whole_sound("reference_video", infos, stretch)
        if media.audio_mask is not None:
            self._require_sound("audio_mask", infos)
            audio_mask = self.plan.audio_mask(media.audio_mask, stretch)
        seen = stretch if video is None else self._seen(video, stretch)
        return GivenKeys(
            video=None if media.video is None else self.plan.video(media.video, seen),
            audio=audio,
            video_reference=self._reference(infos, stretch),
            audio_reference=reference_audio,
            video_mask=self._video_mask(infos, stretch),
            audio_mask=audio_mask,
            keyframes=self._keyframes(seen),
        )

    def _info(self, key: str, path: Path) -> MediaInfo:
        if not path.is_file():
            raise FileNotFoundError(
                f"`{key}` of `sample.prompts` is {str(path)!r}, but there is no such file: correct the path, which is "
                "relative to the directory that the command runs in."
            )
        try:
            return self.plan.index.info(path)
        except MediaError as error:
            raise ValueError(f"`{key}` of `sample.prompts` is {str(path)!r}, which {error.reason}.") from error

    def _check_kinds(self, infos: Mapping[str, MediaInfo]) -> None:
        """Whether each file has what it is given for, and the sample can take it."""
        files = self.media.files
        for key, info in infos.items():
            is_picture = key in _PICTURES
            if is_picture and self.bucket.is_sound:
                raise ValueError(
                    f"`{key}` of `sample.prompts` is a picture, but {self.bucket} is sound alone: remove it."
                )
            if not is_picture and self.plan.encoders.audio_vae is None:
                raise ValueError(
                    f"`{key}` of `sample.prompts` is a sound, but `model.streams: video` has none: remove it."
                )
            if not (info.has_video if is_picture else info.has_audio):
                lacks = "picture" if is_picture else "sound"
                raise ValueError(f"`{key}` of `sample.prompts` is {str(files[key])!r}, which has no {lacks}.")
            if key in ("image", "last_image") and info.frames != 1:
                raise ValueError(
                    f"`{key}` of `sample.prompts` is {str(files[key])!r}, a video: give a still, or the "
                    "video as `video`."
                )
        for mask in ("video_mask", "audio_mask"):
            masked = mask.removesuffix("_mask")
            if mask in infos and masked not in infos:
                raise ValueError(f"`{mask}` of `sample.prompts` masks nothing: give `{masked}` too.")

    def _seen(self, info: MediaInfo, stretch: Stretch) -> Stretch:
        """The part of the video that is encoded: as long as the sample, or shorter where that will do."""
        available = info.frames_at(self.plan.encoders.fps)
        if info.frames == 1 or available >= self.bucket.frames or not self.needs.partial_video:
            self._require_frames("video", info)
            return stretch
        bucket = dataclasses.replace(self.bucket, frames=nearest_frames(available)[0])
        self._check_length("video", self.plan.encoders.latents.latent_frames(bucket.frames))
        return dataclasses.replace(stretch, bucket=bucket)

    def _heard(self, info: MediaInfo, stretch: Stretch) -> Stretch:
        """The part of the sound that is encoded."""
        duration = self.bucket.duration(self.plan.encoders.fps)
        if info.sound_duration + ROUNDING_SECONDS >= duration:
            return stretch
        rate = AudioLatentSpec().latents_per_second
        available = int(info.sound_duration * rate)
        self._check_length("audio", available)
        if self.needs.partial_audio:
            seconds = max(available, 1) / rate
            return dataclasses.replace(stretch, bucket=Bucket(width=0, height=0, frames=0, seconds=seconds))
        reason = f"lasts {info.sound_duration:.2f} s, and silence fills the sample's {duration:.2f} s"
        self.findings.append(Finding(name=str(self.media.audio), action="noted", reason=reason, fix=""))
        return stretch

    def _check_length(self, modality: str, latents: int) -> None:
        """Asks the recipe's conditions about a file that is shorter than the sample."""
        for check in self.needs.sample_checks:
            check(modality, latents)

    def _reference(self, infos: Mapping[str, MediaInfo], stretch: Stretch) -> str | None:
        if self.media.reference_video is None:
            return None
        self._require_frames("reference_video", infos["reference_video"])
        return self.plan.reference(self.media.reference_video, stretch, "sample.size")

    def _video_mask(self, infos: Mapping[str, MediaInfo], stretch: Stretch) -> str | None:
        if self.media.video_mask is None:
            return None
        mask, video = infos["video_mask"], infos["video"]
        self._require_frames("video_mask", mask)
        ratio = (mask.width / mask.height) / (video.width / video.height)
        if max(ratio, 1 / ratio) > 1 + ASPECT_TOLERANCE:
            raise ValueError(
                f"`video_mask` of `sample.prompts` is {mask.width}x{mask.height}, but `video` is {video.width}x"
                f"{video.height}: their aspect ratios may differ by 2 %, since both are cropped alike."
            )
        return self.plan.video_mask(self.media.video_mask, stretch)

    def _keyframes(self, seen: Stretch) -> tuple[tuple[int, str], ...]:
        """Stills: those given as such, and the others from the video."""
        media = self.media
        wanted = {keyframe.frame: keyframe for keyframe in self.needs.keyframes}
        whole = Stretch(name="a sample", start=0.0, bucket=self.bucket)
        stills = {}
        for frame, path in ((0, media.image), (-1, media.last_image)):
            if path is not None:
                recompress = wanted[frame].recompress if frame in wanted else None
                # A still shows the same at any time, so that one entry serves for every length.
                stills[frame] = self.plan.keyframe(path, whole, Keyframe(frame=0, recompress=recompress))
        if media.video is not None:
            for frame, keyframe in wanted.items():
                number = keyframe.number_in(self.bucket)
                if frame not in stills and number < seen.bucket.frames:
                    counted = dataclasses.replace(keyframe, frame=number)
                    stills[frame] = self.plan.keyframe(media.video, seen, counted)
        return tuple(stills.items())

    def _require_frames(self, key: str, info: MediaInfo) -> None:
        available = info.frames_at(self.plan.encoders.fps)
        if info.frames > 1 and available < self.bucket.frames:
            raise ValueError(
                f"`{key}` of `sample.prompts` is {str(self.media.files[key])!r}, which has {available} frames at "
                f"{self.plan.encoders.fps:g} fps, fewer than the {self.bucket.frames} of `sample.size` {self.bucket}: "
                "use a longer file, or a smaller size."
            )

    def _whole_sound(self, key: str, infos: Mapping[str, MediaInfo], stretch: Stretch) -> str:
        self._require_sound(key, infos)
        return self.plan.sound(self.media.files[key], stretch, is_reference=True)

    def _require_sound(self, key: str, infos: Mapping[str, MediaInfo]) -> None:
        duration = self.bucket.duration(self.plan.encoders.fps)
        if infos[key].sound_duration + ROUNDING_SECONDS < duration:
            raise ValueError(
                f"`{key}` of `sample.prompts` is {str(self.media.files[key])!r}, whose sound lasts "
                f"{infos[key].sound_duration:.2f} s, less than the sample's {duration:.2f} s: use a longer file, or a "
                "smaller `sample.size`."
            )
