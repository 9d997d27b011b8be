"""Media to latents: the video VAE over all windows, then the audio VAE, each loaded alone and freed before the next.

Two threads decode ahead of the encoder, at most three clips, so that the accelerator does not wait for the disk and the
memory stays that of a few clips. A clip is written to the cache as soon as it is encoded, so a kill loses the clip in
hand. A clip that cannot be decoded or encoded is recorded with its reason, and the others go on.
"""

import gc
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from datamodules.cache import LatentCache
from datamodules.clip import MediaError
from datamodules.decode import read_audio, read_frames
from datamodules.geometry import AudioLatentSpec
from datamodules.progress import progress
from datamodules.windows import ClipWindow
from ltx_module.checkpoint import Checkpoint

logger = logging.getLogger(__name__)

_DECODING_THREADS = 2
_DECODED_AHEAD = 3


@dataclass(frozen=True, kw_only=True)
class EncodeJob:
    """One cache entry to make."""

    key: str
    """Entry of the cache."""
    window: ClipWindow
    """What to encode."""
    fps: float
    """Frames per second."""


class LatentEncoder:
    """Encodes windows of clips into the cache.

    Args:
        checkpoint: Holds the VAEs.
        cache: Where the latents go.
        device: Where the VAEs run: in bf16 on an accelerator and in fp32 on the CPU, audio always in fp32.
        shown: Whether this process shows progress.
    """

    def __init__(self, checkpoint: Checkpoint, cache: LatentCache, *, device: torch.device, shown: bool = True) -> None:
        self.checkpoint = checkpoint
        self.cache = cache
        self.device = device
        self.shown = shown

    def encode_video(self, jobs: Iterable[EncodeJob]) -> None:
        """Writes `latents`, `(C, F, H, W)` in bf16, for each job, or records why it cannot be done.

        Raises:
            OSError: If the cache cannot be written.
            MemoryError: If a clip does not fit on the device even in tiles.
        """
        self._encode("encoding video", list(jobs), _read_video, self._video_encoder)

    def encode_audio(self, jobs: Iterable[EncodeJob]) -> None:
        """Writes `latents`, `(C, L, M)` in fp32, as many as sampling uses, or records why it cannot be done.

        Raises:
            OSError: If the cache cannot be written.
            MemoryError: If a clip does not fit on the device.
        """
        self._encode("encoding sound", list(jobs), _read_audio, self._audio_encoder)

    def _encode(
        self,
        task: str,
        jobs: list[EncodeJob],
        read: Callable[[EncodeJob], Tensor],
        load_encoder: Callable[[], Callable[[EncodeJob, Tensor], Tensor]],
    ) -> None:
        if not jobs:
            return
        encode = None
        with progress(task, len(jobs), "clip", shown=self.shown) as bar:
            for job, decoded in _ahead(jobs, read):
                media = self._attempt(job, decoded.result)
                if media is not None:
                    encode = encode or load_encoder()  # not before a clip needs it
                    latents = self._attempt(job, partial(encode, job, media))
                    if latents is not None:
                        self.cache.write(job.key, {"latents": latents}, {"clip": job.window.name})
                bar.update()
        del encode
        free_memory()

    def _attempt(self, job: EncodeJob, work: Callable[[], Tensor]) -> Tensor | None:
        try:
            return work()
        except torch.OutOfMemoryError as error:
            raise MemoryError(
                f"{job.window.name} in `data.buckets` {job.window.bucket} does not fit into the memory of "
                f"{self.device} ({error}): close what else runs there, or use a smaller bucket."
            ) from error
        except Exception as error:  # one bad clip must not end the run
            reason = error.reason if isinstance(error, MediaError) else str(error) or type(error).__name__
            logger.warning("%s is dropped: %s", job.window.name, reason)
            self.cache.record_failure(job.key, reason)
            return None

    def _video_encoder(self) -> Callable[[EncodeJob, Tensor], Tensor]:
        from ltx_module.checkpoint import Tiling

        dtype = torch.float32 if self.device.type == "cpu" else torch.bfloat16
        vae = self.checkpoint.load_video_vae(dtype=dtype, device=self.device)

        def encode(job: EncodeJob, frames: Tensor) -> Tensor:
            pixels = frames.to(self.device).float().div_(127.5).sub_(1).transpose(0, 1)[None]  # (1, 3, F, H, W)
            try:
                latents = vae.encode(pixels)
            except torch.OutOfMemoryError:
                logger.info("%s is encoded in tiles, because it does not fit in one piece", job.window.name)
                latents = vae.encode(pixels, Tiling())
            return _finite(latents[0]).to(torch.bfloat16)

        return encode

    def _audio_encoder(self) -> Callable[[EncodeJob, Tensor], Tensor]:
        vae = self.checkpoint.load_audio_vae(dtype=torch.float32, device=self.device)

        def encode(job: EncodeJob, waveform: Tensor) -> Tensor:
            latents = vae.encode(waveform[None].to(self.device))[0]
            return _finite(fit_length(latents, AudioLatentSpec().length(job.window.bucket.frames, job.fps)))

        return encode


def fit_length(latents: Tensor, length: int) -> Tensor:
    """Audio latents `(C, L, M)` cut, or filled up with zeros, to `length`; the encoder often gives one too many."""
    return functional.pad(latents, (0, 0, 0, length - latents.shape[1]))


def free_memory() -> None:
    """Gives back what a component that was let go of took on the accelerator."""
    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()


def _read_video(job: EncodeJob) -> Tensor:
    window = job.window
    bucket = window.bucket
    return read_frames(
        window.clip.media,
        start=window.start,
        frames=bucket.frames,
        fps=job.fps,
        width=bucket.width,
        height=bucket.height,
    )


def _read_audio(job: EncodeJob) -> Tensor:
    window = job.window
    return read_audio(
        window.clip.audio or window.clip.media, start=window.start, duration=window.bucket.frames / job.fps
    )


def _ahead(jobs: list[EncodeJob], read: Callable[[EncodeJob], Tensor]) -> Iterator[tuple[EncodeJob, Future[Tensor]]]:
    waiting: deque[tuple[EncodeJob, Future[Tensor]]] = deque()
    with ThreadPoolExecutor(_DECODING_THREADS, thread_name_prefix="decode") as pool:
        try:
            for job in jobs:
                waiting.append((job, pool.submit(read, job)))
                if len(waiting) == _DECODED_AHEAD:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            for _, future in waiting:
                future.cancel()


def _finite(latents: Tensor) -> Tensor:
    if not bool(latents.isfinite().all()):
        raise ValueError("its latents are not finite numbers: the file decodes to something the VAE cannot take")
    return latents
