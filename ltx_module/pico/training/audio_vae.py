"""The audio autoencoder, trained on the world's tones and on sounds richer than them.

loss = mean |x - y| + mean (x - y)^2 over log-mels + 1e-3 mean z^2, with noise on the latents z
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ltx_module.checkpoint.log_mel import MelConfig, log_mel
from ltx_module.pico import parts
from ltx_module.pico.config import pico_config
from ltx_module.pico.training.loop import DEVICE, train
from ltx_module.pico.training.sounds import Sounds
from ltx_module.pico.training.stages import load_part, save_part, set_statistics

_NOISE = 0.25
_CLIPS = 64


def train_audio_vae(directory: Path, *, minutes: float, rate: float = 1e-3, seed: int = 0) -> None:
    """Trains the autoencoder for some minutes, from its file in `directory` if there is one."""
    torch.manual_seed(seed)
    config = pico_config()
    mel = MelConfig.from_metadata(config["audio_vae"]["preprocessing"])
    part = parts.audio_vae(config)
    load_part(directory, "audio_vae", part)
    vae: Any = part.module.to(DEVICE).train()
    sounds = Sounds(seed, clips=_CLIPS, variety=0.5)

    def step(_: int) -> dict[str, Tensor]:
        target = log_mel(sounds.draw(), mel)
        latents = vae.encode(target).latent_dist.mode()
        noise = torch.rand(len(latents), 1, 1, 1, device=DEVICE) * _NOISE
        error = vae.decode(latents + noise * torch.randn_like(latents)).sample - target
        absolute, size = error.abs().mean(), latents.square().mean()
        return {"loss": absolute + error.square().mean() + 1e-3 * size, "absolute": absolute, "size": size}

    steps = train([vae], step, minutes=minutes, rate=rate, name="audio VAE")
    vae.eval()
    with torch.no_grad():
        world = log_mel(Sounds(seed, clips=4 * _CLIPS, variety=0).draw(), mel)
        latents = vae.encode(world).latent_dist.mode()  # (B, C, L, M)
        set_statistics(vae.latents_mean, vae.latents_std, latents.permute(0, 2, 1, 3).flatten(2).flatten(0, 1))
    save_part(directory, "audio_vae", part, steps)
