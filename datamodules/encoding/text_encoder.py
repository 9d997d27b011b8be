"""Captions to contexts: Gemma, then the connectors, in batches of captions that are about equally long.

Where both fit into the accelerator's memory, the hidden states never leave it, and only contexts come to the host.
Elsewhere it is Gemma over all captions and then the connectors: the hidden states are large (some 40 MB for a caption
of 100 tokens, padding left out), so they wait on disk as cache entries of their own and go as soon as the context is
written. That proceeds in rounds of at most 8 GiB of them. A kill loses the batches of captions in hand.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from datamodules.cache import LatentCache
from datamodules.encoding.fingerprint import HiddenFingerprint
from datamodules.encoding.latent_encoder import free_memory
from datamodules.encoding.pipeline import Batches, Fetch, Writing, from_device
from datamodules.progress import progress
from ltx_module.checkpoint import Checkpoint
from ltx_module.checkpoint.gemma import GemmaEncoder
from ltx_module.checkpoint.gemma_precision import Precision
from ltx_module.checkpoint.text import TextConnectors

logger = logging.getLogger(__name__)

WAITING_BYTES = 8 * 2**30
"""Hidden states that may lie on disk at a time."""
BATCH_TOKENS = 4096
"""Tokens in a batch, padding included; more of them gain nothing."""
_SHORTEST = 128  # tokens that a short caption counts for, so that a batch does not make too many contexts
_CONTEXTS_AT_A_TIME = 4  # the connectors work on whole windows
_WORKSPACE_BYTES = 6 * 2**30  # all states of 4096 tokens, twice while they are stacked, and some of them once more
_WRITERS = 4  # a context is 12.6 MB
_WAITING_TO_BE_WRITTEN = 16  # contexts
_HIDDEN_WAITING_TO_BE_WRITTEN = 3  # captions, up to 385 MB each


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


@dataclass(frozen=True, kw_only=True)
class _Pending:
    """A caption that is to be encoded."""

    key: str
    """Name of its entry."""
    caption: str
    """Its text."""
    tokens: int
    """Its length, within the window."""


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
            missing = {key: text for key, text in pending.items() if not self.cache.has(self._hidden_key(text))}
            if missing:
                self._read_captions(missing)
                free_memory()
            pending = {key: caption for key, caption in pending.items() if not self.cache.has(key)}  # others work too
            done = [key for key, caption in pending.items() if self.cache.has(self._hidden_key(caption))]
            if done:
                self._write_contexts({key: pending.pop(key) for key in done})
                free_memory()

    def _hidden_key(self, caption: str) -> str:
        settings = self.settings
        return HiddenFingerprint(caption=caption, gemma=settings.gemma, text_window=settings.text_window).key

    def _read_captions(self, captions: Mapping[str, str]) -> None:
        """Makes contexts of all captions, or hidden states of as many as may wait on disk."""
        settings = self.settings
        gemma = GemmaEncoder(
            settings.text_encoder,
            precision=settings.precision,
            device=self.device,
            text_window=settings.text_window,
            states=self.checkpoint.text_states,
        )
        lengths = [min(tokens, settings.text_window) for tokens in gemma.tokenizer.count(list(captions.values()))]
        pending = [
            _Pending(key=key, caption=caption, tokens=tokens)
            for (key, caption), tokens in zip(captions.items(), lengths, strict=True)
        ]
        pending.sort(key=lambda one: -one.tokens)  # what takes most memory comes first, and like lengths together
        if self._connectors_fit():
            try:
                return self._encode_at_once(gemma, pending)
            except torch.OutOfMemoryError:
                logger.info("the connectors do not fit beside Gemma: hidden states wait on disk")
            free_memory()
        return self._write_hidden(gemma, [one for one in pending if not self.cache.has(one.key)])

    def _connectors_fit(self) -> bool:
        """Whether there is room for the connectors beside what is loaded."""
        if self.device.type != "cuda":
            return False
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(self.device)
        return free >= self.checkpoint.num_bytes("text_connectors") + _WORKSPACE_BYTES

    def _encode_at_once(self, gemma: GemmaEncoder, pending: Sequence[_Pending]) -> None:
        task, connectors = "encoding captions", self._load_connectors()
        batches = Batches(partial(self._contexts, gemma, connectors), _size, BATCH_TOKENS, task)
        with (
            progress(task, len(pending), "caption", shown=self.shown) as bar,
            Writing(_WRITERS, _WAITING_TO_BE_WRITTEN) as writing,
        ):
            for batch in batches.grouped(pending):
                for one, contexts in zip(batch, batches.results(batch), strict=True):
                    writing.hand_over(partial(self._store, one.key, one.caption, contexts))
                bar.update(len(batch))

    def _contexts(self, gemma: GemmaEncoder, connectors: TextConnectors, batch: Sequence[_Pending]) -> list[Fetch]:
        """Both contexts of each caption."""
        hidden, mask = gemma.encode([one.caption for one in batch], trimmed=True)
        found: list[Fetch] = []
        for part in range(0, len(batch), _CONTEXTS_AT_A_TIME):
            chosen = slice(part, part + _CONTEXTS_AT_A_TIME)
            video, audio = connectors(hidden[chosen], mask[chosen], self.settings.text_window)
            found += map(from_device, zip(video.bfloat16(), audio.bfloat16(), strict=True))
        return found

    def _write_hidden(self, gemma: GemmaEncoder, pending: Sequence[_Pending]) -> None:
        task, waiting_bytes = "reading captions", 0
        batches = Batches(partial(_hidden_states, gemma), _size, BATCH_TOKENS, task)
        with (
            progress(task, len(pending), "caption", shown=self.shown) as bar,
            Writing(1, _HIDDEN_WAITING_TO_BE_WRITTEN) as writing,
        ):
            for batch in batches.grouped(pending):
                for one, tokens in zip(batch, batches.results(batch), strict=True):
                    writing.hand_over(partial(self.cache.write, self._hidden_key(one.caption), {"hidden": tokens}))
                    waiting_bytes += tokens.nbytes
                bar.update(len(batch))
                if waiting_bytes >= WAITING_BYTES:
                    break

    def _write_contexts(self, captions: Mapping[str, str]) -> None:
        """Makes contexts of the hidden states on disk."""
        connectors = self._load_connectors()
        with (
            progress("encoding captions", len(captions), "caption", shown=self.shown) as bar,
            Writing(_WRITERS, _WAITING_TO_BE_WRITTEN) as writing,
        ):
            for key, caption in captions.items():
                tokens = self._hidden(key, caption)
                if tokens is not None:
                    hidden = tokens.to(self.device)[None]
                    mask = torch.ones(hidden.shape[0], hidden.shape[2], dtype=torch.int64, device=self.device)
                    video, audio = connectors(hidden, mask, self.settings.text_window)
                    contexts = from_device([video[0].bfloat16(), audio[0].bfloat16()])
                    writing.hand_over(partial(self._store, key, caption, contexts))
                bar.update()

    def _store(self, key: str, caption: str, contexts: Fetch) -> None:
        video, audio = contexts()
        self.cache.write(key, {"video_context": video, "audio_context": audio}, {"caption": caption})
        self.cache.remove(self._hidden_key(caption))

    def _hidden(self, key: str, caption: str) -> Tensor | None:
        """Hidden states of a caption; None if another process has made its contexts meanwhile and taken them away."""
        try:
            return self.cache.read(self._hidden_key(caption))["hidden"]
        except FileNotFoundError:
            if self.cache.has(key):
                return None
            raise

    def _load_connectors(self) -> TextConnectors:
        dtype = torch.float32 if self.device.type == "cpu" else torch.bfloat16
        return self.checkpoint.load_text_connectors(dtype=dtype, device=self.device)


def _hidden_states(gemma: GemmaEncoder, batch: Sequence[_Pending]) -> list[Tensor]:
    """Hidden states of each caption on the host, `(layers, tokens, D)`, without padding."""
    hidden, _ = gemma.encode([one.caption for one in batch], trimmed=True)
    return [states[:, states.shape[1] - one.tokens :].cpu() for one, states in zip(batch, hidden, strict=True)]


def _size(batch: Sequence[_Pending]) -> int:
    return len(batch) * max(_SHORTEST, *(one.tokens for one in batch))
