"""Cached latents back to pictures and sound, for a look at what the model is trained on."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from datamodules.batch import CachedClip
from datamodules.cache import LatentCache
from datamodules.encode import free_memory
from datamodules.progress import progress
from datamodules.write import write_video
from ltx_module.checkpoint import Checkpoint, Tiling


def render_clips(
    clips: Sequence[CachedClip], cache: LatentCache, checkpoint: Checkpoint, directory: Path, *, device: torch.device
) -> list[Path]:
    """Decodes clips with the VAEs and the vocoder: an mp4 each, with sound where there is some, or a png for a still.

    Args:
        clips: What to decode, all of it cached.
        cache: Holds the latents.
        checkpoint: Holds the decoders.
        directory: Where the files go; made when missing.
        device: Where the decoders run.

    Returns:
        The files written.
    """
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    vae = checkpoint.load_video_vae(dtype=dtype, device=device)
    sound = _Sound(checkpoint, device) if any(clip.has_audio for clip in clips) else None
    paths = [directory / name for name in output_names(clips)]
    with progress("decoding latents", len(clips), "clip", shown=True) as bar:
        for clip, path in zip(clips, paths, strict=True):
            latents = cache.read(clip.latent_key)["latents"].to(device)
            frames = _pictures(vae.decode(latents[None], Tiling())[0])
            path.parent.mkdir(parents=True, exist_ok=True)
            if clip.bucket.is_still:
                _write_still(path, frames[0])
            elif sound is None or clip.audio_key is None:
                write_video(path, frames, clip.fps)
            else:
                waveform = sound.waveform(cache.read(clip.audio_key)["latents"])
                write_video(path, frames, clip.fps, waveform, sound.sample_rate)
            bar.update()
    del vae, sound
    free_memory()
    return paths


def output_names(clips: Sequence[CachedClip]) -> list[Path]:
    """A file for each clip, named as it is and in the same sub-folder; the second of two equal ones ends in `-2`."""
    taken: set[str] = set()
    names = []
    for clip in clips:
        name = _file_name(clip)
        candidates = (name, *(name.with_stem(f"{name.stem}-{number}") for number in range(2, len(clips) + 1)))
        free = next(candidate for candidate in candidates if str(candidate).casefold() not in taken)
        taken.add(str(free).casefold())  # some file systems ignore case
        names.append(free)
    return names


def _file_name(clip: CachedClip) -> Path:
    """The clip's name as a relative path, with the suffix of what is written."""
    name = Path(clip.name)
    parts = [part for part in name.parts if part not in (name.anchor, "..")]
    path = Path(*(re.sub(r'[<>:"|?*\\\x00-\x1f]', "_", part) for part in parts))
    return path.with_suffix(".png") if clip.bucket.is_still else path.with_name(f"{path.name}.mp4")


class _Sound:
    """Audio VAE and vocoder."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        self.vae = checkpoint.load_audio_vae(dtype=torch.float32, device=device)
        self.vocoder = checkpoint.load_vocoder(device=device)
        self.device = device
        self.sample_rate = self.vocoder.sample_rate

    def waveform(self, latents: Tensor) -> Tensor:
        """`(C, L, M)` -> `(2, N)`."""
        return cast(Tensor, self.vocoder(self.vae.decode(latents[None].to(self.device)))[0].cpu())


def _pictures(pixels: Tensor) -> Tensor:
    """`(3, F, H, W)` in [-1, 1] -> `(F, 3, H, W)` uint8."""
    return pixels.float().add(1).mul(127.5).round().clamp(0, 255).byte().transpose(0, 1).cpu()


def _write_still(path: Path, picture: Tensor) -> None:
    from PIL import Image

    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(path)  # (3, H, W) -> (H, W, 3)
