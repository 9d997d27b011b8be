"""Cached latents back to pictures and sound, for a look at what the model is trained on.

Each clip becomes a file, and what conditions take beside it becomes files of the same name: `walk.mp4@0.00s.mp4` has
`walk.mp4@0.00s.reference.mp4`, `.mask.mp4` (white is made anew), `.mask.wav` (loud is made anew) and `.frame-0.png`.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from datamodules.batch import CachedClip
from datamodules.cache import LatentCache
from datamodules.encoding.latent_encoder import free_memory
from datamodules.geometry import AudioLatentSpec, LatentSpec
from datamodules.media.write import write_video
from datamodules.media.write_wave import write_wave
from datamodules.progress import progress
from ltx_module.checkpoint import Checkpoint, Tiling
from ltx_module.checkpoint.audio_vae import AudioVAE
from ltx_module.checkpoint.video_vae import VideoVAE
from ltx_module.checkpoint.vocoder import Vocoder


def render_clips(
    clips: Sequence[CachedClip], cache: LatentCache, checkpoint: Checkpoint, directory: Path, *, device: torch.device
) -> list[Path]:
    """Decodes clips with the VAEs and the vocoder: an mp4 each with its sound, a png for a still, a wav for a sound.

    Args:
        clips: What to decode, all of it cached.
        cache: Holds the latents.
        checkpoint: Holds the decoders.
        directory: Where the files go; made when missing.
        device: Where the decoders run.

    Returns:
        The files of the clips, in their order; those beside them are not named.
    """
    decoder = _Decoder(checkpoint, device)
    paths = [directory / name for name in output_names(clips)]
    with progress("decoding latents", len(clips), "clip", shown=True) as bar:
        for clip, path in zip(clips, paths, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            video = None if clip.latent_key is None else cache.read(clip.latent_key)["latents"]
            audio = None if clip.audio_key is None else cache.read(clip.audio_key)["latents"]
            decoder.write(path, video, audio, clip.fps)
            _render_given(clip, cache, path, decoder)
            bar.update()
    del decoder
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


def mask_frames(given: Tensor) -> Tensor:
    """A mask as a video at the clip's size, white where the clip is made anew.

    Args:
        given: `(F', H', W')`, bool.

    Returns:
        `(F, 3, H, W)`, uint8.
    """
    spec = LatentSpec()
    white = (~given).to(torch.uint8) * 255
    later = white[1:].repeat_interleave(spec.frame_stride, 0)  # the first latent frame stands for one frame
    pixels = torch.cat([white[:1], later])
    pixels = pixels.repeat_interleave(spec.pixel_stride, 1).repeat_interleave(spec.pixel_stride, 2)
    return pixels[:, None].expand(-1, 3, -1, -1).contiguous()


def _render_given(clip: CachedClip, cache: LatentCache, path: Path, decoder: "_Decoder") -> None:
    """Writes what is given of a clip beside its file."""
    given = clip.given.read(cache)
    video, audio = given.video_reference, given.audio_reference
    if video is not None or audio is not None:
        suffix = ".wav" if video is None else ".png" if video.shape[2] == 1 else ".mp4"
        target = path.with_suffix(f".reference{suffix}")
        picture, sound = (None if tensor is None else tensor[0] for tensor in (video, audio))
        decoder.write(target, picture, sound, _rate(clip, video))
    if given.video_mask is not None:
        frames = mask_frames(given.video_mask[0])
        if clip.bucket.is_still:
            _write_still(path.with_suffix(".mask.png"), frames[0])
        else:
            write_video(path.with_suffix(".mask.mp4"), frames, clip.fps)
    if given.audio_mask is not None:
        spec = AudioLatentSpec()
        loud = (~given.audio_mask[0]).float().repeat_interleave(round(spec.sample_rate / spec.latents_per_second))
        write_wave(path.with_suffix(".mask.wav"), loud.expand(2, -1), spec.sample_rate)
    for frame, still in given.keyframes.items():
        decoder.write(path.with_suffix(f".frame-{frame}.png"), still[0], None, clip.fps)


def _rate(clip: CachedClip, reference: Tensor | None) -> float:
    """Frames per second of a reference, whose frames may be fewer than its clip's."""
    if reference is None or reference.shape[2] == 1:
        return clip.fps
    return clip.fps * LatentSpec().frame_stride * (reference.shape[2] - 1) / (clip.bucket.frames - 1)


def _file_name(clip: CachedClip) -> Path:
    """The clip's name as a relative path, with the suffix of what is written."""
    name = Path(clip.name)
    parts = [part for part in name.parts if part not in (name.anchor, "..")]
    path = Path(*(re.sub(r'[<>:"|?*\\\x00-\x1f]', "_", part) for part in parts))
    if clip.bucket.is_still:
        return path.with_name(f"{path.stem} {clip.signal}.png" if clip.signal else f"{path.stem}.png")
    return path.with_name(f"{path.name}{'.wav' if clip.bucket.is_sound else '.mp4'}")


class _Decoder:
    """The decoders, each loaded when it is first needed."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        self.checkpoint = checkpoint
        self.device = device

    def write(self, path: Path, video: Tensor | None, audio: Tensor | None, fps: float) -> None:
        """Writes latents `(C, F, H, W)` and `(C, L, M)` as what the suffix says."""
        if path.suffix == ".png" and video is not None:
            _write_still(path, self.frames(video)[0])
            return
        waveform = None if audio is None else self.waveform(audio)
        if video is not None:
            rate = 48000 if waveform is None else self._vocoder.sample_rate
            write_video(path, self.frames(video), fps, waveform, rate)
        elif waveform is not None:
            write_wave(path, waveform, self._vocoder.sample_rate)

    def frames(self, latents: Tensor) -> Tensor:
        """`(C, F', H', W')` -> `(F, 3, H, W)`, uint8."""
        pixels = self._video_vae.decode(latents[None].to(self.device), Tiling())[0]
        return pixels.float().add(1).mul(127.5).round().clamp(0, 255).byte().transpose(0, 1).cpu()

    def waveform(self, latents: Tensor) -> Tensor:
        """`(C, L, M)` -> `(2, N)`."""
        return cast(Tensor, self._vocoder(self._audio_vae.decode(latents[None].to(self.device)))[0].cpu())

    @cached_property
    def _video_vae(self) -> VideoVAE:
        dtype = torch.float32 if self.device.type == "cpu" else torch.bfloat16
        return self.checkpoint.load_video_vae(dtype=dtype, device=self.device)

    @cached_property
    def _audio_vae(self) -> AudioVAE:
        return self.checkpoint.load_audio_vae(dtype=torch.float32, device=self.device)

    @cached_property
    def _vocoder(self) -> Vocoder:
        return self.checkpoint.load_vocoder(device=self.device)


def _write_still(path: Path, picture: Tensor) -> None:
    from PIL import Image

    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(path)  # (3, H, W) -> (H, W, 3)
