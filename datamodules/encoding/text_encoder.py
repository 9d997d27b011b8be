"""Captions to contexts: Gemma over all captions, then the connectors, never both in memory.

Gemma's hidden states are large (some 40 MB for a caption of 100 tokens, padding left out), so they wait on disk as
cache entries of their own and go as soon as the context is written. The work proceeds in rounds of at most 8 GiB of
them. A kill loses the batch of captions in hand.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from datamodules.cache import LatentCache
from datamodules.encoding.fingerprint import HiddenFingerprint
from datamodules.encoding.latent_encoder import free_memory
from datamodules.progress import progress
from ltx_module.checkpoint import Checkpoint
from ltx_module.checkpoint.gemma_precision import Precision

logger = logging.getLogger(__name__)

WAITING_BYTES = 8 * 2**30
"""Hidden states that may lie on disk at a time."""
_BATCH_SIZE = 4


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """How captions become contexts."""

    text_encoder: Path
    """Directory of Gemma."""
    gemma: str
    """Fingerprint of Gemma."""
    text_window: int
    """Tokens, a multiple of 128."""
    precision: Precision
    """How Gemma is held in memory."""


class TextEncoder:
    """Encodes final captions into the cache.

    Args:
        checkpoint: Holds the projection and the connectors.
        cache: Where the contexts go.
        settings: Text encoder and window.
        device: Where the work is done; the connectors run in bf16 on an accelerator, in fp32 on the CPU.
        shown: Whether this process shows progress.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        cache: LatentCache,
        settings: TextSettings,
        *,
        device: torch.device,
        shown: bool = True,
    ) -> None:
        self.checkpoint = checkpoint
        self.cache = cache
        self.settings = settings
        self.device = device
        self.shown = shown

    def encode(self, captions: Mapping[str, str]) -> None:
        """Writes `video_context` `(S, Dv)` and `audio_context` `(S, Da)`, bf16, of each caption.

        Args:
            captions: Final caption by the key of its entry.

        Raises:
            OSError: If the cache cannot be written.
        """
        pending = dict(captions)
        while pending:
            self._write_hidden(list(pending.values()))
            pending = {key: caption for key, caption in pending.items() if not self.cache.has(key)}  # others work too
            done = [key for key, caption in pending.items() if self.cache.has(self._hidden_key(caption))]
            if done:
                self._write_contexts({key: pending.pop(key) for key in done})

    def _hidden_key(self, caption: str) -> str:
        settings = self.settings
        return HiddenFingerprint(caption=caption, gemma=settings.gemma, text_window=settings.text_window).key

    def _write_hidden(self, captions: list[str]) -> None:
        missing = [caption for caption in captions if not self.cache.has(self._hidden_key(caption))]
        if not missing:
            return
        from ltx_module.checkpoint.gemma import GemmaEncoder

        settings = self.settings
        gemma = GemmaEncoder(
            settings.text_encoder,
            precision=settings.precision,
            device=self.device,
            text_window=settings.text_window,
            states=self.checkpoint.text_states,
        )
        waiting_bytes = 0
        batches = [missing[first : first + _BATCH_SIZE] for first in range(0, len(missing), _BATCH_SIZE)]
        with progress("reading captions", len(missing), "caption", shown=self.shown) as bar:
            for batch in batches:
                for caption, hidden, mask in zip(batch, *gemma.encode(batch), strict=True):
                    tokens = hidden[:, mask.bool()]  # (layers, S, D) -> (layers, tokens, D)
                    self.cache.write(self._hidden_key(caption), {"hidden": tokens})
                    waiting_bytes += tokens.nbytes
                bar.update(len(batch))
                if waiting_bytes >= WAITING_BYTES:
                    break
        del gemma, hidden, tokens
        free_memory()

    def _write_contexts(self, captions: Mapping[str, str]) -> None:
        dtype = torch.float32 if self.device.type == "cpu" else torch.bfloat16
        connectors = self.checkpoint.load_text_connectors(dtype=dtype, device=self.device)
        with progress("encoding captions", len(captions), "caption", shown=self.shown) as bar:
            for key, caption in captions.items():
                tokens = self._hidden(key, caption)
                if tokens is not None:
                    video, audio = connectors(*_padded(tokens.to(self.device), self.settings.text_window))
                    contexts = {"video_context": video[0].bfloat16(), "audio_context": audio[0].bfloat16()}
                    self.cache.write(key, contexts, {"caption": caption})
                    self.cache.remove(self._hidden_key(caption))
                bar.update()
        del connectors
        free_memory()

    def _hidden(self, key: str, caption: str) -> Tensor | None:
        """Hidden states of a caption; None if another process has made its contexts meanwhile and taken them away."""
        try:
            return self.cache.read(self._hidden_key(caption))["hidden"]
        except FileNotFoundError:
            if self.cache.has(key):
                return None
            raise


def _padded(tokens: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Hidden states `(1, layers, S, D)` with padding on the left, which the connectors ignore, and mask `(1, S)`."""
    padding = window - tokens.shape[1]
    mask = torch.ones(1, window, dtype=torch.int64, device=tokens.device)
    mask[:, :padding] = 0
    return functional.pad(tokens, (0, 0, padding, 0))[None], mask
