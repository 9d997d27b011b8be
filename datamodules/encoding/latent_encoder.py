"""Media to latents: the video VAE over all entries, then the audio VAE, each loaded alone and freed before the next.

Two threads decode ahead of the encoder, at most three clips, so that the accelerator does not wait for the disk and the
memory stays that of a few clips. A clip is written to the cache as soon as it is encoded, so a kill loses the clip in
hand. A clip that cannot be decoded or encoded is recorded with its reason, and the others go on.
"""

import gc
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from datamodules.cache import LatentCache
from datamodules.encoding.entries import AudioEntry, AudioMaskEntry, MaskEntry, MediaEntry, VideoEntry
from datamodules.manifest.clip import MediaError
from datamodules.progress import progress
from ltx_module.checkpoint import Checkpoint

logger = logging.getLogger(__name__)

_DECODING_THREADS = 2
_DECODED_AHEAD = 3


_Read = TypeVar("_Read", bound=MediaEntry)


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

    def encode_video(self, entries: Iterable[VideoEntry]) -> None:
        """Writes `latents`, `(C, F, H, W)` in bf16, for each entry, or records why it cannot be done.

        Raises:
            OSError: If the cache cannot be written.
            MemoryError: If a clip does not fit on the device even in tiles.
        """
        self._encode("encoding video", list(entries), "latents", self._video_encoder)

    def encode_audio(self, entries: Iterable[AudioEntry]) -> None:
        """Writes `latents`, `(C, L, M)` in fp32, as many as sampling uses, or records why it cannot be done.

        Raises:
            OSError: If the cache cannot be written.
            MemoryError: If a clip does not fit on the device.
        """
        self._encode("encoding sound", list(entries), "latents", self._audio_encoder)

    def write_masks(self, entries: Iterable[MaskEntry]) -> None:
        """Writes `mask`, bool at the size of latents, for each entry, or records why it cannot be done.

        Raises:
            OSError: If the cache cannot be written.
        """
        self._encode("reading masks", list(entries), "mask", lambda: lambda _, mask: mask)

    def _encode(
        self,
        task: str,
        entries: list[_Read],
        tensor_name: str,
        load_encoder: Callable[[], Callable[[_Read, Tensor], Tensor]],
    ) -> None:
        if not entries:
            return
        encode = None
        with progress(task, len(entries), "clip", shown=self.shown) as bar:
            for entry, decoded in _ahead(entries):
                media = self._attempt(entry, decoded.result)
                if media is not None:
                    encode = encode or load_encoder()  # not before a clip needs it
                    latents = self._attempt(entry, partial(encode, entry, media))
                    if latents is not None:
                        self.cache.write(entry.key, {tensor_name: latents}, {"clip": entry.name})
                bar.update()
        del encode
        free_memory()

    def _attempt(self, entry: MediaEntry, work: Callable[[], Tensor]) -> Tensor | None:
        try:
            return work()
        except torch.OutOfMemoryError as error:
            raise MemoryError(
                f"{entry.name}, {_size(entry)}, does not fit into the memory of {self.device} ({error}): close what "
                "else runs there, or use a smaller bucket in `data.buckets`."
            ) from error
        except Exception as error:  # one bad clip must not end the run
            reason = error.reason if isinstance(error, MediaError) else str(error) or type(error).__name__
            logger.warning("%s is dropped: %s", entry.name, reason)
            self.cache.record_failure(entry.key, reason)
            return None

    def _video_encoder(self) -> Callable[[VideoEntry, Tensor], Tensor]:
        from ltx_module.checkpoint import Tiling

        dtype = torch.float32 if self.device.type == "cpu" else torch.bfloat16
        vae = self.checkpoint.load_video_vae(dtype=dtype, device=self.device)

        def encode(entry: VideoEntry, frames: Tensor) -> Tensor:
            pixels = frames.to(self.device).float().div_(127.5).sub_(1).transpose(0, 1)[None]  # (1, 3, F, H, W)
            try:
                latents = vae.encode(pixels)
            except torch.OutOfMemoryError:
                logger.info("%s is encoded in tiles, because it does not fit in one piece", entry.name)
                latents = vae.encode(pixels, Tiling())
            return _finite(latents[0]).to(torch.bfloat16)

        return encode

    def _audio_encoder(self) -> Callable[[AudioEntry, Tensor], Tensor]:
        vae = self.checkpoint.load_audio_vae(dtype=torch.float32, device=self.device)

        def encode(entry: AudioEntry, waveform: Tensor) -> Tensor:
            latents = vae.encode(waveform[None].to(self.device))[0]
            return _finite(fit_length(latents, entry.length))

        return encode


def fit_length(latents: Tensor, length: int) -> Tensor:
    """Audio latents `(C, L, M)` cut, or filled up with zeros, to `length`; the encoder often gives one too many."""
    return functional.pad(latents, (0, 0, 0, length - latents.shape[1]))


def free_memory() -> None:
    """Gives back what a component that was let go of took on the accelerator."""
    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()


def _size(entry: MediaEntry) -> str:
    return f"{entry.duration:g} s" if isinstance(entry, AudioEntry | AudioMaskEntry) else str(entry.bucket)


def _ahead(entries: list[_Read]) -> Iterator[tuple[_Read, Future[Tensor]]]:
    waiting: deque[tuple[_Read, Future[Tensor]]] = deque()
    with ThreadPoolExecutor(_DECODING_THREADS, thread_name_prefix="decode") as pool:
        try:
            for entry in entries:
                waiting.append((entry, pool.submit(entry.read)))
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
