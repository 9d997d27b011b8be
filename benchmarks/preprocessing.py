"""Clips to latents at full size with random weights: the VAEs alone, then the whole path with its decoding.

    python -m benchmarks.preprocessing [--parts video,stills,audio,path] [--compile] [--clips 96] [--size 960x544x49]
                                       [--threads N] [--decode-ms 28]
    python -m benchmarks.preprocessing --parts decode --directory DIRECTORY        needs av, and no card

The parts: `video`, milliseconds a clip of the video VAE in each layout, with cuDNN's choice of kernels measured or not,
one clip or two at a time, compiled if asked for, and how far its latents are from those in fp32; `stills` and `audio`,
the same for batches of what is small; `path`, the encoder of the data module over many clips with everything around
the VAEs, where a clip costs the processor what decoding costs: each frame is scaled for real, and decoding it is
hashing for as many milliseconds. `decode` measures these on real files, drawn and written first.
"""

import argparse
import hashlib
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from benchmarks.provenance import provenance
from benchmarks.random_weights import config_of, drawn_when_read, write_header
from benchmarks.timing import time_steps
from datamodules.cache import LatentCache
from datamodules.encoding.entries import AudioEntry, VideoEntry
from datamodules.encoding.latent_encoder import LatentEncoder, free_memory
from datamodules.encoding.pipeline import decoding_threads
from datamodules.geometry import Bucket
from datamodules.media.audio import SAMPLE_RATE
from datamodules.media.resize import cover_crop
from ltx_module.checkpoint import Checkpoint
from ltx_module.checkpoint.video_vae import VideoVAE
from ltx_module.console import quiet_foreign_output

logger = logging.getLogger("ltx_module.benchmark")
_CUDA = torch.device("cuda")
_GIB = 2**30
_FPS = 24.0
_SOURCE = (1080, 1920)  # pixels of the clips that are made up


def main() -> None:
    """Run the parts and print one JSON object."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.preprocessing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--parts", default="video,stills,audio,path")
    parser.add_argument("--compile", action="store_true", help="Also the compiled encoder, about a minute more.")
    parser.add_argument("--clips", type=int, default=96)
    parser.add_argument("--size", default="960x544x49")
    parser.add_argument("--threads", type=int, default=decoding_threads())
    parser.add_argument("--decode-ms", type=float, default=28.0, help="Processor's milliseconds to decode a frame.")
    parser.add_argument("--directory", type=Path, default=Path("decoding"), help="Of the drawn clips.")
    parser.add_argument("--tiny", action="store_true", help="Pico's sizes on the processor, to try the command.")
    options = parser.parse_args()
    quiet_foreign_output()
    logging.getLogger("datamodules").setLevel(logging.WARNING)
    parts: dict[str, Callable[[Checkpoint, argparse.Namespace], dict[str, Any]]] = {
        "video": video,
        "stills": stills,
        "audio": audio,
        "path": path,
    }
    figures: dict[str, Any] = {**provenance(), "size": options.size}
    wanted = options.parts.split(",")
    if "decode" in wanted:
        figures["decode"] = decode(options.directory, Bucket.parse(options.size))
    with tempfile.TemporaryDirectory() as directory, drawn_when_read():
        model = Path(directory) / "ltx-2.3-random.safetensors"
        write_header(model, config_of(tiny=options.tiny))
        checkpoint = Checkpoint(model)
        for name, measure in parts.items():
            if name in wanted:
                figures[name] = measure(checkpoint, options)
                free_memory()
    if {"video", "path"} <= figures.keys():
        alone = figures["video"]["channels last"]["ms"] / 1000
        figures["path"]["video_busy"] = alone / figures["path"]["video_s_per_clip"]
    logger.info("%s", json.dumps(figures, indent=1))


def video(checkpoint: Checkpoint, options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds a clip, peak memory and error of each way to run the video VAE's encoder."""
    pixels = _pixels(Bucket.parse(options.size), 1, _device(options))
    vae = _video_vae(checkpoint, torch.float32, pixels.device)
    torch.backends.cudnn.allow_tf32 = False
    exact = vae.encode(pixels)
    torch.backends.cudnn.allow_tf32 = True
    del vae
    free_memory()

    def row(vae: VideoVAE, clips: int = 1, *, benchmark: bool = False) -> dict[str, float]:
        batch = pixels.expand(clips, -1, -1, -1, -1)
        torch.backends.cudnn.benchmark = benchmark
        figures = _timed(partial(vae.encode, batch), clips) | {"error": _error(vae.encode(batch)[:1], exact)}
        torch.backends.cudnn.benchmark = False
        return figures

    vae = _video_vae(checkpoint, torch.bfloat16, pixels.device)
    figures = {"usual layout": row(vae), "usual layout, measured kernels": row(vae, benchmark=True)}
    vae.use_channels_last()
    figures["channels last"] = row(vae)
    figures["channels last, measured kernels"] = row(vae, benchmark=True)
    figures["channels last, two at a time"] = row(vae, 2)
    if options.compile:
        begin = time.perf_counter()
        vae.model.encoder.compile(dynamic=False)
        vae.encode(pixels)
        _wait(pixels.device)
        figures["channels last, compiled"] = {"compile_s": time.perf_counter() - begin} | row(vae)
    return figures


def stills(checkpoint: Checkpoint, options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds a still, alone and in batches."""
    bucket = Bucket.parse(options.size)
    still = Bucket(width=bucket.width, height=bucket.height, frames=1)
    vae = _video_vae(checkpoint, torch.bfloat16, _device(options))
    vae.use_channels_last()
    return {
        f"{number} at a time": _timed(partial(vae.encode, _pixels(still, number, _device(options))), number)
        for number in (1, 4, 16, 49)
    }


def audio(checkpoint: Checkpoint, options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds a clip of the audio VAE, alone and in batches."""
    vae = checkpoint.load_audio_vae(dtype=torch.float32, device=_device(options))
    samples = round(Bucket.parse(options.size).frames / _FPS * SAMPLE_RATE)
    figures = {}
    for number in (1, 4, 16):
        waveforms = torch.rand(number, 2, samples, device=_device(options)).sub_(0.5)
        figures[f"{number} at a time"] = _timed(partial(vae.encode, waveforms), number)
    return figures


def path(checkpoint: Checkpoint, options: argparse.Namespace) -> dict[str, Any]:
    """Clips a second through decoding, encoding and writing, video and audio one after the other; loading left out."""
    bucket, few = Bucket.parse(options.size), max(2, options.clips // 4)
    burnt, seconds = _hashed_bytes(options.decode_ms), dict[str, float]()
    figures: dict[str, Any] = {"threads": options.threads, "decode_ms_per_frame": options.decode_ms}
    with _finite_statistics(), tempfile.TemporaryDirectory() as directory:
        for run, clips in (("warm", 2), ("few", few), ("many", few + options.clips)):
            cache = LatentCache(Path(directory) / run)
            encoder = LatentEncoder(checkpoint, cache, device=_device(options), threads=options.threads, shown=False)
            videos, sounds = _entries(bucket, clips, burnt)
            for name, encode in (
                ("video", partial(encoder.encode_video, videos)),
                ("audio", partial(encoder.encode_audio, sounds)),
            ):
                begin = time.perf_counter()
                encode()
                seconds[f"{name} {run}"] = time.perf_counter() - begin
        written = sum(cache.has(entry.key) for entry in (*videos, *sounds))
    for name in ("video", "audio"):  # what few and many clips have in common is loading
        figures[f"{name}_s_per_clip"] = (seconds[f"{name} many"] - seconds[f"{name} few"]) / options.clips
    figures["clips_per_s"] = 1 / (figures["video_s_per_clip"] + figures["audio_s_per_clip"])
    figures["written"] = f"{written} of {2 * (few + options.clips)}"
    return figures


def decode(directory: Path, bucket: Bucket) -> dict[str, Any]:
    """Clips a second from drawn files, for one thread and more; milliseconds of the processor for each frame."""
    from datamodules.encoding.pipeline import read_ahead
    from datamodules.world import write_dataset

    if not directory.exists():
        write_dataset(directory, clips=8, stills=0, width=1280, height=736, frames=bucket.frames)
    files = sorted(directory.glob("*.mp4"))
    entries = [
        VideoEntry(key=file.stem, name=file.name, path=file, start=0.0, num_bytes=0, bucket=bucket, fps=_FPS)
        for file in files
    ]
    figures: dict[str, Any] = {"clips": len(files), "source": "1280x736 and 736x1280"}
    for threads in (0, 1, 2, 4, decoding_threads()):
        begin, busy = time.perf_counter(), time.process_time()
        for _, media in read_ahead(entries * 2, threads):
            media()
        seconds, busy = time.perf_counter() - begin, time.process_time() - busy
        figures[f"{threads} threads"] = {
            "clips_per_s": 2 * len(files) / seconds,
            "processor_ms_per_frame": 1000 * busy / (2 * len(files) * bucket.frames),
        }
    return figures


@dataclass(frozen=True, kw_only=True)
class _MadeUpVideo(VideoEntry):
    """A clip that costs the processor what a real one of 1920x1080 costs."""

    burnt: bytes

    @override
    def read(self) -> Tensor:
        generator = torch.Generator().manual_seed(len(self.key))
        source = torch.randint(0, 256, (*_SOURCE, 3), dtype=torch.uint8, generator=generator).permute(2, 0, 1)
        frames = torch.empty(self.bucket.frames, 3, self.bucket.height, self.bucket.width, dtype=torch.uint8)
        for frame in frames:
            hashlib.sha256(self.burnt)  # on one core, and without Python's lock, as FFmpeg decodes
            frame.copy_(cover_crop(source, width=self.bucket.width, height=self.bucket.height))
        return frames


class _MadeUpSound(AudioEntry):
    """Noise."""

    @override
    def read(self) -> Tensor:
        return torch.rand(2, round(self.duration * SAMPLE_RATE)).sub_(0.5)


def _entries(bucket: Bucket, number: int, burnt: bytes) -> tuple[list[VideoEntry], list[AudioEntry]]:
    nowhere: dict[str, Any] = {"path": Path(), "start": 0.0, "num_bytes": 0}
    keys = [f"{index:040x}" for index in range(number)]
    clips: list[VideoEntry] = [
        _MadeUpVideo(key=f"video-{key}", name=key, bucket=bucket, fps=_FPS, burnt=burnt, **nowhere) for key in keys
    ]
    duration = bucket.frames / _FPS
    sounds: list[AudioEntry] = [
        _MadeUpSound(key=f"audio-{key}", name=key, duration=duration, **nowhere) for key in keys
    ]
    return clips, sounds


def _hashed_bytes(milliseconds: float) -> bytes:
    """What one core hashes in that time."""
    probe = bytes(2**22)
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        hashlib.sha256(probe)
        seconds.append(time.perf_counter() - begin)
    return bytes(int(len(probe) * milliseconds / 1000 / statistics.median(seconds)))


def _video_vae(checkpoint: Checkpoint, dtype: torch.dtype, device: torch.device) -> VideoVAE:
    with _finite_statistics():
        return checkpoint.load_video_vae(dtype=dtype, device=device)


@contextmanager
def _finite_statistics() -> Iterator[None]:
    """Lets latents be normalised by 1, not by random numbers that may be next to 0."""
    scale = VideoVAE._scale
    VideoVAE._scale = lambda self: torch.ones_like(scale(self))  # type: ignore[method-assign]
    try:
        yield
    finally:
        VideoVAE._scale = scale  # type: ignore[method-assign]


def _pixels(bucket: Bucket, number: int, device: torch.device) -> Tensor:
    generator = torch.Generator(device).manual_seed(0)
    shape = (number, 3, bucket.frames, bucket.height, bucket.width)
    return torch.rand(shape, device=device, generator=generator).mul_(2).sub_(1)


def _timed(work: Callable[[], object], number: int) -> dict[str, float]:
    device = _CUDA if torch.cuda.is_available() else torch.device("cpu")
    work()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    timing = time_steps(work, device, warmup=2, steps=10)
    peak = torch.cuda.max_memory_allocated() / _GIB if device.type == "cuda" else 0.0
    return {"ms": timing.median_ms / number, "peak_gib": peak}


def _error(latents: Tensor, exact: Tensor) -> float:
    """Root mean square of the difference over that of the latents."""
    return float((latents.float() - exact.float()).norm() / exact.float().norm())


def _device(options: argparse.Namespace) -> torch.device:
    return torch.device("cpu") if options.tiny else _CUDA


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
