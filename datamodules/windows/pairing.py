"""Whether a reference or mask fits its clip: it shows the same picture, and lasts as long as the window.

What does not fit is a problem that stops the recipe, since a clip left out in silence would be missed by nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datamodules.geometry import Bucket, LatentSpec
from datamodules.manifest.clip import MediaError, Spans, media_kind
from datamodules.media.probe import MediaInfo
from datamodules.windows.clip_windows import ClipWindow

MaskWhite = Literal["regenerate", "keep"]

ASPECT_TOLERANCE = 0.02
"""By how much the aspect ratios of a clip and its reference or mask may differ."""
ROUNDING_SECONDS = 0.05
"""By how much a sound may be shorter than the picture that it goes with."""


@dataclass(frozen=True, kw_only=True)
class PairingSettings:
    """What a recipe says about references and masks."""

    signals: tuple[str, ...] | None = None
    """Kinds of references to train on; None is all there are."""
    mask_white: MaskWhite = "regenerate"
    """What is white in a mask, or loud."""
    reference_downscale_factor: int = 1
    """How much smaller each side of a reference is than its clip's."""
    reference_temporal_factor: int = 1
    """Which frames of a reference are taken: 0, 1, and every n-th from there."""

    @property
    def white_is_given(self) -> bool:
        """Whether white is what is kept."""
        return self.mask_white == "keep"

    def reference_bucket(self, bucket: Bucket, key: str) -> Bucket:
        """The shape of the latents of a reference for a bucket, in pixels and frames.

        Args:
            bucket: Shape of the clip.
            key: The recipe's key of the bucket, for the error.

        Raises:
            ValueError: If a factor does not divide the bucket.
        """
        spatial, temporal = self.reference_downscale_factor, self.reference_temporal_factor
        stride = LatentSpec().pixel_stride * spatial
        for name, side in (("width", bucket.width), ("height", bucket.height)):
            if side % stride:
                raise ValueError(
                    f"`{key}` is {bucket}, but with `data.reference_downscale_factor: {spatial}` its {name} must be a "
                    f"multiple of 32 * {spatial} = {stride}: use {max(side - side % stride, stride)} or "
                    f"{side - side % stride + stride}, or another factor."
                )
        steps, rest = divmod(bucket.frames - 1, temporal)
        if rest or steps % LatentSpec().frame_stride:
            fitting = LatentSpec().frame_stride * temporal
            lower = max((bucket.frames - 1) // fitting * fitting, fitting) + 1
            raise ValueError(
                f"`{key}` is {bucket}, but with `data.reference_temporal_factor: {temporal}` its frames must be "
                f"{fitting}k + 1, so that its reference has 8k + 1: use {lower} or {lower + fitting}, or another "
                "factor."
            )
        return Bucket(width=bucket.width // spatial, height=bucket.height // spatial, frames=steps + 1)


class FileCheck:
    """Looks at references and masks, and collects what is wrong with them.

    Args:
        look: What is inside a file, remembered.
        fps: Frames per second of training.
    """

    def __init__(self, look: Callable[[Path], MediaInfo], fps: float) -> None:
        self.look = look
        self.fps = fps
        self.problems: list[str] = []

    def picture(self, path: Path, role: str, window: ClipWindow) -> bool:
        """Whether a reference or mask of the picture fits."""
        info = self._info(path, role, window)
        if info is None:
            return False
        clip = self.look(window.clip.media)
        ratio = (info.width / info.height) / (clip.width / clip.height)
        if max(ratio, 1 / ratio) > 1 + ASPECT_TOLERANCE:
            self._add(
                f"{path} is {info.width}x{info.height}, but {window.clip.label}, of which it is the {role}, is "
                f"{clip.width}x{clip.height}: their aspect ratios may differ by 2 %, since both are cropped alike; "
                "make it from the clip's whole picture."
            )
            return False
        needed = round(window.start * self.fps) + window.bucket.frames
        available = needed if media_kind(path) == "image" else info.frames_at(self.fps)
        if available < needed:
            self._add(
                f"{path} has {available} frames at {self.fps:g} fps, but it is the {role} of {window.original}, which "
                f"ends with frame {needed}: use one as long as its clip."
            )
        return available >= needed

    def sound(self, path: Path, role: str, window: ClipWindow) -> bool:
        """Whether a reference or mask of the sound fits."""
        info = self._info(path, role, window)
        if info is None:
            return False
        end = window.start + window.bucket.duration(self.fps)
        if not info.has_audio:
            self._add(f"{path} has no sound, but it is the {role} of {window.clip.label}: use another file.")
            return False
        if info.sound_duration + ROUNDING_SECONDS < end:
            self._add(
                f"{path} lasts {info.sound_duration:.2f} s, but it is the {role} of {window.original}, which ends at "
                f"{end:.2f} s: use one as long as its clip."
            )
            return False
        return True

    def spans(self, spans: Spans, window: ClipWindow) -> bool:
        """Whether a mask of the sound given in seconds lies within it."""
        clip = window.clip
        file = clip.audio or clip.media
        info, end = self._info(file, "sound", window), max(end for _, end in spans)
        if info is None:
            return False
        lasts = info.sound_duration
        if end > lasts + ROUNDING_SECONDS:
            self._add(
                f"`audio_mask` of {clip.label} ends at {end:g} s, but its sound lasts {lasts:.2f} s: correct the"
                " seconds in the manifest."
            )
            return False
        return True

    def _info(self, path: Path, role: str, window: ClipWindow) -> MediaInfo | None:
        try:
            return self.look(path)
        except (OSError, MediaError) as error:
            reason = "does not exist" if isinstance(error, FileNotFoundError) else getattr(error, "reason", str(error))
            self._add(f"{path} {reason}, but it is the {role} of {window.clip.label}: replace it.")
            return None

    def _add(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)
