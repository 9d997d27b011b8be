"""The cache entries of a window: its own latents, and those of what conditions take beside it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from datamodules.encoding.encoders import Encoders
from datamodules.encoding.entries import AudioEntry, AudioMaskEntry, MediaEntry, VideoEntry, VideoMaskEntry
from datamodules.encoding.fingerprint import VideoFingerprint
from datamodules.encoding.given_fingerprints import (
    AudioMaskFingerprint,
    KeyframeFingerprint,
    ReferenceFingerprint,
    SoundFingerprint,
    VideoMaskFingerprint,
)
from datamodules.geometry import Bucket
from datamodules.manifest.clip import Spans
from datamodules.media.index import MediaIndex
from datamodules.needs import Keyframe
from datamodules.windows.clip_windows import ClipWindow
from datamodules.windows.pairing import PairingSettings


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A stretch of media at the size of a bucket, of a clip's window or of a sample."""

    name: str
    """For messages."""
    start: float
    """Seconds from the first frame."""
    bucket: Bucket
    """Shape."""
    mirrored: bool = False
    """Whether left and right are exchanged."""

    @classmethod
    def of(cls, window: ClipWindow) -> "Stretch":
        """That of a window."""
        return cls(name=window.name, start=window.start, bucket=window.bucket, mirrored=window.mirrored)


@dataclass(frozen=True, kw_only=True)
class EntryPlan:
    """Collects entries; each method adds one and returns its key."""

    encoders: Encoders
    """Components that the entries depend on."""
    index: MediaIndex
    """Hashes of the files."""
    pairing: PairingSettings
    """What the recipe says about references and masks."""
    entries: dict[str, MediaEntry] = field(default_factory=dict)
    """All entries by key."""

    def window(self, window: ClipWindow) -> tuple[str | None, str | None]:
        """A window's own latents, of its picture and of its sound."""
        encoders, clip, bucket = self.encoders, window.clip, window.bucket
        video_key, audio_key = encoders.video_key(window), encoders.audio_key(window)
        if video_key is not None:
            self._add_video(video_key, window.name, clip.media, Stretch.of(window))
        if audio_key is not None:
            duration = bucket.duration(encoders.fps)
            self._add(
                AudioEntry(
                    key=audio_key,
                    name=window.name,
                    num_bytes=encoders.audio_bytes(duration),
                    path=clip.audio or clip.media,
                    start=window.start,
                    duration=duration,
                    mirrored=window.mirrored,
                )
            )
        return video_key, audio_key

    def video(self, path: Path, stretch: Stretch) -> str:
        """A stretch of a video or a still, as a target's would be encoded."""
        encoders = self.encoders
        key = VideoFingerprint(
            media_hash=self.index.hash(path),
            start=stretch.start,
            bucket=stretch.bucket,
            fps=encoders.fps,
            component=encoders.video_vae,
            mirrored=stretch.mirrored,
        ).key
        return self._add_video(key, f"{path.name}, video of {stretch.name}", path, stretch)

    def reference(self, path: Path, stretch: Stretch, key: str = "data.buckets") -> str:
        """A reference video or picture.

        Raises:
            ValueError: If a factor does not divide the bucket, which the recipe gives as `key`.
        """
        encoders, pairing = self.encoders, self.pairing
        encoded = pairing.reference_bucket(stretch.bucket, key)
        entry_key = ReferenceFingerprint(
            media_hash=self.index.hash(path),
            start=stretch.start,
            bucket=stretch.bucket,
            fps=encoders.fps,
            downscale_factor=pairing.reference_downscale_factor,
            temporal_factor=pairing.reference_temporal_factor,
            component=encoders.video_vae,
            mirrored=stretch.mirrored,
        ).key
        shown = Bucket(width=encoded.width, height=encoded.height, frames=stretch.bucket.frames)
        return self._add_video(
            entry_key,
            f"{path.name}, reference of {stretch.name}",
            path,
            replace(stretch, bucket=shown),
            encoded=encoded,
            temporal_factor=pairing.reference_temporal_factor,
        )

    def sound(self, path: Path, stretch: Stretch, *, is_reference: bool) -> str:
        """A stretch of sound as long as a bucket, filled up with silence."""
        encoders, duration = self.encoders, stretch.bucket.duration(self.encoders.fps)
        assert encoders.audio_vae is not None, "sound in a recipe without"
        digest = self.index.hash(path)
        key = SoundFingerprint(
            media_hash=digest,
            audio_hash=digest,
            start=stretch.start,
            duration=duration,
            component=encoders.audio_vae,
            role="reference" if is_reference else "target",
            mirrored=stretch.mirrored,
        ).key
        return self._add(
            AudioEntry(
                key=key,
                name=f"{path.name}, {'reference' if is_reference else 'sound'} of {stretch.name}",
                num_bytes=encoders.audio_bytes(duration),
                path=path,
                start=stretch.start,
                duration=duration,
                mirrored=stretch.mirrored,
            )
        )

    def keyframe(self, path: Path, stretch: Stretch, keyframe: Keyframe) -> str:
        """One frame of a stretch as a still.

        Raises:
            ValueError: If the stretch has no such frame.
        """
        encoders, bucket = self.encoders, stretch.bucket
        frame = keyframe.number_in(bucket)
        key = KeyframeFingerprint(
            media_hash=self.index.hash(path),
            start=stretch.start,
            frame=frame,
            width=bucket.width,
            height=bucket.height,
            fps=encoders.fps,
            recompress=keyframe.recompress,
            component=encoders.video_vae,
            mirrored=stretch.mirrored,
        ).key
        still = Bucket(width=bucket.width, height=bucket.height, frames=1)
        shown = replace(stretch, start=stretch.start + frame / encoders.fps, bucket=still)
        return self._add_video(key, f"frame {frame} of {stretch.name}", path, shown, recompress=keyframe.recompress)

    def video_mask(self, path: Path, stretch: Stretch) -> str:
        """The mask of a picture."""
        encoders = self.encoders
        key = VideoMaskFingerprint(
            media_hash=self.index.hash(path),
            start=stretch.start,
            bucket=stretch.bucket,
            fps=encoders.fps,
            white_is_given=self.pairing.white_is_given,
            mirrored=stretch.mirrored,
        ).key
        return self._add(
            VideoMaskEntry(
                key=key,
                name=f"{path.name}, mask of {stretch.name}",
                num_bytes=encoders.mask_bytes(encoders.latents.tokens(stretch.bucket)),
                path=path,
                start=stretch.start,
                bucket=stretch.bucket,
                fps=encoders.fps,
                white_is_given=self.pairing.white_is_given,
                mirrored=stretch.mirrored,
            )
        )

    def audio_mask(self, mask: Path | Spans, stretch: Stretch) -> str:
        """The mask of a sound."""
        duration = stretch.bucket.duration(self.encoders.fps)
        is_file = isinstance(mask, Path)
        key = AudioMaskFingerprint(
            media_hash=self.index.hash(mask) if isinstance(mask, Path) else "",
            spans=() if isinstance(mask, Path) else mask,
            start=stretch.start,
            duration=duration,
            loud_is_given=is_file and self.pairing.white_is_given,
        ).key
        return self._add(
            AudioMaskEntry(
                key=key,
                name=f"sound mask of {stretch.name}",
                num_bytes=self.encoders.mask_bytes(self.encoders.audio_latents.length(duration)),
                mask=mask,
                start=stretch.start,
                duration=duration,
                loud_is_given=is_file and self.pairing.white_is_given,
            )
        )

    def _add_video(
        self,
        key: str,
        name: str,
        path: Path,
        stretch: Stretch,
        *,
        encoded: Bucket | None = None,
        temporal_factor: int = 1,
        recompress: int | None = None,
    ) -> str:
        """Pictures of a stretch; `encoded` is the shape of their latents where frames are left out."""
        return self._add(
            VideoEntry(
                key=key,
                name=name,
                num_bytes=self.encoders.video_bytes(encoded or stretch.bucket),
                path=path,
                start=stretch.start,
                bucket=stretch.bucket,
                fps=self.encoders.fps,
                temporal_factor=temporal_factor,
                recompress=recompress,
                mirrored=stretch.mirrored,
            )
        )

    def _add(self, entry: MediaEntry) -> str:
        self.entries.setdefault(entry.key, entry)
        return entry.key
