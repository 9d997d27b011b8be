"""The video autoencoder, trained on the drawn world and on pictures richer than it.

loss = mean |x - y| + 4 mean (x - y)^2 + 0.5 mean |dx - dy| over neighbouring pixels + 1e-3 mean z^2

Noise of up to a quarter is added to the latents, so that the decoder forgives what a diffusion model leaves, and the
penalty keeps their scale near 1. B batch, F frames, H height, W width, C channels, N latent frames.
"""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from datamodules.world import draw_batch, random_scene
from datamodules.world.variety import draw_variety
from ltx_module.pico import parts
from ltx_module.pico.config import pico_config
from ltx_module.pico.training.loop import DEVICE, train
from ltx_module.pico.training.stages import load_part, save_part, set_statistics

logger = logging.getLogger(__name__)

_NOISE = 0.15
_POOL, _FRAMES, _SIDE = 4096, 25, 128
_REDRAWN = 16  # clips of the pool, every fourth step


@dataclass(frozen=True, kw_only=True)
class _Window:
    """Part of the pool's clips that a step looks at."""

    side: int
    frames: int
    clips: int
    share: float
    """Of the steps."""
    compiled: bool


# small windows make many steps; whole clips teach the borders, stills their lone frame
_WINDOWS = (
    _Window(side=96, frames=9, clips=48, share=0.72, compiled=True),
    _Window(side=128, frames=25, clips=12, share=0.2, compiled=True),
    _Window(side=128, frames=1, clips=48, share=0.08, compiled=False),
)


def train_video_vae(directory: Path, *, minutes: float, rate: float = 1.5e-3, seed: int = 0) -> None:
    """Trains the autoencoder for some minutes, from its file in `directory` if there is one."""
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = True
    part = parts.video_vae(pico_config())
    seed += load_part(directory, "video_vae", part)
    model: Any = part.module.train()
    model.to(DEVICE, memory_format=torch.channels_last_3d)
    if DEVICE.type == "cuda":
        model.encoder.compile(dynamic=False)
        model.decoder.compile(dynamic=False)
    pool, dice = _Pool(seed), torch.Generator().manual_seed(seed)
    shares = torch.tensor([window.share for window in _WINDOWS])

    def step(number: int) -> dict[str, Tensor]:
        if number % 4 == 0:
            pool.redraw(_REDRAWN)
        window = _WINDOWS[int(torch.multinomial(shares, 1, generator=dice))]
        with torch.compiler.set_stance("default" if window.compiled else "force_eager"):
            return _losses(model, pool.look(window, dice))

    steps = train([model], step, minutes=minutes, rate=rate, name="video VAE")
    model.eval()
    with torch.compiler.set_stance("force_eager"):
        _measure_statistics(model, seed)
        save_part(directory, "video_vae", part, steps)
        logger.info("video VAE: PSNR of the world's clips %.2f dB in bf16", round_trip_psnr(model, seed + 1000))


class _Pool:
    """Clips on the device, half world and half variety, replaced little by little."""

    def __init__(self, seed: int) -> None:
        self._scenes = torch.Generator().manual_seed(seed)
        self._chance = torch.Generator(DEVICE).manual_seed(seed)
        self._next = 0
        size = _POOL if DEVICE.type == "cuda" else _REDRAWN
        self._clips = torch.empty(size, 3, _FRAMES, _SIDE, _SIDE, dtype=torch.uint8, device=DEVICE)
        for _ in range(0, size, 4 * _REDRAWN):
            self.redraw(min(size, 4 * _REDRAWN))

    def redraw(self, number: int) -> None:
        """Replaces the oldest clips."""
        sizes: dict[str, Any] = {"frames": _FRAMES, "width": _SIDE, "height": _SIDE, "device": DEVICE}
        scenes = [random_scene(self._scenes, has_face=index % 4 == 0) for index in range(number // 2)]
        world = draw_batch(scenes, **sizes)
        variety = draw_variety(number - len(scenes), generator=self._chance, **sizes)
        self._clips[self._next : self._next + number] = torch.cat([world, variety])
        self._next = (self._next + number) % len(self._clips)

    def look(self, window: _Window, dice: torch.Generator) -> Tensor:
        """The same window of random clips, `(B, 3, F, H, W)` in [-1, 1]."""
        rows = torch.randint(len(self._clips), (window.clips,), generator=dice).to(DEVICE)
        begin, top, left = (
            int(torch.randint(whole - size + 1, (), generator=dice))
            for whole, size in ((_FRAMES, window.frames), (_SIDE, window.side), (_SIDE, window.side))
        )
        seen = self._clips[:, :, begin : begin + window.frames, top : top + window.side, left : left + window.side]
        return seen[rows].float() / 127.5 - 1


def _losses(model: Any, pixels: Tensor) -> dict[str, Tensor]:
    noise = torch.rand(len(pixels), 1, 1, 1, 1, device=DEVICE) * _NOISE
    pixels = pixels.contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast(DEVICE.type, dtype=torch.bfloat16):
        latents = model.encode(pixels).latent_dist.mode().float()
        output = model.decode(latents + noise * torch.randn_like(latents)).sample
    error = output.float() - pixels
    edges = error.diff(dim=3).abs().mean() + error.diff(dim=4).abs().mean()
    absolute, squared, size = error.abs().mean(), error.square().mean(), latents.square().mean()
    return {"loss": absolute + 4 * squared + 0.5 * edges + 1e-3 * size, "squared": squared, "size": size}


@torch.no_grad()
def _measure_statistics(model: Any, seed: int) -> None:
    """Statistics of the world's latents, which the diffusion model works in."""
    drawer = torch.Generator().manual_seed(seed)
    means = []
    for _ in range(16):
        scenes = [random_scene(drawer) for _ in range(32)]
        pixels = draw_batch(scenes, frames=_FRAMES, width=_SIDE, height=_SIDE, device=DEVICE).float() / 127.5 - 1
        means.append(model.encode(pixels).latent_dist.mode().movedim(1, -1).flatten(0, -2))
    set_statistics(model.latents_mean, model.latents_std, torch.cat(means))


@torch.no_grad()
def round_trip_psnr(model: Any, seed: int, clips: int = 64) -> float:
    """Mean PSNR of world clips against their round trip, weights rounded to bf16. dB."""
    generator = torch.Generator().manual_seed(seed)
    scenes = [random_scene(generator) for _ in range(clips)]
    rounded = {key: value.bfloat16().float() for key, value in model.state_dict().items()}
    model.load_state_dict(rounded)
    values = []
    for begin in range(0, clips, 16):
        pixels = (
            draw_batch(scenes[begin : begin + 16], frames=_FRAMES, width=_SIDE, height=_SIDE, device=DEVICE).float()
            / 255
        )
        output = model.decode(model.encode(pixels * 2 - 1).latent_dist.mode()).sample
        error = ((output.clamp(-1, 1) + 1) / 2 - pixels).square().flatten(1).mean(dim=1)
        values += [-10 * math.log10(value) for value in error.tolist()]
    return sum(values) / len(values)
