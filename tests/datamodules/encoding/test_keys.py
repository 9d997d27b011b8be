"""Keys of cache entries: they stay what they were for what was there before, and change with all that decides them."""

import dataclasses

import pytest

from datamodules.encoding.fingerprint import AudioFingerprint, TextFingerprint, VideoFingerprint
from datamodules.encoding.given_fingerprints import (
    AudioMaskFingerprint,
    KeyframeFingerprint,
    ReferenceFingerprint,
    SoundFingerprint,
    VideoMaskFingerprint,
)
from datamodules.geometry import Bucket

BUCKET = Bucket(width=64, height=96, frames=9)
HASH, OTHER = "ab" * 32, "cd" * 32

NEW = [
    ReferenceFingerprint(
        media_hash=HASH,
        start=1.25,
        bucket=BUCKET,
        fps=24.0,
        downscale_factor=1,
        temporal_factor=1,
        component="vae",
    ),
    KeyframeFingerprint(
        media_hash=HASH,
        start=1.25,
        frame=0,
        width=64,
        height=96,
        fps=24.0,
        recompress=None,
        component="vae",
    ),
    SoundFingerprint(media_hash=HASH, audio_hash=OTHER, start=1.25, duration=4.0, component="vae"),
    VideoMaskFingerprint(media_hash=HASH, start=1.25, bucket=BUCKET, fps=24.0, white_is_given=False),
    AudioMaskFingerprint(media_hash=HASH, spans=(), start=1.25, duration=4.0, loud_is_given=False),
]
CHANGES = {
    "media_hash": "ef" * 32,
    "audio_hash": "ef" * 32,
    "start": 1.5,
    "bucket": Bucket(width=64, height=96, frames=17),
    "fps": 25.0,
    "downscale_factor": 2,
    "temporal_factor": 2,
    "component": "another",
    "frame": 8,
    "width": 96,
    "height": 64,
    "recompress": 33,
    "duration": 2.0,
    "white_is_given": True,
    "loud_is_given": True,
    "spans": ((0.5, 1.0),),
    "mirrored": True,
    "role": "another",
    "resize_rule": "another",
    "mask_rule": "another",
    "cache_format": 2,
}


def test_the_keys_of_plain_targets_and_texts_are_those_of_old_caches():
    # as they were before buckets of sound, references and masks
    video = VideoFingerprint(media_hash=HASH, start=1.25, bucket=BUCKET, fps=24.0, component="vae")
    audio = AudioFingerprint(media_hash=HASH, audio_hash=OTHER, start=1.25, frames=9, fps=24.0, component="vae")
    text = TextFingerprint(caption="a cat", gemma="g", connectors="c", text_window=128)
    assert video.key == "video-8120474b73afb92b26d7a13a198b4f8d2796cfbe"
    assert audio.key == "audio-8df36050b6c8f39af21450fadd6dd45fa782f7db"
    assert text.key == "text-11c5d15d4df6ece56361e3a9b9366f0f6a8fbebe"


@pytest.mark.parametrize("fingerprint", NEW, ids=lambda fingerprint: type(fingerprint).__name__)
def test_every_field_decides_the_key(fingerprint):
    names = [field.name for field in dataclasses.fields(fingerprint)]
    keys = {dataclasses.replace(fingerprint, **{name: CHANGES[name]}).key for name in names}
    assert len(keys | {fingerprint.key}) == len(names) + 1


def test_a_reference_is_no_target():
    target = VideoFingerprint(media_hash=HASH, start=1.25, bucket=BUCKET, fps=24.0, component="vae")
    assert len({target.key, *(fingerprint.key for fingerprint in NEW)}) == len(NEW) + 1


def test_the_length_of_a_sound_decides_its_key():
    shared = {"media_hash": HASH, "start": 0.0, "fps": 24.0, "component": "vae"}
    keys = {VideoFingerprint(bucket=Bucket.parse(text), **shared).key for text in ("4s", "5s", "64x96x9")}
    assert len(keys) == 3
