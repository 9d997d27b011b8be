"""Media to latents: the video VAE over all entries, then the audio VAE, each loaded alone and freed before the next.

Clips are decoded ahead of the accelerator and written behind it, see `datamodules.encoding.pipeline`. Large ones come
first, those of one size together, and small ones in batches. A kill loses the few clips in hand. A clip that cannot be
decoded or encoded is recorded with its reason, and the others go on.
"""

import gc
import logging
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from functools import cached_property, partial
from typing import Protocol, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from datamodules.cache import LatentCache
from datamodules.encoding.entries import AudioEntry, AudioMaskEntry, MaskEntry, MediaEntry, VideoEntry
from datamodules.encoding.pipeline import Batches, Fetch, Writing, decoding_threads, from_device, read_ahead, to_device
from datamodules.manifest.clip import MediaError
from datamodules.progress import Progress, progress
from ltx_module.checkpoint import Checkpoint, Tiling
from ltx_module.checkpoint.audio_vae import AudioVAE
from ltx_module.checkpoint.video_vae import VideoVAE

logger = logging.getLogger(__name__)

_VIDEO_BATCH_BYTES = 3 * 49 * 544 * 960  # a clip of 960x544x49 fills an accelerator; more at a time only take memory
_AUDIO_BATCH_BYTES = 4 * 2**20  # 33 seconds
_WAITING_TO_BE_WRITTEN = 3  # clips, which is also how far ahead the accelerator's work is queued

_Read = TypeVar("_Read", bound=MediaEntry)
_Takes = TypeVar("_Takes", bound=MediaEntry, contravariant=True)


class _Coder(Protocol[_Takes]):
    """What makes cache entries of media."""

    task: str
    """What it does, for progress and messages."""
    tensor: str
    """Name of the tensor in the entry."""
    device: torch.device
    """Where it works."""
    batch_bytes: int
    """Media that it takes at a time, unless a single one is larger."""

    def load(self) -> None:
        """Makes ready what it works with."""

    def __call__(self, entries: Sequence[_Takes], media: Tensor, /) -> Iterable[Tensor]:
        """Makes a tensor for each entry of its media, which come as one batch."""


class LatentEncoder:
    """Encodes windows of clips into the cache.

    Args:
        checkpoint: Holds the VAEs.
        cache: Where the latents go.
        device: Where the VAEs run: in bf16 on an accelerator and in fp32 on the CPU, audio always in fp32.
        threads: Clips decoded at a time; None is one for each core, 0 decodes each when its turn has come.
        shown: Whether this process shows progress.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        cache: LatentCache,
        *,
        device: torch.device,
        threads: int | None = None,
        shown: bool = True,
    ) -> None:
        self.checkpoint = checkpoint
        self.cache = cache
        self.device = device
        self.threads = decoding_threads() if threads is None else threads
        self.shown = shown

    def encode_video(self, entries: Iterable[VideoEntry]) -> None:
        """Writes `latents`, `(C, F, H, W)` in bf16, for each entry, or records why it cannot be done.

        Raises:
            OSError: If the cache cannot be written.
            MemoryError: If a clip does not fit on the device even in tiles.
        """
        self._encode(_VideoCoder(self.checkpoint, self.device), list(entries))
        free_memory()

    def encode_audio(self, entries: Iterable[AudioEntry]) -> None:
        """Writes `latents`, `(C, L, M)` in fp32, as many as sampling uses, or records why it cannot be done.

        Raises:
            OSError: If the cache cannot be written.
            MemoryError: If a clip does not fit on the device.
        """
        self._encode(_AudioCoder(self.checkpoint, self.device), list(entries))
        free_memory()

    def write_masks(self, entries: Iterable[MaskEntry]) -> None:
        """Writes `mask`, bool at the size of latents, for each entry, or records why it cannot be done.

        Raises:
            OSError: If the cache cannot be written.
        """
        self._encode(_MaskCoder(), list(entries))

    def _encode(self, coder: _Coder[_Read], entries: list[_Read]) -> None:
        if not entries:
            return
        batches = Batches[tuple[_Read, Tensor], Tensor | None](
            partial(self._encoded, coder),
            lambda batch: sum(media.nbytes for _, media in batch),
            coder.batch_bytes,
            coder.task,
        )
        entries = sorted(entries, key=lambda entry: (-entry.decoded_bytes, _size(entry)))
        with (
            progress(coder.task, len(entries), "clip", shown=self.shown) as bar,
            Writing(threads=1, most_waiting=_WAITING_TO_BE_WRITTEN) as writing,
            closing(self._decoded(entries, bar)) as decoded,
        ):
            for batch in batches.grouped(decoded, lambda one, other: one[1].shape == other[1].shape):
                for (entry, _), latents in zip(batch, batches.results(batch), strict=True):
                    if latents is not None:
                        writing.hand_over(partial(self._store, entry, coder.tensor, from_device([latents])))

    def _decoded(self, entries: list[_Read], bar: Progress) -> Generator[tuple[_Read, Tensor]]:
        with closing(read_ahead(entries, self.threads)) as ahead:
            for entry, media in ahead:
                try:
                    read = media()
                except Exception as error:  # one bad clip must not end the run
                    self._drop(entry, error)
                else:
                    yield entry, read
                    del read
                bar.update()

    def _encoded(self, coder: _Coder[_Read], batch: Sequence[tuple[_Read, Tensor]]) -> list[Tensor | None]:
        entries = [entry for entry, _ in batch]
        coder.load()  # what cannot be loaded is no clip's fault
        try:
            return list(coder(entries, to_device([media for _, media in batch], coder.device)))
        except torch.OutOfMemoryError as error:
            if len(batch) > 1:
                raise
            raise MemoryError(
                f"{entries[0].name}, {_size(entries[0])}, does not fit into the memory of {coder.device} ({error}): "
                "close what else runs there, or use a smaller bucket in `data.buckets`."
            ) from error
        except Exception as error:  # one bad clip must not end the run
            if len(batch) == 1:
                self._drop(entries[0], error)
                return [None]
        return [latents for item in batch for latents in self._encoded(coder, [item])]

    def _store(self, entry: MediaEntry, name: str, fetch: Fetch) -> None:
        (latents,) = fetch()
        if bool(latents.isfinite().all()):
            self.cache.write(entry.key, {name: latents}, {"clip": entry.name})
        else:
            reason = "its latents are not finite numbers: the file decodes to something the VAE cannot take"
            self._drop(entry, ValueError(reason))

    def _drop(self, entry: MediaEntry, error: Exception) -> None:
        reason = error.reason if isinstance(error, MediaError) else str(error) or type(error).__name__
        logger.warning("%s is dropped: %s", entry.name, reason)
        self.cache.record_failure(entry.key, reason)


class _VideoCoder:
    """The video VAE, loaded for the first clip; in tiles for sizes that once did not fit in one piece."""

    task = "encoding video"
    tensor = "latents"

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        self.device = device
        self.batch_bytes = _VIDEO_BATCH_BYTES if device.type == "cuda" else 0
        self._checkpoint = checkpoint
        self._in_tiles: set[torch.Size] = set()

    def __call__(self, entries: Sequence[VideoEntry], media: Tensor) -> Tensor:
        """Latents `(B, C, F', H', W')`, bf16, of frames `(B, F, 3, H, W)`, uint8."""
        pixels = media.float().div_(127.5).sub_(1).transpose(1, 2)  # (B, 3, F, H, W)
        size = media.shape[1:]
        if size not in self._in_tiles:
            try:
                return self._vae.encode(pixels).to(torch.bfloat16)
            except torch.OutOfMemoryError:
                if len(entries) > 1:
                    raise
            # out here, where no traceback holds tensors of what failed
            torch.cuda.empty_cache()
            self._in_tiles.add(size)
            logger.info("%s is encoded in tiles, because it does not fit in one piece", _size(entries[0]))
        return self._vae.encode(pixels, Tiling()).to(torch.bfloat16)

    def load(self) -> None:
        """Have the VAE ready."""
        _ = self._vae

    @cached_property
    def _vae(self) -> VideoVAE:
        dtype = torch.float32 if self.device.type == "cpu" else torch.bfloat16
        vae = self._checkpoint.load_video_vae(dtype=dtype, device=self.device)
        if self.device.type == "cuda":
            vae.use_channels_last()
        return vae


class _AudioCoder:
    """The audio VAE, loaded for the first clip."""

    task = "encoding sound"
    tensor = "latents"

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        self.device = device
        self.batch_bytes = _AUDIO_BATCH_BYTES if device.type == "cuda" else 0
        self._checkpoint = checkpoint

    def __call__(self, entries: Sequence[AudioEntry], media: Tensor) -> list[Tensor]:
        """Latents `(C, L, M)`, fp32, of waveforms `(B, 2, N)`."""
        return [
            fit_length(latents, entry.length) for entry, latents in zip(entries, self._vae.encode(media), strict=True)
        ]

    def load(self) -> None:
        """Have the VAE ready."""
        _ = self._vae

    @cached_property
    def _vae(self) -> AudioVAE:
        return self._checkpoint.load_audio_vae(dtype=torch.float32, device=self.device)


class _MaskCoder:
    """Masks, which are stored as they are read."""

    task = "reading masks"
    tensor = "mask"
    device = torch.device("cpu")
    batch_bytes = 0

    def load(self) -> None:
        """Nothing to make ready."""

    def __call__(self, _: Sequence[MaskEntry], media: Tensor) -> Tensor:
        """The masks themselves."""
        return media


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
