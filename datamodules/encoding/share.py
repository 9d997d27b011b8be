"""What one rank encodes: every n-th of all entries of a kind, as far as the cache lacks them.

Shares are made from the list of all entries, not from the missing ones: the list is the same on every rank at any time,
while what is missing changes as the others work.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch

from datamodules.cache import LatentCache
from datamodules.encoding.entries import AudioEntry, MaskEntry, MediaEntry, VideoEntry
from datamodules.encoding.latent_encoder import LatentEncoder
from datamodules.encoding.pipeline import decoding_threads
from datamodules.encoding.text_encoder import TextEncoder, TextSettings
from ltx_module.checkpoint import Checkpoint


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a process works."""

    device: torch.device
    """Its accelerator, or the CPU."""
    rank: int = 0
    """Its number."""
    world_size: int = 1
    """Number of processes."""

    @property
    def is_first(self) -> bool:
        """Whether this is the process that reports."""
        return self.rank == 0


def encode_media(entries: Iterable[MediaEntry], cache: LatentCache, checkpoint: Checkpoint, place: Place) -> None:
    """Encodes this rank's missing entries: all masks, all video, then all sound, one component loaded at a time.

    Args:
        entries: What the recipe uses, alike on every rank.
        cache: Where the entries go; a clip that cannot be encoded leaves a failure there.
        checkpoint: Holds the VAEs.
        place: Device and share.

    Raises:
        OSError: If the cache cannot be written.
        MemoryError: If a clip does not fit on the device.
    """
    encoder = LatentEncoder(
        checkpoint, cache, device=place.device, threads=decoding_threads(place.world_size), shown=place.is_first
    )
    masks, video, audio = dict[str, MaskEntry](), dict[str, VideoEntry](), dict[str, AudioEntry]()
    for entry in entries:
        if isinstance(entry, VideoEntry):
            video[entry.key] = entry
        elif isinstance(entry, AudioEntry):
            audio[entry.key] = entry
        else:
            masks[entry.key] = entry
    encoder.write_masks([masks[key] for key in _share(masks, cache, place)])
    encoder.encode_video([video[key] for key in _share(video, cache, place)])
    encoder.encode_audio([audio[key] for key in _share(audio, cache, place)])


def encode_captions(
    captions: Mapping[str, str], cache: LatentCache, checkpoint: Checkpoint, settings: TextSettings, place: Place
) -> None:
    """Encodes this rank's missing captions with Gemma, then with the connectors.

    Args:
        captions: Final captions by the key of their entries.
        cache: Where the entries go.
        checkpoint: Holds the connectors.
        settings: How captions are encoded.
        place: Device and share.

    Raises:
        OSError: If the cache cannot be written.
    """
    own = {key: captions[key] for key in _share(captions, cache, place)}
    TextEncoder(checkpoint, cache, settings, device=place.device, shown=place.is_first).encode(own)


def _share(keys: Iterable[str], cache: LatentCache, place: Place) -> list[str]:
    return [key for key in sorted(keys)[place.rank :: place.world_size] if not cache.has(key)]
