"""What decides the content of a cache entry, written out as fields: equal fields, equal key, and never otherwise.

A field that changes gives another key, so an entry made from other media, another window, another component or another
caption can never be read by mistake, and what did not change is not encoded again.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import ClassVar, Literal

from datamodules.geometry import Bucket

CACHE_FORMAT = 1
"""Raised whenever the layout or the meaning of an entry changes."""

RESIZE_RULE = "cover-centre-crop"
"""Name of what decoding does to fit a frame to its bucket; renamed when that changes."""

Role = Literal["target", "reference", "mask"]


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Base of the fingerprints; every field of a subclass enters the key."""

    kind: ClassVar[str]
    cache_format: int = CACHE_FORMAT
    """Layout of the entry."""

    @property
    def key(self) -> str:
        """Name of the entry: its kind and 160 bits of the fields' SHA-256."""
        values = dataclasses.asdict(self)
        if "bucket" in values and not values["bucket"]["seconds"]:
            del values["bucket"]["seconds"]  # which pictures do not have, and entries of old did not
        if not values.get("mirrored"):
            values.pop("mirrored", None)  # as in entries of old
        fields = json.dumps(values, sort_keys=True)
        return f"{self.kind}-{hashlib.sha256(fields.encode()).hexdigest()[:40]}"


@dataclass(frozen=True, kw_only=True)
class VideoFingerprint(Fingerprint):
    """Decides one window's video latents."""

    kind: ClassVar[str] = "video"
    media_hash: str
    """Hash of the file's bytes."""
    start: float
    """Seconds from the first frame."""
    bucket: Bucket
    """Shape that the frames are cut to."""
    fps: float
    """Frames per second after resampling."""
    component: str
    """Fingerprint of the video VAE."""
    role: Role = "target"
    """What the latents are for; a mask is resized otherwise than a target."""
    resize_rule: str = RESIZE_RULE
    """How a frame is fitted to the bucket."""
    mirrored: bool = False
    """Whether left and right are exchanged."""


@dataclass(frozen=True, kw_only=True)
class AudioFingerprint(Fingerprint):
    """Decides one window's audio latents; the picture's size plays no part, so a new size keeps them."""

    kind: ClassVar[str] = "audio"
    media_hash: str
    """Hash of the video's bytes, whose first timestamp the sound is aligned to."""
    audio_hash: str
    """Hash of the bytes that the sound is read from; the video's own when it holds the track."""
    start: float
    """Seconds from the first frame."""
    frames: int
    """Frames whose duration the sound covers."""
    fps: float
    """Frames per second after resampling."""
    component: str
    """Fingerprint of the audio VAE."""
    role: Role = "target"
    """What the latents are for."""
    mirrored: bool = False
    """Whether left and right are exchanged."""


@dataclass(frozen=True, kw_only=True)
class TextFingerprint(Fingerprint):
    """Decides one caption's video and audio context."""

    kind: ClassVar[str] = "text"
    caption: str
    """Final caption, trigger included."""
    gemma: str
    """Fingerprint of the text encoder."""
    connectors: str
    """Fingerprints of the text projection and of the connectors."""
    text_window: int
    """Tokens."""


@dataclass(frozen=True, kw_only=True)
class HiddenFingerprint(Fingerprint):
    """Decides Gemma's hidden states of one caption, which wait on disk until the connectors are loaded."""

    kind: ClassVar[str] = "hidden"
    caption: str
    """Final caption, trigger included."""
    gemma: str
    """Fingerprint of the text encoder."""
    text_window: int
    """Tokens."""
