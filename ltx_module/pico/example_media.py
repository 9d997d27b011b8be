"""Examples of the drawn world's modes as a recipe's conditions take them: encoded by pico's autoencoders."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from datamodules.encoding.latent_masks import given_pixels, given_sound
from datamodules.geometry import AudioLatentSpec
from datamodules.given import Given
from datamodules.media.audio import SAMPLE_RATE as VAE_RATE
from datamodules.media.audio import resample
from datamodules.world.modes import Canvas, Example, Footage, Mode
from datamodules.world.tone import SAMPLE_RATE
from ltx_module.checkpoint.audio_vae import AudioVAE
from ltx_module.checkpoint.video_vae import VideoVAE
from ltx_module.decoders import Decoders


@dataclass(frozen=True, kw_only=True)
class ExampleMedia:
    """Encodes and decodes footage."""

    video_vae: VideoVAE
    audio_vae: AudioVAE
    decoders: Decoders
    canvas: Canvas
    seconds: float
    """Of sound."""
    reference_downscale_factor: int = 1

    @torch.no_grad()
    def given(self, mode: Mode, example: Example, signal: str | None) -> Given:
        """What an example's conditions take.

        Args:
            mode: Decides which of the media are given.
            example: Where they come from.
            signal: Which of its references; None where it has none.
        """
        footage = example.given
        reference = Footage() if signal is None else example.references[signal]
        gives = set(mode.gives)
        has = {key: key in gives for key in ("video", "audio", "image", "reference_video", "reference_audio")}
        return Given(
            video=self.video(footage.pictures) if has["video"] else None,
            audio=self.audio(footage.sound) if has["audio"] else None,
            video_reference=self._smaller(reference.pictures) if has["reference_video"] else None,
            audio_reference=self.audio(reference.sound) if has["reference_audio"] else None,
            video_mask=self._video_mask(example.video_mask),
            audio_mask=self._audio_mask(example.audio_mask),
            keyframes=self._first_frame(footage) if has["image"] else {},
        )

    @torch.no_grad()
    def kept(self, footage: Footage) -> Footage:
        """Footage as the autoencoders keep it."""
        frames = None if footage.frames is None else self.decoders.frames(self.video(footage.frames))
        if footage.waveform is None:
            return Footage(frames=frames)
        waveform = self.decoders.sound(self.audio(footage.waveform))[:, : round(self.seconds * SAMPLE_RATE)]
        return Footage(frames=frames, waveform=waveform)

    def video(self, frames: Tensor) -> Tensor:
        """Latents of frames `(F, 3, H, W)`, `(1, C, F', H', W')`."""
        return self.video_vae.encode(frames.transpose(0, 1)[None].to(self.decoders.device).float() / 127.5 - 1)

    def audio(self, waveform: Tensor) -> Tensor:
        """Latents of sound `(2, N)` at 48 kHz, `(1, C, L, M)`."""
        latents = self.audio_vae.encode(resample(waveform, SAMPLE_RATE, VAE_RATE)[None].to(self.decoders.device))
        return latents[:, :, : AudioLatentSpec().length(self.seconds)]

    def _smaller(self, frames: Tensor) -> Tensor:
        factor = self.reference_downscale_factor
        if factor == 1:
            return self.video(frames)
        size = (frames.shape[2] // factor, frames.shape[3] // factor)
        small = interpolate(frames.float(), size=size, mode="bicubic", antialias=True, align_corners=False)
        return self.video(small.round().clamp(0, 255).to(torch.uint8))

    def _first_frame(self, footage: Footage) -> Mapping[int, Tensor]:
        return {0: self.video(footage.pictures[:1])}

    def _video_mask(self, mask: Tensor | None) -> Tensor | None:
        if mask is None:
            return None
        frames = (mask.to(torch.uint8) * 255).expand(self.canvas.frames, 3, -1, -1)
        return given_pixels(frames, white_is_given=False)[None]

    def _audio_mask(self, mask: Tensor | None) -> Tensor | None:
        if mask is None:
            return None
        sound = mask.float()[:: SAMPLE_RATE // VAE_RATE].expand(2, -1)
        return given_sound(sound, self.seconds, loud_is_given=False)[None]
