"""What a recipe takes from its dataset beside clips and captions: references, masks, stills of some frames, sound."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from datamodules.geometry import Bucket

Streams = Literal["av", "video", "audio"]


@dataclass(frozen=True, kw_only=True)
class Keyframe:
    """A frame of the window that is given as a still."""

    frame: int
    """Pixel frame of the window, as the recipe names it; -1 is the last."""
    recompress: int | None = None
    """CRF of the H.264 that the still went through, as inference does it; None leaves it as it is."""

    def number_in(self, bucket: Bucket) -> int:
        """The frame's number in a bucket, counted from the first.

        Raises:
            ValueError: If the bucket has no such frame.
        """
        number = self.frame if self.frame >= 0 else bucket.frames + self.frame
        if not 0 <= number < bucket.frames:
            raise ValueError(
                f"`model.conditions` give frame {self.frame}, but {bucket} has frames 0 to {bucket.frames - 1}: "
                "use one of them, or a longer bucket in `data.buckets`."
            )
        return number


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a recipe's conditions take beside clips and captions."""

    streams: Streams = "av"
    """What is trained or given: picture and sound, the picture alone, or sound alone."""
    requires_sound: bool = False
    """Whether clips without sound are left out."""
    video_reference: bool = False
    """Whether each clip needs a reference video (or picture)."""
    audio_reference: bool = False
    """Whether each clip needs a reference sound."""
    video_mask: bool = False
    """Whether each clip needs a mask of its picture."""
    audio_mask: bool = False
    """Whether each clip needs a mask of its sound."""
    keyframes: tuple[Keyframe, ...] = ()
    """Frames that are given as stills."""
    partial_video: bool = False
    """Whether a sample's video may be shorter than the sample, as where it is continued."""
    partial_audio: bool = False
    """Whether a sample's sound may be shorter than the sample; else silence follows it."""
    checks: tuple[Callable[[Bucket, float], None], ...] = ()
    """Raise a ValueError if a bucket at a frame rate is nothing for the recipe's conditions."""
    sample_checks: tuple[Callable[[str, int], None], ...] = ()
    """Raise a ValueError if a sample's `video` or `audio` that is shorter than the sample has too few latents."""

    def __post_init__(self) -> None:
        """Check that no frame is wanted in two ways."""
        frames = [keyframe.frame for keyframe in set(self.keyframes)]
        twice = next((frame for frame in frames if frames.count(frame) > 1), None)
        if twice is not None:
            raise ValueError(
                f"`model.conditions` give frame {twice} in two ways, with different `recompress`: use the same in both."
            )

    def check(self, bucket: Bucket, fps: float) -> None:
        """Asks all `checks` about a bucket that is used.

        Raises:
            ValueError: If a condition cannot be met in it, such as a prefix that is longer than the clip.
        """
        for check in self.checks:
            check(bucket, fps)
