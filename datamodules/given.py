"""What conditions take beside the clip itself, encoded: references, masks, stills of frames, and a sample's own media.

Shapes: B items, C channels, F latent frames, H and W latent height and width, L audio latents, M mel bins; a prime
marks a reference's own size, which the recipe's factors make smaller than the clip's.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What is given of each item: batched in a `LatentBatch`, a batch of one in a `LatentItem` and for a sample."""

    video: Tensor | None = None
    """Latents of the given video, `(B, C, F, H, W)`, bf16; for samples alone, since training takes the clip's."""
    audio: Tensor | None = None
    """Latents of the given sound, `(B, C, L, M)`, fp32; for samples alone."""
    video_reference: Tensor | None = None
    """Latents of the reference video, `(B, C, F', H', W')`, bf16."""
    audio_reference: Tensor | None = None
    """Latents of the reference sound, `(B, C, L', M)`, fp32."""
    video_mask: Tensor | None = None
    """`(B, F, H, W)`, bool; True is given, False is regenerated."""
    audio_mask: Tensor | None = None
    """`(B, L)`, bool; True is given, False is regenerated."""
    keyframes: Mapping[int, Tensor] = field(default_factory=dict)
    """Latents of stills, `(B, C, 1, H, W)`, bf16, by the pixel frame as the recipe names it."""

    @property
    def names(self) -> frozenset[str]:
        """What is there, such as `video_mask` and `keyframe -1`."""
        present = {name for name, value in self._fields().items() if isinstance(value, Tensor)}
        return frozenset(present | {f"keyframe {frame}" for frame in self.keyframes})

    @property
    def tensors(self) -> list[Tensor]:
        """Everything there is, in a fixed order."""
        own = [value for value in self._fields().values() if isinstance(value, Tensor)]
        return own + [self.keyframes[frame] for frame in sorted(self.keyframes)]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """The same with all tensors on `device`."""
        return self.changed(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """The same in page-locked memory."""
        return self.changed(lambda tensor: tensor.pin_memory())

    def changed(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same with `change` done to all tensors."""
        tensors = {name: change(value) for name, value in self._fields().items() if isinstance(value, Tensor)}
        keyframes = {frame: change(value) for frame, value in self.keyframes.items()}
        return dataclasses.replace(self, **tensors, keyframes=keyframes)

    def _fields(self) -> dict[str, object]:
        return {entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self)}


def join(items: Sequence[Given]) -> Given:
    """What is given of several items, one after the other along B.

    Raises:
        ValueError: If they do not have the same things, or things of one shape.
    """
    first = items[0]
    if any(item.names != first.names for item in items):
        names = " and ".join(sorted({", ".join(sorted(item.names)) or "nothing" for item in items}))
        raise ValueError(f"A batch holds items of which the same is given, not {names}.")

    def joined(name: str) -> Tensor | None:
        tensors = [getattr(item, name) for item in items]
        return None if tensors[0] is None else torch.cat(tensors)

    return Given(
        video=joined("video"),
        audio=joined("audio"),
        video_reference=joined("video_reference"),
        audio_reference=joined("audio_reference"),
        video_mask=joined("video_mask"),
        audio_mask=joined("audio_mask"),
        keyframes={frame: torch.cat([item.keyframes[frame] for item in items]) for frame in first.keyframes},
    )
