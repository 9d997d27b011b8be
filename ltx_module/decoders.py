"""Latents to pictures and sound: video VAE, audio VAE and vocoder, read once and on the device only while they decode.

C channels, F frames, H W height and width, L audio latents, M mel bins, N samples of sound.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ltx_module.checkpoint import Checkpoint, Tiling
from ltx_module.device_memory import free_bytes
from ltx_module.parked import ParkedWeights

_STRIDE = (8, 32, 32)
# Of the published decoder in bf16, for each pixel of a frame: 4.7 GiB at 960x544x49 with its weights, on one H200.
BYTES_PER_PIXEL = 150
_TILES = (Tiling(), Tiling(pixels=384), Tiling(pixels=256, overlap=64, frames=32, frame_overlap=8))


class _Loaded(NamedTuple):
    module: Any
    weights: ParkedWeights


@dataclass(frozen=True, kw_only=True)
class Decoders:
    """The decoders of a checkpoint for one device."""

    checkpoint: Checkpoint
    device: torch.device
    keep: bool = False
    """Keep them on the device between calls (some 3 GB of the 22B model), rather than on the host."""
    peak: int | None = None
    """Bytes that a training step takes beside which samples are made: they take no more; None is all that is free."""
    _loaded: dict[str, _Loaded] = field(default_factory=dict)

    def frames(self, latents: Tensor) -> Tensor:
        """Latents `(1, C, F', H', W')` to pixels, uint8, `(F, 3, H, W)`, on the CPU; in tiles where memory is short."""
        vae, weights = self._ready("video")
        latents = latents.to(self.device)
        with weights.placed():
            tiling = decoding_tiles(latents.shape, free_bytes(self.device, self.peak))
            pixels = None
            with suppress(torch.OutOfMemoryError):
                pixels = vae.decode(latents, tiling)
            if pixels is None:  # out here, where no traceback holds tensors of what failed
                torch.cuda.empty_cache()
                pixels = vae.decode(latents, _TILES[-1])
        frames: Tensor = pixels[0].transpose(0, 1).float().add_(1).mul_(127.5).round_().clamp_(0, 255)
        return frames.to(torch.uint8).cpu()

    def sound(self, latents: Tensor) -> Tensor:
        """Latents `(1, C, L, M)` to sound at 48 kHz, `(2, N)`, on the CPU."""
        vae, weights = self._ready("audio")
        with weights.placed():
            mel = vae.decode(latents.to(self.device))
        vocoder, weights = self._ready("vocoder")
        with weights.placed(), torch.autocast(self.device.type, enabled=False):
            waveform: Tensor = vocoder(mel.float())
        return waveform[0].float().cpu()

    def _ready(self, name: str) -> _Loaded:
        """One of the decoders, on the host unless it stays on the device."""
        if name not in self._loaded:
            home = self.device if self.keep else torch.device("cpu")
            module = self._load(name, home)
            tensors = chain(module.parameters(), module.buffers())
            self._loaded[name] = _Loaded(module, ParkedWeights([] if self.keep else tensors, self.device))
        return self._loaded[name]

    def _load(self, name: str, home: torch.device) -> Any:
        """Read one of the decoders, without the encoder that comes with it."""
        if name == "vocoder":
            return self.checkpoint.load_vocoder(device=home)
        if name == "audio":
            decoder: Any = self.checkpoint.load_audio_vae(device=home)
        else:
            dtype = torch.float32 if self.device.type == "cpu" else torch.bfloat16
            decoder = self.checkpoint.load_video_vae(dtype=dtype, device=home)
        decoder.model.encoder = nn.Identity()
        return decoder


def decoding_tiles(latent_shape: torch.Size, free: float) -> Tiling | None:
    """How to decode in so much memory: whole where that fits, else in the largest tiles that do, or the smallest.

    Args:
        latent_shape: `(1, C, F', H', W')`.
        free: Bytes.
    """
    frames, height, width = (size * stride for size, stride in zip(latent_shape[2:], _STRIDE, strict=True))
    if BYTES_PER_PIXEL * frames * height * width <= free:
        return None
    for tiling in _TILES:
        tile = min(tiling.frames + _STRIDE[0], frames) * min(tiling.pixels, height) * min(tiling.pixels, width)
        if BYTES_PER_PIXEL * tile <= free:
            return tiling
    return _TILES[-1]
