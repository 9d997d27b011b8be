"""Latents of a sample as pictures and sound; what was given whole is shown as it was given.

F frames, H W height and width, N samples of sound.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from datamodules.media.audio import SAMPLE_RATE as GIVEN_RATE
from datamodules.media.audio import resample
from datamodules.media.decode import read_audio, read_frames
from ltx_module.decoders import Decoders
from ltx_module.diffusion.conditioning import ModalityName
from ltx_module.sample_config import SampleRequest

SAMPLE_RATE = 48_000
"""Hz of a sample's sound."""


@dataclass(frozen=True, kw_only=True)
class SampleOutput:
    """Decodes what was generated."""

    decoders: Decoders

    def frames(self, request: SampleRequest, latents: Tensor | None, frozen: ModalityName | None) -> Tensor | None:
        """Pixels, uint8, `(F, 3, H, W)`; None of sound alone.

        Args:
            request: What was asked for.
            latents: Of the video, `(1, C, F', H', W')`.
            frozen: The modality that was given whole.
        """
        if latents is None:
            return None
        given, reference = request.media.video, request.media.reference_video
        frames = _read(given, request) if frozen == "video" and given is not None else self.decoders.frames(latents)
        if request.show_reference and reference is not None:
            frames = torch.cat([_read(reference, request), frames], dim=-1)
        return frames

    def waveform(self, request: SampleRequest, latents: Tensor | None, frozen: ModalityName | None) -> Tensor | None:
        """Sound at 48 kHz, `(2, N)`, in [-1, 1]; None where there is none. Takes what `frames` takes."""
        if latents is None:
            return None
        seconds, given = request.bucket.duration(request.fps), request.media.audio
        if frozen == "audio" and given is not None:
            return resample(read_audio(given, start=0.0, duration=seconds), GIVEN_RATE, SAMPLE_RATE)
        return self.decoders.sound(latents)[:, : round(seconds * SAMPLE_RATE)]


def _read(path: Path, request: SampleRequest) -> Tensor:
    """The beginning of a video at the size of the sample."""
    bucket = request.bucket
    return read_frames(path, start=0.0, frames=bucket.frames, fps=request.fps, width=bucket.width, height=bucket.height)
