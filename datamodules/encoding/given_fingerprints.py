"""What decides the cache entries of references, masks, stills of frames, and sound alone; see `Fingerprint`."""

from dataclasses import dataclass
from typing import ClassVar

from datamodules.encoding.fingerprint import RESIZE_RULE, Fingerprint, Role
from datamodules.encoding.latent_masks import MASK_RULE
from datamodules.geometry import Bucket
from datamodules.manifest.clip import Spans


@dataclass(frozen=True, kw_only=True)
class ReferenceFingerprint(Fingerprint):
    """Decides the latents of a window of a reference video."""

    kind: ClassVar[str] = "video"
    media_hash: str
    """Hash of the reference's bytes."""
    start: float
    """Seconds from the first frame."""
    bucket: Bucket
    """Shape of the clip that it is a reference for."""
    fps: float
    """Frames per second of the clip."""
    downscale_factor: int
    """How much smaller each side is than the clip's."""
    temporal_factor: int
    """Which frames are taken: 0, 1, and every n-th from there."""
    component: str
    """Fingerprint of the video VAE."""
    role: Role = "reference"
    """What the latents are for."""
    resize_rule: str = RESIZE_RULE
    """How a frame is fitted to the size."""
    mirrored: bool = False
    """Whether left and right are exchanged."""


@dataclass(frozen=True, kw_only=True)
class KeyframeFingerprint(Fingerprint):
    """Decides the latents of one frame of a window, encoded as a still."""

    kind: ClassVar[str] = "video"
    media_hash: str
    """Hash of the file's bytes."""
    start: float
    """Seconds from the first frame to the window."""
    frame: int
    """Frame of the window, counted from 0."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    fps: float
    """Frames per second."""
    recompress: int | None
    """CRF of the H.264 that the still went through; None if it did not."""
    component: str
    """Fingerprint of the video VAE."""
    role: str = "keyframe"
    """What the latents are for."""
    resize_rule: str = RESIZE_RULE
    """How the frame is fitted to the size."""
    mirrored: bool = False
    """Whether left and right are exchanged."""


@dataclass(frozen=True, kw_only=True)
class SoundFingerprint(Fingerprint):
    """Decides the latents of a stretch of sound whose length is counted in seconds."""

    kind: ClassVar[str] = "audio"
    media_hash: str
    """Hash of the file whose first timestamp the sound is aligned to."""
    audio_hash: str
    """Hash of the bytes that the sound is read from."""
    start: float
    """Seconds from the beginning."""
    duration: float
    """Seconds."""
    component: str
    """Fingerprint of the audio VAE."""
    role: Role = "target"
    """What the latents are for."""
    mirrored: bool = False
    """Whether left and right are exchanged."""


@dataclass(frozen=True, kw_only=True)
class VideoMaskFingerprint(Fingerprint):
    """Decides the mask of a window's picture."""

    kind: ClassVar[str] = "mask"
    media_hash: str
    """Hash of the mask's bytes."""
    start: float
    """Seconds from the first frame."""
    bucket: Bucket
    """Shape of the clip."""
    fps: float
    """Frames per second of the clip."""
    white_is_given: bool
    """What white means."""
    resize_rule: str = RESIZE_RULE
    """How a frame is fitted to the bucket."""
    mask_rule: str = MASK_RULE
    """How pixels become latents."""
    mirrored: bool = False
    """Whether left and right are exchanged."""


@dataclass(frozen=True, kw_only=True)
class AudioMaskFingerprint(Fingerprint):
    """Decides the mask of a window's sound."""

    kind: ClassVar[str] = "mask"
    media_hash: str
    """Hash of the mask's bytes; empty if it is written in seconds."""
    spans: Spans
    """Seconds of the clip that are made anew; empty if the mask is a file."""
    start: float
    """Seconds from the clip's beginning to the window."""
    duration: float
    """Seconds."""
    loud_is_given: bool
    """What a loud mask means; False if it is written in seconds."""
    mask_rule: str = MASK_RULE
    """How samples become latents."""
