"""Latents to pictures and sound: video VAE, audio VAE and vocoder, loaded when needed."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ltx_module.checkpoint import Checkpoint, Tiling


@dataclass(frozen=True, kw_only=True)
class Decoders:
    """The decoders of a checkpoint on one device."""

    checkpoint: Checkpoint
    device: torch.device
    keep: bool = False
    """Keep them loaded for the next call (some 3 GB of the 22B model), rather than make room for a training step."""
    _kept: dict[str, Any] = field(default_factory=dict)

    def frames(self, latents: Tensor) -> Tensor:
        """Latents `(1, C, F', H', W')` to pixels, uint8, `(F, 3, H, W)`, on the CPU; in tiles where memory is short."""
        vae = self._loaded("video")
        latents = latents.to(self.device)
        try:
            pixels = vae.decode(latents)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            pixels = vae.decode(latents, Tiling())
        frames: Tensor = pixels[0].transpose(0, 1).float().add(1).mul(127.5).round().clamp(0, 255)
        return frames.to(torch.uint8).cpu()

    def sound(self, latents: Tensor) -> Tensor:
        """Latents `(1, C, L, M)` to sound at 48 kHz, `(2, N)`, on the CPU."""
        mel = self._loaded("audio").decode(latents.to(self.device))
        with torch.autocast(self.device.type, enabled=False):
            waveform: Tensor = self._loaded("vocoder")(mel.float())
        return waveform[0].float().cpu()

    def _loaded(self, name: str) -> Any:
        """One of the decoders."""
        if name in self._kept:
            return self._kept[name]
        dtype = torch.float32 if self.device.type == "cpu" else torch.bfloat16
        decoder: Any
        if name == "video":
            decoder = self.checkpoint.load_video_vae(dtype=dtype, device=self.device)
        elif name == "audio":
            decoder = self.checkpoint.load_audio_vae(device=self.device)
        else:
            decoder = self.checkpoint.load_vocoder(device=self.device)
        if self.keep:
            self._kept[name] = decoder
        return decoder
