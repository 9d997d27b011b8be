"""The components that turn media and captions into cache entries: their fingerprints and the sizes they give."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from datamodules.encoding.fingerprint import AudioFingerprint, TextFingerprint, VideoFingerprint
from datamodules.encoding.given_fingerprints import SoundFingerprint
from datamodules.geometry import AudioLatentSpec, Bucket, LatentSpec
from datamodules.windows.clip_windows import ClipWindow
from ltx_module.checkpoint import Checkpoint

_BFLOAT16_BYTES = 2
_FLOAT32_BYTES = 4
_TYPICAL_TOKENS = 256
_HEADER_BYTES = 512


@dataclass(frozen=True, kw_only=True)
class Encoders:
    """Fingerprints and sizes of one base model and one text encoder, known without reading weights."""

    video_vae: str
    """Fingerprint of the video VAE."""
    audio_vae: str | None
    """Fingerprint of the audio VAE; None in a recipe without sound."""
    connectors: str
    """Fingerprint of the text projection and the connectors."""
    gemma: str
    """Fingerprint of the text encoder."""
    text_window: int
    """Tokens."""
    fps: float
    """Frames per second that clips are resampled to."""
    latents: LatentSpec
    """Sizes of video latents."""
    audio_latents: AudioLatentSpec
    """Sizes of audio latents."""
    context_widths: tuple[int, int]
    """Widths of the video and the audio context."""
    text_states: tuple[int, int]
    """Number and width of Gemma's states."""

    @classmethod
    def of(cls, checkpoint: Checkpoint, text_encoder: Path, *, with_audio: bool, text_window: int, fps: float) -> Self:
        """Reads what is needed from the headers.

        Raises:
            CheckpointError: If a file is not what it should be or lacks a component.
            ValueError: If the text window is not a multiple of 128.
        """
        from ltx_module.checkpoint.gemma import check_gemma_directory
        from ltx_module.checkpoint.text import check_text_window

        check_text_window(text_window)
        channels, mel_bins = checkpoint.audio_latent
        connectors = checkpoint.fingerprint("text_connectors")
        return cls(
            video_vae=checkpoint.fingerprint("video_vae"),
            audio_vae=checkpoint.fingerprint("audio_vae") if with_audio else None,
            connectors=connectors,
            gemma=check_gemma_directory(text_encoder, checkpoint.text_states),
            text_window=text_window,
            fps=fps,
            latents=LatentSpec(channels=checkpoint.latent_channels),
            audio_latents=AudioLatentSpec(channels=channels, mel_bins=mel_bins),
            context_widths=checkpoint.context_widths,
            text_states=checkpoint.text_states or (0, 0),
        )

    def video_key(self, window: ClipWindow) -> str | None:
        """Entry of a window's video latents; None for sound alone."""
        if window.bucket.is_sound:
            return None
        return VideoFingerprint(
            media_hash=window.media_hash,
            start=window.start,
            bucket=window.bucket,
            fps=self.fps,
            component=self.video_vae,
            mirrored=window.mirrored,
        ).key

    def audio_key(self, window: ClipWindow) -> str | None:
        """Entry of a window's audio latents; None without sound in the clip or in the recipe."""
        if self.audio_vae is None or not window.has_audio or window.bucket.is_still:
            return None
        if window.bucket.is_sound:
            return SoundFingerprint(
                media_hash=window.media_hash,
                audio_hash=window.audio_hash or window.media_hash,
                start=window.start,
                duration=window.bucket.seconds,
                component=self.audio_vae,
                mirrored=window.mirrored,
            ).key
        return AudioFingerprint(
            media_hash=window.media_hash,
            audio_hash=window.audio_hash or window.media_hash,
            start=window.start,
            frames=window.bucket.frames,
            fps=self.fps,
            component=self.audio_vae,
            mirrored=window.mirrored,
        ).key

    def text_key(self, caption: str) -> str:
        """Entry of a final caption's contexts."""
        return TextFingerprint(
            caption=caption, gemma=self.gemma, connectors=self.connectors, text_window=self.text_window
        ).key

    def video_bytes(self, bucket: Bucket) -> int:
        """Size of an entry of video latents."""
        return self.latents.channels * self.latents.tokens(bucket) * _BFLOAT16_BYTES + _HEADER_BYTES

    def audio_bytes(self, duration: float) -> int:
        """Size of an entry of audio latents of `duration` seconds."""
        channels, length, mel_bins = self.audio_latents.shape(duration)
        return channels * length * mel_bins * _FLOAT32_BYTES + _HEADER_BYTES

    def mask_bytes(self, num_latents: int) -> int:
        """Size of an entry of a mask."""
        return num_latents + _HEADER_BYTES

    @property
    def text_bytes(self) -> int:
        """Size of an entry of contexts."""
        return self.text_window * sum(self.context_widths) * _BFLOAT16_BYTES + _HEADER_BYTES

    @property
    def hidden_bytes(self) -> int:
        """Size of the hidden states that wait on disk for a caption of 256 tokens."""
        layers, width = self.text_states
        return min(_TYPICAL_TOKENS, self.text_window) * layers * width * _BFLOAT16_BYTES
