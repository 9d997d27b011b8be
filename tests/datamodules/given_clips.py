"""Small datasets with references and masks, and the data module that reads them."""

from pathlib import Path

import torch

from datamodules.latents import LatentDataModule
from datamodules.media.write import write_video
from datamodules.media.write_wave import write_wave

RATE = 16000


def ramp(frames, *, width=64, height=64, first=20):
    """Frames whose grey level is `first + 3 * index`, so that a decoded frame tells which one it was."""
    levels = (first + 3 * torch.arange(frames)).to(torch.uint8)
    return levels[:, None, None, None].expand(frames, 3, height, width).contiguous()


def write_clip(path, *, frames=25, width=64, height=64, first=20, sound=False, caption=None):
    """A video of `ramp`, with a tone if there is to be sound, and a caption if one is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    waveform = tone(frames / 24, 48000) if sound else None
    write_video(path, ramp(frames, width=width, height=height, first=first), 24.0, waveform)
    if caption is not None:
        path.with_suffix(".txt").write_text(caption)
    return path


def write_sound(path, seconds, *, frequency=440.0, caption=None):
    """A tone, and a caption if one is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wave(path, tone(seconds, RATE, frequency), RATE)
    if caption is not None:
        path.with_suffix(".txt").write_text(caption)
    return path


def tone(seconds, rate, frequency=440.0):
    """`(2, N)`."""
    times = torch.arange(round(seconds * rate)) / rate
    return (0.6 * torch.sin(2 * torch.pi * frequency * times)).expand(2, -1).contiguous()


def data_module(pico: Path, path: Path, needs, **changes) -> LatentDataModule:
    """The data module of a folder on pico."""
    arguments = {
        "path": path,
        "buckets": ["64x64x17"],
        "base_model": pico,
        "text_encoder": pico.parent / "gemma",
        "text_window": 128,
        "with_audio": False,
        "num_workers": 0,
    }
    data = LatentDataModule(**(arguments | changes))
    data.needs = needs
    return data
