"""Conditions that fill in: a part of the picture is given for the whole clip, or a mask says what is."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ltx_module.diffusion.conditioning.base import Conditioning, Given, GivenTokens, ModalityName, Source
from ltx_module.diffusion.grids import PIXEL_STRIDE


class SpatialCrop(GivenTokens):
    """Widen a picture: a rectangle of it is given through the whole clip, and what lies around it is generated.

    Args:
        probability: Part of the training items it applies to.
        region: What is given: top, left, bottom and right, in pixels of the bucket, or in parts of its height and width
            if none is above 1, such as `[0, 0.25, 1, 0.75]`; rounded to the VAE's squares of 32 pixels.
    """

    def __init__(self, probability: float = 1.0, region: Sequence[float] = (0.0, 0.25, 1.0, 0.75)) -> None:
        super().__init__(probability)
        self.region = tuple(region)
        top, left, bottom, right = self.region if len(self.region) == 4 else (0, 0, 0, 0)
        if not (0 <= top < bottom and 0 <= left < right):
            raise ValueError(
                f"`region` of {self.name} is {list(region)}, but must be [top, left, bottom, right] with top above"
                " bottom and left of right: [0, 0.25, 1, 0.75] gives the middle half."
            )

    def clean_tokens(self, shape: Sequence[int], fps: float) -> Tensor:  # noqa: ARG002 - any rate
        """The tokens of the rectangle, in every latent frame."""
        frames, height, width = shape[-3:]
        scale = (height, width) if max(self.region) <= 1 else (1 / PIXEL_STRIDE, 1 / PIXEL_STRIDE)
        top, left, bottom, right = (
            round(edge * factor) for edge, factor in zip(self.region, (*scale, *scale), strict=True)
        )
        if bottom > height or right > width:
            raise ValueError(
                f"`region` of {self.name} is {list(self.region)}, which reaches beyond the"
                f" {width * PIXEL_STRIDE}x{height * PIXEL_STRIDE} pixels of the clip"
            )
        clean = torch.zeros(frames, height, width, dtype=torch.bool)
        clean[:, top:bottom, left:right] = True
        if not clean.any() or clean.all():
            raise ValueError(
                f"`region` of {self.name} is {list(self.region)}, which is {'all' if clean.all() else 'nothing'} of the"
                f" {width * PIXEL_STRIDE}x{height * PIXEL_STRIDE} pixels of the clip in squares of {PIXEL_STRIDE}"
            )
        return clean.flatten()


class Mask(Conditioning):
    """Replace a part: what is black in the clip's mask is given, what is white is generated.

    Args:
        probability: Part of the training items it applies to.
        modality: `video` or `audio`.
    """

    def __init__(self, probability: float = 1.0, modality: ModalityName = "video") -> None:
        super().__init__(probability, modality)

    @property
    def media(self) -> tuple[tuple[str, ...], ...]:
        """A clip with its mask."""
        return ((self.modality, f"{self.modality}_mask"),)

    def is_possible(self, source: Source) -> bool:
        """Whether there are a clip and its mask."""
        return source.mask is not None and source.latents is not None

    def given(self, source: Source) -> Given:
        """The tokens under black."""
        assert source.mask is not None, "the data module was set up without masks"
        return Given(clean=source.mask.flatten(1))
